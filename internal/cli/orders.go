package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	"github.com/spf13/cobra"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func newApprove(o *Options) *cobra.Command {
	var reason, digest string
	var yes bool
	cmd := &cobra.Command{
		Use: "approve NAME", Short: "Approve the plan of a stack, or the pause of a rollout", Args: named,
		Long: "Approve the plan that a stack waits with or, while it is executed, the pause at which a rollout of it waits. It shows the one or the other and asks, unless --digest names it, or --yes is given.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, obj, err := o.get(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if obj.Status.Held == nil && pausedRollout(obj, "") != nil {
				return o.approvePause(cmd.Context(), c, obj, digest, reason, yes)
			}
			changes, err := o.present(obj, digest, yes, "Approve this plan?")
			if err != nil {
				return err
			}
			plan := changes.Digest // obj is read anew
			if err := o.renew(cmd.Context(), c, obj, plan); err != nil {
				return err
			}
			if err := answerInName(cmd.Context(), c, obj, v1alpha1.ApproveAnnotation, plan, reason); err != nil {
				return err
			}
			o.say("approved the plan %s of %s; %s shows how it goes on", plan, obj.Name, o.painter().call("status -w", obj))
			return nil
		},
	}
	planFlags(cmd, &digest, &yes)
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the history")
	return cmd
}

// answerInName leaves an annotation that approves or aborts what a digest names, with
// who does and why.
func answerInName(ctx context.Context, c client.Client, obj *v1alpha1.CdkTsStack, annotation, digest, reason string) error {
	return annotate(ctx, c, obj, map[string]*string{
		annotation: &digest, v1alpha1.ApprovedByAnnotation: whoAmI(ctx, c), v1alpha1.ApproveReasonAnnotation: text(reason),
	})
}

// renew takes an approval away that has ended, and waits until the operator has
// forgotten it: only then is the same plan approved again.
func (o *Options) renew(ctx context.Context, c client.Client, obj *v1alpha1.CdkTsStack, digest string) error {
	if !lapsed(obj, digest, o.Now()) {
		return nil
	}
	if err := annotate(ctx, c, obj, map[string]*string{v1alpha1.ApproveAnnotation: nil}); err != nil {
		return err
	}
	return await(ctx, c, obj, "the approval before", func() bool {
		return obj.Status.Approval == nil || obj.Status.Approval.Digest != digest
	})
}

// lapsed says whether an approval of that plan has ended by this clock, or by the
// operator's, where the plan waits for an approval although it has one.
func lapsed(obj *v1alpha1.CdkTsStack, digest string, now time.Time) bool {
	a := obj.Status.Approval
	if a == nil || a.Digest != digest {
		return false
	}
	waits := func(g v1alpha1.GateStatus) bool { return g.Name == "approval" }
	return !now.Before(a.ExpiresAt.Time) || slices.ContainsFunc(obj.Status.Gates, waits)
}

func planFlags(cmd *cobra.Command, digest *string, yes *bool) {
	cmd.Flags().StringVar(digest, "digest", "", "the plan that is meant; refused when it is another by now")
	cmd.Flags().BoolVarP(yes, "yes", "y", false, "do not ask")
}

// present shows the plan that an object waits with, and has a person agree to
// it; the plan that was shown is the one that counts.
func (o *Options) present(obj *v1alpha1.CdkTsStack, digest string, yes bool, question string) (*v1alpha1.Changes, error) {
	h, c := obj.Status.Held, obj.Status.Changes
	if h == nil || c == nil || c.Operation != h.ID {
		return nil, fmt.Errorf("%s has no plan that waits: %s says what it is doing", obj.Name, o.painter().call("status", obj))
	}
	if digest != "" {
		if len(digest) < 8 || !strings.HasPrefix(c.Digest, digest) {
			return nil, fmt.Errorf("the plan of %s is %s by now, not %s: look at it with %s", obj.Name, c.Digest, digest, o.painter().call("plan", obj))
		}
		return c, nil
	}
	showChanges(o.painter(), c)
	if yes {
		return c, nil
	}
	agreed, err := o.confirm(question)
	if err == nil && !agreed {
		err = errNothingDone
	}
	return c, err
}

func newAcknowledge(o *Options) *cobra.Command {
	var digest string
	var yes bool
	cmd := &cobra.Command{
		Use: "acknowledge NAME [RESOURCE... | limits]", Short: "Acknowledge what a plan removes or replaces",
		Long: "Acknowledge that the plan a stack waits with removes or replaces these protected resources, by logical id, or goes beyond the limits.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return errUsage{fmt.Errorf("acknowledge needs a name and what is acknowledged, as status shows it: kubectl cdk acknowledge NAME RESOURCE... limits")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, obj, err := o.get(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			changes, err := o.present(obj, digest, yes, "Acknowledge "+strings.Join(args[1:], ", ")+"?")
			if err != nil {
				return err
			}
			value := changes.Digest + " " + strings.Join(args[1:], " ")
			if err := annotate(cmd.Context(), c, obj, map[string]*string{v1alpha1.AcknowledgeAnnotation: &value}); err != nil {
				return err
			}
			o.say("acknowledged for the plan %s of %s", changes.Digest, obj.Name)
			return nil
		},
	}
	planFlags(cmd, &digest, &yes)
	return cmd
}

func newDeploy(o *Options) *cobra.Command {
	return &cobra.Command{
		Use: "deploy NAME", Short: "Order a deployment of what is followed now", Args: named,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, obj, err := o.get(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			at := o.Now().UTC().Format(time.RFC3339Nano)
			by := whoAmI(cmd.Context(), c)
			if by != nil {
				by = ptr.To(at + " " + *by)
			}
			if err := annotate(cmd.Context(), c, obj, map[string]*string{v1alpha1.RestartedAtAnnotation: &at, v1alpha1.OrderedByAnnotation: by}); err != nil {
				return err
			}
			o.say("ordered; %s shows how it goes", o.painter().call("status -w", obj))
			return nil
		},
	}
}

func newOverride(o *Options) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "override NAME --reason WHY", Short: "Open a closed window once, in an emergency", Args: named,
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(reason) == "" {
				return errUsage{errors.New("an override needs --reason, which the history keeps")}
			}
			c, obj, err := o.get(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if err := o.rearm(cmd.Context(), c, obj); err != nil {
				return err
			}
			annotations := map[string]*string{v1alpha1.EmergencyReasonAnnotation: &reason, v1alpha1.EmergencyAnnotation: ptr.To("true")}
			if err := annotate(cmd.Context(), c, obj, annotations); err != nil {
				return err
			}
			o.say("the windows of %s are open for what waits now, for an hour", obj.Name)
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; the history keeps it")
	return cmd
}

// rearm takes the mark of an earlier emergency away, and waits until the
// operator has seen that: only a new mark counts.
func (o *Options) rearm(ctx context.Context, c client.Client, obj *v1alpha1.CdkTsStack) error {
	if obj.Annotations[v1alpha1.EmergencyAnnotation] != "true" {
		return nil
	}
	if err := annotate(ctx, c, obj, map[string]*string{v1alpha1.EmergencyAnnotation: nil}); err != nil {
		return err
	}
	return await(ctx, c, obj, "the emergency before", func() bool {
		return obj.Status.Orders == nil || obj.Status.Orders.Emergency != "true"
	})
}

// await reads an object anew until the operator has seen that something of it is
// over, for half a minute at most.
func await(ctx context.Context, c client.Client, obj *v1alpha1.CdkTsStack, what string, over func() bool) error {
	for range 60 {
		var read v1alpha1.CdkTsStack // what is gone would stay in one that was read before
		if err := c.Get(ctx, client.ObjectKeyFromObject(obj), &read); err != nil {
			return fmt.Errorf("read %s: %w", obj.Name, err)
		}
		if *obj = read; over() {
			return nil
		}
		if !sleep(ctx, 500*time.Millisecond) {
			return ctx.Err()
		}
	}
	return fmt.Errorf("the operator has not seen for half a minute that %s is over: does it run?", what)
}

func newSuspend(o *Options, on bool) *cobra.Command {
	cmd := &cobra.Command{Use: "suspend NAME", Short: "Have nothing happen to a stack", Args: named}
	done := func(p painter, obj *v1alpha1.CdkTsStack) string {
		return "suspended: nothing is built, deployed, checked or destroyed until " + p.call("resume", obj)
	}
	if !on {
		cmd.Use, cmd.Short = "resume NAME", "End the suspension of a stack"
		done = func(p painter, obj *v1alpha1.CdkTsStack) string {
			return "resumed; " + p.call("status", obj) + " shows how it is"
		}
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, obj, err := o.get(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		before := obj.DeepCopy()
		obj.Spec.Suspend = on
		if err := c.Patch(cmd.Context(), obj, client.MergeFrom(before)); err != nil {
			return fmt.Errorf("change spec.suspend of %s: %w", obj.Name, err)
		}
		o.say("%s", done(o.painter(), obj))
		return nil
	}
	return cmd
}

func (o *Options) say(format string, args ...any) {
	_, _ = fmt.Fprintln(o.Streams.Out, printable(fmt.Sprintf(format, args...)))
}

// annotate sets annotations of an object; nil takes one away.
func annotate(ctx context.Context, c client.Client, obj *v1alpha1.CdkTsStack, annotations map[string]*string) error {
	before := obj.DeepCopy()
	if obj.Annotations == nil {
		obj.Annotations = map[string]string{}
	}
	for name, value := range annotations {
		if value == nil {
			delete(obj.Annotations, name)
		} else {
			obj.Annotations[name] = *value
		}
	}
	if err := c.Patch(ctx, obj, client.MergeFrom(before)); err != nil {
		return fmt.Errorf("annotate %s: %w", obj.Name, err)
	}
	return nil
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// whoAmI is who the API server takes the user for, nil when it does not say.
func whoAmI(ctx context.Context, c client.Client) *string {
	review := &authenticationv1.SelfSubjectReview{}
	if err := c.Create(ctx, review); err != nil || review.Status.UserInfo.Username == "" {
		return nil
	}
	return &review.Status.UserInfo.Username
}
