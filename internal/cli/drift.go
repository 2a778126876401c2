package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func newDrift(o *Options) *cobra.Command {
	var output string
	var check, revert bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use: "drift NAME", Short: "Show how a stack differs from its template, as last checked", Args: named,
		Long: "Show how a stack differs from its template, as last checked, or as --check finds it. Exit code 3 when it has drifted, or when that is not known. --revert has a plan made that puts the drift back, and shows it: it is executed when it is approved, or at once where spec.drift.remediate is Auto.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if check || revert {
				if err := o.checkDrift(cmd.Context(), args[0]); err != nil {
					return err
				}
			}
			if revert {
				if err := o.revertDrift(cmd.Context(), args[0]); err != nil {
					return err
				}
			}
			if output != "" {
				return o.dump(cmd.Context(), args[0], output, "status", "drift")
			}
			_, obj, err := o.get(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			showDrift(o.painter(), obj, o.Now())
			if m, _ := driftVerdict(obj, o.Now()); m != markGood {
				return errNotReady
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "order a check, and wait for its answer")
	cmd.Flags().BoolVar(&revert, "revert", false, "order a check and, when it finds drift, a plan that puts it back")
	outputFlag(cmd, &output)
	timeoutFlag(cmd, &timeout)
	return cmd
}

// checkDrift orders a check and waits for its answer.
func (o *Options) checkDrift(ctx context.Context, name string) error {
	c, obj, err := o.get(ctx, name)
	if err != nil {
		return err
	}
	p := o.painter()
	switch a := obj.Spec.Actions; {
	case !obj.DeletionTimestamp.IsZero():
		return fmt.Errorf("%s is being deleted", name)
	case obj.Spec.Suspend:
		return fmt.Errorf("%s is suspended, and drift is not looked for: %s", name, p.call("resume", obj))
	case a != nil && a.DriftDetection != nil && !*a.DriftDetection:
		return fmt.Errorf("drift of %s is not looked for: set spec.actions.driftDetection to true", name)
	case obj.Status.Deployed == nil:
		return fmt.Errorf("%s has deployed nothing yet: %s says what it is doing", name, p.call("status", obj))
	}
	at := o.Now().UTC().Format(time.RFC3339Nano)
	if err := annotate(ctx, c, obj, map[string]*string{v1alpha1.CheckDriftAnnotation: &at}); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(o.Streams.ErrOut, p.in(faint, "# ordered; it waits for its answer"))
	return o.each(ctx, name, func(obj *v1alpha1.CdkTsStack) (bool, error) {
		if obj == nil {
			return true, fmt.Errorf("%s is gone", name)
		}
		return obj.Status.Orders != nil && obj.Status.Orders.CheckDrift == at, nil
	})
}

// driftVerdict is what is known of drift, in a few words.
func driftVerdict(o *v1alpha1.CdkTsStack, now time.Time) (mark, string) {
	text := ""
	if d := o.Status.Drift; d != nil && d.CheckedAt != nil {
		text = ", checked " + ago(d.CheckedAt.Time, now)
	}
	c := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionDrifted)
	switch {
	case c == nil && o.Spec.Actions != nil && o.Spec.Actions.DriftDetection != nil && !*o.Spec.Actions.DriftDetection:
		return markPaused, "not looked for: actions.driftDetection is false"
	case c == nil && o.Status.Deployed == nil:
		return markWaiting, ""
	case c == nil:
		return markWaiting, "not looked for yet since the last deployment"
	case c.Status == metav1.ConditionTrue:
		return markBad, "drifted" + text
	case c.Status == metav1.ConditionFalse:
		return markGood, "none" + text
	}
	if d := o.Status.Drift; d != nil && d.AttemptedAt != nil {
		text = ", tried " + ago(d.AttemptedAt.Time, now)
	}
	return markWaiting, "not known" + text
}

// showDrift tells each difference, what could not be looked at, and why there is
// no answer.
func showDrift(p painter, o *v1alpha1.CdkTsStack, now time.Time) {
	m, text := driftVerdict(o, now)
	if text == "" {
		text = "nothing is deployed yet"
	}
	p.printf("%s\n", p.mark(m, text))
	d := o.Status.Drift
	if d == nil {
		return
	}
	for _, r := range d.Resources {
		showDrifted(p, r)
	}
	if d.Omitted > 0 {
		p.printf("  and %d more\n", d.Omitted)
	}
	if d.Error != "" {
		p.printf("\n%s\n", p.in(yellow, "The last check gave no answer: "+d.Error))
		if d.CheckedAt != nil && len(d.Resources) > 0 {
			p.printf("What is shown is of the check before, %s.\n", ago(d.CheckedAt.Time, now))
		}
	}
	showUnchecked(p, d)
	showIgnored(p, d)
	showRevert(p, o)
	if w := d.Writers; w != nil && w.Error != "" {
		p.printf("\n%s\n", p.in(yellow, "Who changed it is not known: "+w.Error))
	}
}

func showDrifted(p painter, r v1alpha1.DriftedResource) {
	sign, c := "~", yellow
	if r.Change == "DELETED" {
		sign, c = "-", red
	}
	how := strings.ToLower(r.Change) + physical(r)
	if r.Severity != "" {
		how += ", " + strings.ToLower(string(r.Severity))
	}
	p.printf("  %s  %s  %s\n", p.in(c, sign+"  "+r.LogicalID), p.in(faint, r.Type), p.in(plain, how))
	t := &table{p: p}
	for _, q := range r.Properties {
		switch q.Change {
		case "ADD":
			t.paint([]color{plain, green}, q.Path, "is "+q.Actual+", and the template has nothing there")
		case "REMOVE":
			t.paint([]color{plain, red}, q.Path, "is gone, and the template has "+q.Expected)
		default:
			t.paint([]color{plain, yellow}, q.Path, "is "+q.Actual+", and the template has "+q.Expected)
		}
	}
	if r.PropertiesOmitted > 0 {
		t.add(fmt.Sprintf("and %d more", r.PropertiesOmitted))
	}
	t.write("       ")
	if w := r.ChangedBy; w != nil {
		p.printf("       %s\n", p.in(plain, fmt.Sprintf("changed by %s with %s, %s", w.Principal, w.Event, w.At.UTC().Format("Mon 2006-01-02 15:04Z"))))
	}
}

func physical(r v1alpha1.DriftedResource) string {
	if r.PhysicalID == "" {
		return ""
	}
	return fmt.Sprintf(" (%s)", r.PhysicalID)
}

func showUnchecked(p painter, d *v1alpha1.DriftStatus) {
	if len(d.Unchecked) == 0 {
		return
	}
	p.printf("\nNot looked at:\n")
	t := &table{p: p}
	for _, u := range d.Unchecked {
		t.paint([]color{yellow, faint}, u.LogicalID, u.Type, u.Reason)
	}
	if d.UncheckedOmitted > 0 {
		t.add(fmt.Sprintf("and %d more", d.UncheckedOmitted))
	}
	t.write("  ")
}
