package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func newDestroy(o *Options) *cobra.Command {
	var yes, wait bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use: "destroy NAME", Short: "Delete an object with its stack", Args: named,
		Long: "Delete an object, and with it its stack in AWS unless actions.destroy is false. It shows what will go, and asks for the name.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.destroy(cmd.Context(), args[0], yes, wait); err != nil || !wait {
				return err
			}
			ctx, stop, err := within(cmd.Context(), timeout) // what a person thinks about takes no time off it
			if err != nil {
				return err
			}
			defer stop()
			return o.awaitEnd(ctx, args[0])
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	cmd.Flags().BoolVar(&wait, "wait", false, "follow it to the end")
	durationFlag(cmd, &timeout)
	return cmd
}

func (o *Options) destroy(ctx context.Context, name string, yes, wait bool) error {
	c, obj, err := o.get(ctx, name)
	if err != nil {
		return err
	}
	if obj.DeletionTimestamp.IsZero() {
		waitsFor, needing := dependents(ctx, c, obj)
		showDestruction(o.painter(), obj, waitsFor, needing)
		if err := o.agreed(obj, yes); err != nil {
			return err
		}
		same := client.Preconditions{UID: &obj.UID}
		if err := c.Delete(ctx, obj, same); err != nil {
			return fmt.Errorf("delete the CdkTsStack %s: %w", name, err)
		}
		o.say("%s is being deleted", name)
	} else {
		o.say("%s is being deleted already", name)
	}
	if !wait {
		o.say("%s shows how it goes", o.painter().call("status -w", obj))
	}
	return nil
}

// agreed has a person type the name of what is to be deleted.
func (o *Options) agreed(obj *v1alpha1.CdkTsStack, yes bool) error {
	if yes {
		return nil
	}
	_, _ = fmt.Fprintf(o.Streams.ErrOut, "Type the name of the object to delete it: ")
	answer, err := o.answer()
	if err != nil {
		return err
	}
	if answer != obj.Name {
		return fmt.Errorf("that is not %s: %w", obj.Name, errNothingDone)
	}
	return nil
}

// showDestruction tells what goes with an object.
func showDestruction(p painter, obj *v1alpha1.CdkTsStack, waitsFor, needing []string) {
	p.printf("With %s/%s:\n", printable(obj.Namespace), printable(obj.Name))
	var lines []string
	c, fate := fate(obj)
	lines = append(lines, p.in(c, fate))
	if c == red {
		lines = append(lines, p.in(plain, contents(obj)))
		if d := obj.Status.Deployed; d != nil && d.Plan.TerminationProtection != nil && *d.Plan.TerminationProtection {
			lines = append(lines, p.in(yellow, "the app turns on termination protection: CloudFormation refuses the deletion until that is off"))
		}
		if len(waitsFor) > 0 {
			lines = append(lines, p.in(yellow, "it waits until these objects are gone, which depend on it: "+strings.Join(waitsFor, ", ")))
		}
		if len(needing) > 0 {
			lines = append(lines, p.in(red, "these stacks of the same app need it: "+strings.Join(needing, ", ")))
		}
	}
	lines = append(lines, guards(p, obj, c == red)...)
	for _, line := range lines {
		p.printf("  - %s\n", line)
	}
}

// fate is what becomes of the stack; red when it goes.
func fate(obj *v1alpha1.CdkTsStack) (color, string) {
	st, a := &obj.Status, obj.Spec.Actions
	stack := obj.Spec.StackName
	if st.StackID != "" {
		stack = st.StackID
	}
	switch {
	case a != nil && a.Destroy != nil && !*a.Destroy:
		return green, "the stack stays, since actions.destroy is false: " + stack
	case st.StackID == "" && st.Deployed == nil && st.LastDeploy == nil && !executing(obj):
		return green, "no stack was made yet"
	case st.StackClaim == v1alpha1.ClaimReleased:
		return green, "the stack stays, since it is somebody else's: " + stack
	case st.StackClaim == v1alpha1.ClaimMade && !executing(obj):
		return yellow, "the stack holds nothing yet; it is deleted if it is still empty: " + stack
	}
	return red, "THE STACK IS DELETED WITH ALL ITS RESOURCES that the app does not retain: " + stack
}

// executing says whether CloudFormation is at work for a deployment: the stack is
// ours from then on, though the status may not say so yet.
func executing(obj *v1alpha1.CdkTsStack) bool {
	op := obj.Status.Operation
	return op != nil && op.Kind == v1alpha1.OperationDeploy && op.Step == v1alpha1.StepExecuting
}

// contents is what the status knows of the stack's resources: their number while
// one deployment made all of them.
func contents(obj *v1alpha1.CdkTsStack) string {
	list := fmt.Sprintf("aws cloudformation list-stack-resources --region %s --stack-name %s", shellWord(obj.Spec.AWSRegion), shellWord(stackOf(obj)))
	c := obj.Status.Changes
	changed := slices.DeleteFunc(slices.Clone(obj.Status.History), func(e v1alpha1.HistoryEntry) bool { return e.Changes == "" })
	if c == nil || c.Add == 0 || c.Modify+c.Replace+c.Remove+c.Import > 0 || len(changed) != 1 || changed[0].Operation != c.Operation || changed[0].Outcome != v1alpha1.OutcomeSucceeded {
		return "how many they are is not in the object; this lists them: " + list
	}
	return fmt.Sprintf("it has %d resources, as first deployed; this lists them: %s", c.Add, list)
}

func stackOf(obj *v1alpha1.CdkTsStack) string {
	if obj.Status.StackID != "" {
		return obj.Status.StackID
	}
	return obj.Spec.StackName
}

// guards are what runs and what waits before and after.
func guards(p painter, obj *v1alpha1.CdkTsStack, destroys bool) []string {
	var lines []string
	if h := obj.Spec.LifecycleHooks; h != nil {
		if h.BeforeDestroy != "" {
			lines = append(lines, p.in(plain, "the hook beforeDestroy runs before; when it fails, all stays"))
		}
		if h.AfterDestroy != "" && destroys {
			lines = append(lines, p.in(plain, "the hook afterDestroy runs after"))
		}
	}
	if obj.Spec.Suspend {
		lines = append(lines, p.in(yellow, "it is suspended: nothing happens until "+p.call("resume", obj)))
	}
	if op := obj.Status.Operation; op != nil && isForeground(op) {
		lines = append(lines, p.in(yellow, "it is "+doing(op)+": what CloudFormation does is followed to its end first"))
	}
	if by := appliedBy(obj); by != "" {
		lines = append(lines, p.in(yellow, "the object is applied by "+by+", which will make it again: take its manifest away"))
	}
	return lines
}

// dependents are the objects of the namespace that say that they need this one, for
// which its deletion waits, and those whose app says that it needs its stack. Those
// that may not be listed are not known.
func dependents(ctx context.Context, c client.Client, obj *v1alpha1.CdkTsStack) (said, ofApp []string) {
	var list v1alpha1.CdkTsStackList
	if c.List(ctx, &list, client.InNamespace(obj.Namespace)) != nil {
		return nil, nil
	}
	for i := range list.Items {
		switch other := &list.Items[i]; {
		case other.Name == obj.Name:
		case slices.Contains(decide.DependsOn(&other.Spec), obj.Name):
			said = append(said, other.Name)
		case appNeeds(other, obj):
			ofApp = append(ofApp, other.Name)
		}
	}
	return said, ofApp
}

// appNeeds says whether the app of one object, as it is deployed, needs the stack of
// another.
func appNeeds(other, obj *v1alpha1.CdkTsStack) bool {
	d := other.Status.Deployed
	if d == nil || obj.Status.Deployed == nil || other.Spec.Source.Git.Repository != obj.Spec.Source.Git.Repository {
		return false
	}
	own := &obj.Status.Deployed.Plan
	return d.Plan.Region == own.Region && d.Plan.Account == own.Account &&
		(slices.Contains(d.Plan.DependsOn, own.StackName) || own.ArtifactID != "" && slices.Contains(d.Plan.DependsOn, own.ArtifactID))
}

// awaitEnd follows a deletion until the object is gone.
func (o *Options) awaitEnd(ctx context.Context, name string) error {
	told := ""
	err := o.each(ctx, name, func(obj *v1alpha1.CdkTsStack) (bool, error) {
		if obj == nil {
			o.say("%s is gone", name)
			return true, nil
		}
		if obj.DeletionTimestamp.IsZero() {
			return true, errors.New("another object of the name " + name + " was made meanwhile")
		}
		m, text := state(obj, o.Now())
		if ready := meta.FindStatusCondition(obj.Status.Conditions, v1alpha1.ConditionReady); ready != nil && m == markBad {
			text += ": " + ready.Message
		}
		if text != told {
			told = text
			p := o.painter()
			p.printf("%s\n", p.mark(m, text))
		}
		return false, nil
	})
	if errors.Is(err, errNoObject) {
		o.say("%s is gone", name)
		return nil
	}
	return err
}
