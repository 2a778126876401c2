package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	"github.com/spf13/cobra"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// rolloutMarks are the signs of the states of rollouts.
var rolloutMarks = map[v1alpha1.RolloutState]mark{
	v1alpha1.RolloutInProgress: markWorking, v1alpha1.RolloutPaused: markPaused, v1alpha1.RolloutRollingBack: markBad,
	v1alpha1.RolloutSucceeded: markGood, v1alpha1.RolloutRolledBack: markBad, v1alpha1.RolloutFailed: markBad, v1alpha1.RolloutUnknown: markWaiting,
}

// rolloutLines tell how the rollouts of the deployment stand, a line each.
func rolloutLines(p painter, o *v1alpha1.CdkTsStack, now time.Time) []string {
	var lines []string
	for _, r := range o.Status.Rollouts {
		lines = append(lines, p.mark(rolloutMarks[r.State], rolloutText(r, now)))
	}
	return lines
}

func rolloutText(r v1alpha1.RolloutStatus, now time.Time) string {
	parts := []string{fmt.Sprintf("%s (%s) %s", r.Service, cmp.Or(r.Strategy, string(r.Kind)), stateWord(r.State))}
	if r.Stage != "" && goesOn(r) {
		parts[0] += " at " + r.Stage
	}
	if r.Weight != nil && goesOn(r) {
		parts = append(parts, fmt.Sprintf("%d %% to the new revision", *r.Weight))
	}
	if len(r.Firing) > 0 {
		parts = append(parts, "firing: "+strings.Join(r.Firing, ", "))
	} else if len(r.Alarms) > 0 && goesOn(r) {
		parts = append(parts, "alarms: "+strings.Join(r.Alarms, ", "))
	}
	if r.WaitsFor != "" {
		waits := "waits for " + r.WaitsFor
		if r.Until != nil {
			waits += ", until " + r.Until.UTC().Format("15:04Z") + " at most (in " + span(r.Until.Sub(now)) + ")"
		}
		parts = append(parts, waits)
	}
	if r.Order != nil && r.Order.Error != "" && goesOn(r) {
		parts = append(parts, "AWS refuses the order of "+r.Order.By+": "+r.Order.Error)
	}
	if r.Reason != "" {
		parts = append(parts, r.Reason)
	}
	return strings.Join(parts, ", ")
}

func stateWord(s v1alpha1.RolloutState) string {
	return map[v1alpha1.RolloutState]string{
		v1alpha1.RolloutInProgress: "goes on", v1alpha1.RolloutPaused: "is paused", v1alpha1.RolloutRollingBack: "is rolled back",
		v1alpha1.RolloutSucceeded: "succeeded", v1alpha1.RolloutRolledBack: "was rolled back", v1alpha1.RolloutFailed: "failed", v1alpha1.RolloutUnknown: "cannot be followed",
	}[s]
}

func goesOn(r v1alpha1.RolloutStatus) bool {
	return r.State == v1alpha1.RolloutInProgress || r.State == v1alpha1.RolloutPaused || r.State == v1alpha1.RolloutRollingBack
}

// pausedRollout is the one that waits for a person and that a digest names; "" names
// the first. It is nil when none waits.
func pausedRollout(o *v1alpha1.CdkTsStack, digest string) *v1alpha1.RolloutStatus {
	for i := range o.Status.Rollouts {
		r := &o.Status.Rollouts[i]
		if r.State == v1alpha1.RolloutPaused && (digest == "" || len(digest) >= 8 && strings.HasPrefix(r.Pause.Digest, digest)) {
			return r
		}
	}
	return nil
}

// approvePause continues a rollout that is paused.
func (o *Options) approvePause(ctx context.Context, c client.Client, obj *v1alpha1.CdkTsStack, digest, reason string, yes bool) error {
	if r := obj.Spec.Rollouts; r != nil && !ptr.Deref(r.ApprovePauses, true) {
		return fmt.Errorf("pauses of %s are answered in AWS, since its rollouts.approvePauses is false: %s says how", obj.Name, o.painter().call("status", obj))
	}
	r := pausedRollout(obj, digest)
	if r == nil {
		present := pausedRollout(obj, "")
		return fmt.Errorf("the pause of %s is %s by now, not %s: look at it with %s", obj.Name, present.Pause.Digest, digest, o.painter().call("status", obj))
	}
	if agreed, err := o.agree(*r, digest != "" || yes, "Continue this rollout?"); err != nil || !agreed {
		return cmp.Or(err, errNothingDone)
	}
	if err := answerInName(ctx, c, obj, v1alpha1.ApproveAnnotation, r.Pause.Digest, reason); err != nil {
		return err
	}
	o.say("approved the pause %s of the rollout of %s; %s shows how it goes on", r.Pause.Digest, r.Service, o.painter().call("status -w", obj))
	return nil
}

// agree shows a rollout and has a person agree, unless that is not asked for.
func (o *Options) agree(r v1alpha1.RolloutStatus, yes bool, question string) (bool, error) {
	p := o.painter()
	p.printf("  %s\n", p.mark(rolloutMarks[r.State], rolloutText(r, o.Now())))
	if yes {
		return true, nil
	}
	return o.confirm(question)
}

func newAbort(o *Options) *cobra.Command {
	var reason, digest string
	var yes bool
	cmd := &cobra.Command{
		Use: "abort NAME", Short: "Roll a rollout of a stack back", Args: named,
		Long: "Roll back a rollout of an ECS service or a Lambda alias that goes on or is paused. The deployment of the stack fails then, and is not tried again by itself. It shows the rollout and asks, unless --digest names it, or --yes is given.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, obj, err := o.get(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			r, err := o.rolloutToAbort(obj, digest)
			if err != nil {
				return err
			}
			if agreed, err := o.agree(*r, digest != "" || yes, "Roll it back?"); err != nil || !agreed {
				return cmp.Or(err, errNothingDone)
			}
			if err := answerInName(cmd.Context(), c, obj, v1alpha1.AbortAnnotation, r.Digest, reason); err != nil {
				return err
			}
			o.say("the rollout of %s is rolled back; %s shows how it ends", r.Service, o.painter().call("status -w", obj))
			return nil
		},
	}
	cmd.Flags().StringVar(&digest, "digest", "", "the rollout that is meant, or its pause; refused when there is none")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the history")
	return cmd
}

// rolloutToAbort is the one that goes on and that a digest names; without one there
// must be just one.
func (o *Options) rolloutToAbort(obj *v1alpha1.CdkTsStack, digest string) (*v1alpha1.RolloutStatus, error) {
	going := slices.DeleteFunc(slices.Clone(obj.Status.Rollouts), func(r v1alpha1.RolloutStatus) bool {
		return r.State != v1alpha1.RolloutInProgress && r.State != v1alpha1.RolloutPaused || r.Digest == ""
	})
	var present []string
	for i, r := range going {
		present = append(present, fmt.Sprintf("%s (%s)", r.Digest, r.Service))
		named := len(digest) >= 8 && (strings.HasPrefix(r.Digest, digest) || r.State == v1alpha1.RolloutPaused && strings.HasPrefix(r.Pause.Digest, digest))
		if named || digest == "" && len(going) == 1 {
			return &going[i], nil
		}
	}
	switch {
	case len(going) == 0:
		return nil, fmt.Errorf("%s has no rollout that goes on: %s says what it is doing", obj.Name, o.painter().call("status", obj))
	case digest == "":
		return nil, errUsage{fmt.Errorf("%s has %d rollouts that go on: say which with --digest, %s", obj.Name, len(going), strings.Join(present, " or "))}
	}
	return nil, fmt.Errorf("%s has no rollout %s that goes on, but %s", obj.Name, digest, strings.Join(present, " and "))
}
