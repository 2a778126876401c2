package cli

import (
	"context"
	"fmt"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
)

// revertDrift orders a plan that puts back what a check has just found, and waits
// until it is made, or until it is known why there is none.
func (o *Options) revertDrift(ctx context.Context, name string) error {
	c, obj, err := o.get(ctx, name)
	if err != nil {
		return err
	}
	p := o.painter()
	switch a := obj.Spec.Actions; {
	case !obj.Status.DriftDetected:
		return nil // what is shown next says so
	case a != nil && a.Deploy != nil && !*a.Deploy:
		return fmt.Errorf("drift of %s is not put back: set spec.actions.deploy to true", name)
	case obj.Status.Held != nil && obj.Status.Held.Kind == v1alpha1.OperationDeploy:
		return fmt.Errorf("a deployment of %s waits and comes first: %s shows for what", name, p.call("status", obj))
	}
	at := o.Now().UTC().Format(time.RFC3339Nano)
	if err := annotate(ctx, c, obj, map[string]*string{v1alpha1.RevertDriftAnnotation: &at}); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(o.Streams.ErrOut, p.in(faint, "# ordered; it waits for the plan"))
	return o.each(ctx, name, func(obj *v1alpha1.CdkTsStack) (bool, error) {
		if obj == nil {
			return true, fmt.Errorf("%s is gone", name)
		}
		st := &obj.Status
		op := st.Operation
		return st.Orders != nil && st.Orders.RevertDrift == at && (op == nil || op.Kind != v1alpha1.OperationRevert), nil
	})
}

// heldRevert says whether a plan that puts drift back waits.
func heldRevert(o *v1alpha1.CdkTsStack) bool {
	return o.Status.Held != nil && o.Status.Held.Kind == v1alpha1.OperationRevert
}

// showIgnored tells what rules ignore, and which have never matched anything.
func showIgnored(p painter, d *v1alpha1.DriftStatus) {
	if i := d.Ignored; i != nil {
		p.printf("\nIgnored by spec.drift.ignore: %d\n", i.Count)
		t := &table{p: p}
		for _, one := range i.Differences {
			t.paint([]color{plain, plain, faint, faint}, one.LogicalID, one.Path, one.Type, fmt.Sprintf("ignore[%d]", one.Rule))
		}
		if more := int(i.Count) - len(i.Differences); more > 0 {
			t.add(fmt.Sprintf("and %d more", more))
		}
		t.write("  ")
	}
	if len(d.Unmatched) == 0 {
		return
	}
	p.printf("\nRules that have matched nothing since spec.drift was edited:\n")
	for _, rule := range d.Unmatched {
		p.printf("  %s\n", p.in(yellow, rule))
	}
}

// showRevert tells of the plan that puts the drift back, and what came of the last.
func showRevert(p painter, o *v1alpha1.CdkTsStack) {
	c := o.Status.Changes
	if heldRevert(o) && c != nil && c.Operation == o.Status.Held.ID {
		p.printf("\nA plan that puts it back waits:\n")
		showChanges(p, c)
		for _, line := range gateLines(p, o) {
			p.printf("    %s\n", line)
		}
		return
	}
	if r := o.Status.Drift.Remediation; r != nil {
		m := map[v1alpha1.RevertState]mark{
			v1alpha1.RevertVerified: markGood, v1alpha1.RevertExecuted: markWorking, v1alpha1.RevertNotNeeded: markPaused,
		}[r.State]
		if m == (mark{}) {
			m = markBad
		}
		p.printf("\n%s\n", p.mark(m, r.Message))
	}
}
