package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"
)

// skip has a rollback that is stuck go on without some resources, of those that it
// is stuck at.
func (o *Options) skip(ctx context.Context, name string, ids []string, yes bool) error {
	c, obj, err := o.get(ctx, name)
	if err != nil {
		return err
	}
	stuck := obj.Status.Stuck
	switch {
	case stuck == nil:
		return fmt.Errorf("no rollback of %s is stuck: %s says what it is doing", obj.Name, o.painter().call("status", obj))
	case len(ids) == 0:
		return errUsage{fmt.Errorf("--skip needs resources: the rollback of %s is stuck at %s", obj.Name, strings.Join(stuck.Resources, ", "))}
	}
	for _, id := range ids {
		if !slices.Contains(stuck.Resources, id) {
			return fmt.Errorf("the rollback of %s is stuck at %s, not at %s", obj.Name, strings.Join(stuck.Resources, ", "), id)
		}
	}
	order := strings.Join(ids, ",")
	if order == obj.Annotations[v1alpha1.SkipResourcesAnnotation] {
		return fmt.Errorf("the rollback of %s was told to go on without %s already, and it is still stuck: %s says at what", obj.Name, order, o.painter().call("status", obj))
	}
	p := o.painter()
	p.printf("The rollback of %s goes on without %s.\n", printable(obj.Name), printable(strings.Join(ids, ", ")))
	p.printf("  - they stay as they are and no longer match the template\n")
	p.printf("  - the next drift check names them; deploy a template that fits them\n")
	if !yes {
		if agreed, err := o.confirm("Go on without them?"); err != nil || !agreed {
			return errors.Join(err, refused(agreed, err))
		}
	}
	if err := annotate(ctx, c, obj, map[string]*string{v1alpha1.SkipResourcesAnnotation: &order}); err != nil {
		return err
	}
	o.say("ordered; %s shows how it goes", p.call("status -w", obj))
	return nil
}
