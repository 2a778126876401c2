package cli

import (
	"context"
	"fmt"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

func newWhy(o *Options) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "why NAME", Short: "Say why a stack is not ready, and what to do", Args: named,
		Long: "Say why a stack is not ready, what to do, and what AWS knows of the causes of its last failure: further failures, what hooks advise, refused calls, the last lines of logs. With -o the causes only.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, obj, err := o.get(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if output != "" {
				details, err := causesOf(cmd.Context(), c, obj)
				if err != nil {
					return err
				}
				return o.write(output, details)
			}
			p := o.painter()
			showWhy(p, obj, o.Now())
			if obj.Status.Causes != nil {
				details, err := causesOf(cmd.Context(), c, obj)
				if err != nil {
					p.printf("\n%s\n", p.in(yellow, "More of the causes: "+err.Error()))
				} else {
					showCauses(p, obj, details, o.Now())
				}
			}
			return readiness(obj)
		},
	}
	outputFlag(cmd, &output)
	return cmd
}

// causesOf reads the ConfigMap of the causes of the last failure.
func causesOf(ctx context.Context, c client.Client, obj *v1alpha1.CdkTsStack) (*v1alpha1.CauseDetails, error) {
	s := obj.Status.Causes
	switch {
	case s == nil:
		return nil, fmt.Errorf("nothing of %s has failed in CloudFormation since its last good deployment, or the operator does not look for causes (--cause-sources, spec.causes)", obj.Name)
	case s.Looks == 0:
		return nil, fmt.Errorf("the operator is still looking for the causes of %s: try again in a moment", s.Operation)
	case s.ConfigMap == "":
		return nil, fmt.Errorf("the causes of %s are in no ConfigMap, since spec.outputs has taken its name", obj.Name)
	}
	key := client.ObjectKey{Namespace: obj.Namespace, Name: s.ConfigMap}
	var m corev1.ConfigMap
	err := c.Get(ctx, key, &m)
	switch {
	case apierrors.IsForbidden(err):
		return nil, fmt.Errorf("you may not read the ConfigMap %s in the namespace %s, which has them: ask for the right to get configmaps there", key.Name, key.Namespace)
	case apierrors.IsNotFound(err):
		return nil, fmt.Errorf("the ConfigMap %s in the namespace %s, which has them, is not there: the events of %s say why it could not be written, if so", key.Name, key.Namespace, obj.Name)
	case err != nil:
		return nil, fmt.Errorf("read the ConfigMap %s: %w", key.Name, err)
	}
	var details v1alpha1.CauseDetails
	if err := yaml.Unmarshal([]byte(m.Data[v1alpha1.CausesKey]), &details); err != nil {
		return nil, fmt.Errorf("the ConfigMap %s holds no causes under %s: %w", key.Name, v1alpha1.CausesKey, err)
	}
	if details.Operation != s.Operation {
		return nil, fmt.Errorf("the ConfigMap %s has the causes of another failure, %s: the events of %s say why those of %s could not be written, if so", key.Name, details.Operation, obj.Name, s.Operation)
	}
	return &details, nil
}

// showCauses draws what AWS knows of the causes of a failure.
func showCauses(p painter, o *v1alpha1.CdkTsStack, d *v1alpha1.CauseDetails, now time.Time) {
	of := "the failure"
	if h := o.Status.History; len(h) > 0 && h[0].Operation != d.Operation {
		of = "an earlier failure"
	}
	p.printf("\nWhat AWS knows of %s %s (asked %s):\n", of, ago(d.FailedAt.Time, now), ago(d.GatheredAt.Time, now))
	if len(d.Causes) == 0 {
		p.printf("  nothing\n")
	}
	for _, c := range d.Causes {
		showCause(p, c)
	}
	if d.Omitted > 0 {
		p.printf("  and %d more\n", d.Omitted)
	}
	for _, note := range d.Notes {
		p.printf("  %s\n", p.in(yellow, note))
	}
	if at := o.Status.Causes.LookAgainAt; at != nil {
		p.printf("  %s\n", p.in(faint, "CloudTrail is asked once more in "+span(at.Sub(now))))
	}
}

func showCause(p painter, c v1alpha1.Cause) {
	where := ""
	if c.LogicalID != "" {
		where = "  " + c.LogicalID
	}
	if c.Type != "" {
		where += "  " + p.in(faint, c.Type)
	}
	p.printf("  %s%s\n", p.in(red, string(c.Source)), where)
	p.printf("     %s\n", printable(c.Message))
	if c.Remediation != "" {
		p.printf("     %s\n", p.in(green, "Advice: "+printable(c.Remediation)))
	}
	if c.Link != "" {
		p.printf("     %s\n", printable(c.Link))
	}
	if c.Origin != "" {
		p.printf("     %s\n", p.in(faint, printable(c.Origin)))
	}
	for _, line := range c.Lines {
		p.printf("     | %s\n", printable(line))
	}
	if c.Cut {
		p.printf("     %s\n", p.in(faint, "| … there are more lines, or longer ones"))
	}
}

// showWhy says what keeps an object from being ready, and what happens next.
func showWhy(p painter, o *v1alpha1.CdkTsStack, now time.Time) {
	m, text := state(o, now)
	p.printf("%s\n", p.mark(m, text))
	ready := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil {
		return
	}
	p.printf("%s, for %s\n\n%s\n\n", printable(ready.Reason), span(now.Sub(ready.LastTransitionTime.Time)), printable(ready.Message))
	p.printf("%s\n", next(p, o, ready))
	if text := whyUnhealthy(o); text != "" {
		p.printf("%s\n", p.in(red, text))
	}
	if s := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionSourceAvailable); s != nil && s.Status == metav1.ConditionFalse && s.Message != ready.Message {
		p.printf("%s\n", p.in(yellow, "The repository cannot be read: "+s.Message))
	}
	if d := o.Status.Drift; d != nil && d.Error != "" {
		p.printf("%s\n", p.in(yellow, "The last drift check gave no answer: "+d.Error))
	}
}

// next says what happens by itself, and what a person has to do.
func next(p painter, o *v1alpha1.CdkTsStack, ready *metav1.Condition) string {
	switch {
	case ready.Status == metav1.ConditionTrue && o.Spec.Suspend:
		return "Nothing happens until: " + p.call("resume", o)
	case ready.Status == metav1.ConditionTrue && unhealthy(o) != nil:
		return "It is deployed as it should be; what its checks found is below."
	case ready.Status == metav1.ConditionTrue:
		return "It is as it should be."
	case meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionApprovalPending):
		return "It waits for a person: " + p.call("plan", o) + ", then " + p.call("approve", o) + " or " + p.call("acknowledge", o)
	case ready.Reason == "PolicyDenied":
		return "It goes on when the app or the policy is changed: " + p.call("plan", o) + " shows what breaks it"
	case meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionStalled):
		return "It is not tried again by itself. Put right what the message says; when that is no edit of the object or a new commit: " + p.call("deploy", o)
	case o.Spec.Suspend:
		return "Nothing happens until: " + p.call("resume", o)
	}
	return "It goes on by itself: " + p.call("status -w", o)
}
