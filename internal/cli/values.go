package cli

import (
	"context"
	"fmt"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// showWhole shows a plan as a whole, with its values.
func (o *Options) showWhole(ctx context.Context, c client.Client, obj *v1alpha1.CdkTsStack, output string) error {
	details, err := planDetails(ctx, c, obj)
	if err != nil {
		return err
	}
	if output != "" {
		return o.write(output, details)
	}
	p := o.painter()
	p.printf("%s\n", planState(obj))
	showDetails(p, details)
	showValidation(p, details.Validation)
	return nil
}

// planDetails reads the ConfigMap of a plan.
func planDetails(ctx context.Context, c client.Client, obj *v1alpha1.CdkTsStack) (*v1alpha1.PlanDetails, error) {
	changes := obj.Status.Changes
	if changes.DetailsConfigMap == "" {
		return nil, fmt.Errorf("the values of the plan of %s are in no ConfigMap: an operator of an earlier version made it, or spec.outputs has taken the name; kubectl cdk plan %s shows the rest", obj.Name, obj.Name)
	}
	key := client.ObjectKey{Namespace: obj.Namespace, Name: changes.DetailsConfigMap}
	var m corev1.ConfigMap
	err := c.Get(ctx, key, &m)
	switch {
	case apierrors.IsForbidden(err):
		return nil, fmt.Errorf("you may not read the ConfigMap %s in the namespace %s, which has the values: ask for the right to get configmaps there, or leave out --property-values", key.Name, key.Namespace)
	case apierrors.IsNotFound(err):
		return nil, fmt.Errorf("the ConfigMap %s in the namespace %s, which has the values, is not there: the events of %s say why it could not be written, if so; kubectl cdk deploy %s makes another plan", key.Name, key.Namespace, obj.Name, obj.Name)
	case err != nil:
		return nil, fmt.Errorf("read the ConfigMap %s: %w", key.Name, err)
	}
	var details v1alpha1.PlanDetails
	if err := yaml.Unmarshal([]byte(m.Data[v1alpha1.PlanDetailsKey]), &details); err != nil {
		return nil, fmt.Errorf("the ConfigMap %s holds no plan under %s: %w", key.Name, v1alpha1.PlanDetailsKey, err)
	}
	if details.Operation != changes.Operation || details.Digest != changes.Digest {
		return nil, fmt.Errorf("the ConfigMap %s has the values of another plan, %s: the events of %s say why that of %s could not be written, if so", key.Name, details.Digest, obj.Name, changes.Digest)
	}
	return &details, nil
}

// showDetails draws all changes of a plan, and below each its values.
func showDetails(p painter, d *v1alpha1.PlanDetails) {
	p.printf("  plan %s: %s\n", printable(d.Digest), printable(d.Summary))
	for _, r := range d.Resources {
		s := signs[r.Action]
		c := classColor(r.ResourceChange, s.color)
		p.printf("\n    %s %s  %s\n", p.in(c, s.sign), p.in(c, r.LogicalID), p.in(faint, r.Type))
		if said := remarks(r.ResourceChange); said != "" {
			p.printf("      %s\n", printable(said))
		}
		for _, v := range r.Values {
			p.printf("      %s\n", valueLine(p, v))
		}
		if r.MoreValues > 0 {
			p.printf("      and %d more values\n", r.MoreValues)
		}
	}
	if d.Omitted > 0 {
		p.printf("\n    and %d more, for which there was no room\n", d.Omitted)
	}
	if d.NoValues != "" {
		p.printf("\n  %s\n", p.in(yellow, "some values are missing: "+d.NoValues))
	}
}

func valueLine(p painter, v v1alpha1.ChangedValue) string {
	line := printable(strings.TrimPrefix(v.Path, "/Properties")) + ": "
	switch {
	case v.Before == nil && v.After == nil:
		line += "changes"
	case v.Before == nil:
		line += p.in(green, "+ "+known(*v.After))
	case v.After == nil:
		line += p.in(red, "- "+known(*v.Before))
	default:
		line += p.in(red, known(*v.Before)) + " → " + p.in(green, known(*v.After))
	}
	if v.Cause != "" {
		line += p.in(faint, "  (by "+v.Cause+")")
	}
	return line
}

// known names what CloudFormation cannot tell yet.
func known(value string) string {
	return strings.ReplaceAll(value, "{{changeSet:KNOWN_AFTER_APPLY}}", "(known once executed)")
}

// showValidation tells what the app's own validators found.
func showValidation(p painter, v *v1alpha1.Validation) {
	if v == nil {
		return
	}
	p.printf("\n  the app's validators found %d, and the app suppresses %d\n", v.Violations, v.Suppressed)
	t := &table{p: p}
	for _, f := range v.Findings {
		severity, c, why := f.Severity, yellow, f.Message
		if f.Suppressed {
			severity, c = "suppressed", faint
			if f.Reason != "" {
				why += " (because: " + f.Reason + ")"
			}
		}
		t.paint([]color{c, c}, severity, f.Plugin+" "+f.Rule, f.Path, why)
	}
	if more := int(v.Violations+v.Suppressed) - len(v.Findings); more > 0 {
		t.add(fmt.Sprintf("and %d more", more))
	}
	t.write("    ")
}
