package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

func newList(o *Options) *cobra.Command {
	var all bool
	var selector, output string
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the stacks, a line each", Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, namespace, err := o.cluster()
			if err != nil {
				return err
			}
			options := &client.ListOptions{Namespace: namespace}
			if all {
				options.Namespace = ""
			}
			if selector != "" {
				parsed, err := labels.Parse(selector)
				if err != nil {
					return errUsage{err}
				}
				options.LabelSelector = parsed
			}
			var list v1alpha1.CdkTsStackList
			if err := c.List(cmd.Context(), &list, options); err != nil {
				return fmt.Errorf("list the CdkTsStacks: %w", err)
			}
			if output != "" {
				return o.write(output, &list)
			}
			if len(list.Items) == 0 {
				_, _ = fmt.Fprintln(o.Streams.ErrOut, "no CdkTsStack is here; -A looks in all namespaces")
				return nil
			}
			showList(o.painter(), list.Items, all, o.Now())
			return nil
		},
	}
	cmd.Flags().BoolVarP(&all, "all-namespaces", "A", false, "those of all namespaces")
	cmd.Flags().StringVarP(&selector, "selector", "l", "", "only those with these labels")
	outputFlag(cmd, &output)
	return cmd
}

func outputFlag(cmd *cobra.Command, output *string) {
	cmd.Flags().StringVarP(output, "output", "o", "", "json or yaml: the objects themselves")
}

// write writes what was read, for scripts.
func (o *Options) write(format string, value any) error {
	var data []byte
	var err error
	switch format {
	case "json":
		if data, err = json.MarshalIndent(value, "", "  "); err == nil {
			data = append(data, '\n')
		}
	case "yaml":
		data, err = yaml.Marshal(value)
	default:
		return errUsage{fmt.Errorf("--output is json or yaml, not %q", format)}
	}
	if err != nil {
		return err
	}
	_, err = o.Streams.Out.Write(data)
	return err
}

func newStatus(o *Options) *cobra.Command {
	var watch bool
	var output string
	cmd := &cobra.Command{
		Use: "status NAME", Short: "Tell all that is known of a stack", Args: named,
		RunE: func(cmd *cobra.Command, args []string) error {
			if watch {
				return o.watch(cmd.Context(), args[0])
			}
			_, obj, err := o.get(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if output != "" {
				return o.write(output, obj)
			}
			showStatus(o.painter(), obj, o.Now())
			return readiness(obj)
		},
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "show it anew while it changes, until it is ready or not tried again")
	outputFlag(cmd, &output)
	return cmd
}

// readiness is errNotReady for an object that is not as it should be.
func readiness(obj *v1alpha1.CdkTsStack) error {
	if meta.IsStatusConditionTrue(obj.Status.Conditions, v1alpha1.ConditionReady) {
		return nil
	}
	return errNotReady
}

// watchPeriod is how often a watched object is read, and watchTime for how long.
const (
	watchPeriod = time.Second
	watchTime   = 24 * time.Hour
)

// watch shows an object whenever it changes, until nothing more will.
func (o *Options) watch(ctx context.Context, name string) error {
	shown := ""
	for range watchTime / watchPeriod {
		_, obj, err := o.get(ctx, name)
		if err != nil {
			return err
		}
		var text strings.Builder
		showStatus(painter{out: &text, colors: o.Colors}, obj, o.Now())
		if text.String() != shown {
			if shown != "" && o.Colors {
				_, _ = fmt.Fprint(o.Streams.Out, "\x1b[H\x1b[2J")
			}
			shown = text.String()
			_, _ = fmt.Fprint(o.Streams.Out, shown)
		}
		if settled(obj) {
			return readiness(obj)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(watchPeriod):
		}
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
			c, obj, err := o.get(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			changes := obj.Status.Changes
			switch {
			case changes == nil:
				return fmt.Errorf("%s has no plan yet: kubectl cdk status %s says what it is doing", obj.Name, obj.Name)
			case values:
				return o.showWhole(cmd.Context(), c, obj, output)
			case output != "":
				return o.write(output, changes)
			}
			p := o.painter()
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
			_, obj, err := o.get(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if output != "" {
				return o.write(output, obj.Status.History)
			}
			showHistory(o.painter(), obj, o.Now())
			return nil
		},
	}
	outputFlag(cmd, &output)
	return cmd
}

func newWhy(o *Options) *cobra.Command {
	return &cobra.Command{
		Use: "why NAME", Short: "Say why a stack is not ready, and what to do", Args: named,
		RunE: func(cmd *cobra.Command, args []string) error {
			_, obj, err := o.get(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			showWhy(o.painter(), obj, o.Now())
			return readiness(obj)
		},
	}
}
