package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
)

func newStatus(o *Options) *cobra.Command {
	var watch bool
	var output string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use: "status NAME", Short: "Tell all that is known of a stack, as a tree", Args: named,
		RunE: func(cmd *cobra.Command, args []string) error {
			if output != "" {
				return o.dump(cmd.Context(), args[0], output)
			}
			if watch {
				return o.watch(cmd.Context(), args[0])
			}
			_, obj, err := o.get(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			showStatus(o.painter(), obj, o.Now())
			return readiness(obj)
		},
	}
	watchFlag(cmd, &watch, &output, "cdk NAME", "show it anew while it changes, until it is ready or not tried again")
	outputFlag(cmd, &output)
	timeoutFlag(cmd, &timeout)
	return cmd
}

// readiness is errNotReady for an object that is not as it should be.
func readiness(obj *v1alpha1.CdkTsStack) error {
	if meta.IsStatusConditionTrue(obj.Status.Conditions, v1alpha1.ConditionReady) {
		return nil
	}
	return errNotReady
}

// settled says whether nothing more happens to an object by itself: the operator
// has seen the last edit and the last order, and it is ready or not tried again.
func settled(obj *v1alpha1.CdkTsStack) bool {
	st := &obj.Status
	if st.ObservedGeneration != obj.Generation || st.Operation != nil || orderWaits(obj) {
		return false
	}
	if meta.IsStatusConditionTrue(st.Conditions, v1alpha1.ConditionStalled) {
		return true
	}
	// While a drift check goes on, Ready stays as it was before an order.
	reached := st.Orders == nil || st.Target == nil || st.Target.Order == st.Orders.Current
	return readiness(obj) == nil && reached
}

// longestOrder is how much of an order's text the status keeps, in bytes.
const longestOrder = 256

// orderWaits says whether the operator has not yet seen an order: annotations
// move no generation.
func orderWaits(obj *v1alpha1.CdkTsStack) bool {
	var seen v1alpha1.OrdersStatus
	if obj.Status.Orders != nil {
		seen = *obj.Status.Orders
	}
	at := obj.Annotations[v1alpha1.RestartedAtAnnotation]
	restarts := at != "" && at != seen.RestartedAt
	if len(at) > longestOrder {
		restarts = seen.RestartedAt == "" || !strings.HasPrefix(at, seen.RestartedAt)
	}
	return restarts || obj.Annotations[v1alpha1.EmergencyAnnotation] == "true" && seen.Emergency != "true"
}

func newPlan(o *Options) *cobra.Command {
	var output string
	var values bool
	cmd := &cobra.Command{
		Use: "plan NAME", Aliases: []string{"diff"}, Short: "Show what the last change set does, or did", Args: named,
		RunE: func(cmd *cobra.Command, args []string) error {
			if output != "" && !values {
				return o.dump(cmd.Context(), args[0], output, "status", "changes")
			}
			c, obj, err := o.get(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			p, changes := o.painter(), obj.Status.Changes
			switch {
			case changes == nil:
				return fmt.Errorf("%s has no plan yet: %s says what it is doing", obj.Name, p.call("status", obj))
			case values:
				return o.showWhole(cmd.Context(), c, obj, output)
			}
			p.printf("%s\n", planState(obj))
			showChanges(p, changes)
			showValidation(p, changes.Validation)
			return nil
		},
	}
	outputFlag(cmd, &output)
	cmd.Flags().BoolVar(&values, "property-values", false, "all of it, with the values before and after, which the plan's ConfigMap has")
	return cmd
}

// planState says whether a plan was executed.
func planState(obj *v1alpha1.CdkTsStack) string {
	c := obj.Status.Changes
	if h := obj.Status.Held; h != nil && h.ID == c.Operation {
		return "The " + printable(held(obj)) + "."
	}
	if op := obj.Status.Operation; op != nil && op.ID == c.Operation {
		return "It is being executed."
	}
	i := slices.IndexFunc(obj.Status.History, func(e v1alpha1.HistoryEntry) bool { return e.Operation == c.Operation })
	if i < 0 {
		return "It is of a deployment that is no longer in the history."
	}
	return "It ended: " + string(obj.Status.History[i].Outcome) + "."
}

func newHistory(o *Options) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "history NAME", Short: "Tell what happened, newest first", Args: named,
		RunE: func(cmd *cobra.Command, args []string) error {
			if output != "" {
				return o.dump(cmd.Context(), args[0], output, "status", "history")
			}
			_, obj, err := o.get(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			showHistory(o.painter(), obj, o.Now())
			return nil
		},
	}
	outputFlag(cmd, &output)
	return cmd
}
