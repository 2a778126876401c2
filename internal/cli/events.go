package cli

import (
	"context"
	"fmt"
	"slices"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	"github.com/spf13/cobra"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func newEvents(o *Options) *cobra.Command {
	var watch bool
	var output string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use: "events NAME", Short: "Tell the events of a stack, oldest first", Args: named,
		Long: "Tell the events of a stack, oldest first. API servers keep events for an hour; kubectl cdk history tells what came before.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if watch {
				return o.watchEvents(cmd.Context(), args[0])
			}
			all, err := o.events(cmd.Context(), args[0])
			switch {
			case err != nil:
				return err
			case output == "name":
				for i := range all {
					_, _ = fmt.Fprintf(o.Streams.Out, "event.events.k8s.io/%s\n", all[i].Name)
				}
				return nil
			case output != "":
				list := eventsv1.EventList{Items: all}
				list.SetGroupVersionKind(eventsv1.SchemeGroupVersion.WithKind("EventList"))
				return o.write(output, list)
			case len(all) == 0:
				_, _ = fmt.Fprintln(o.Streams.ErrOut, "there are no events; API servers keep them for an hour")
				return nil
			}
			showEvents(o.painter(), all, o.Now())
			return nil
		},
	}
	watchFlag(cmd, &watch, &output, "events", "go on with those that come")
	outputFlag(cmd, &output)
	timeoutFlag(cmd, &timeout)
	return cmd
}

// events reads the events of an object, also of one that is gone.
func (o *Options) events(ctx context.Context, name string) ([]eventsv1.Event, error) {
	c, namespace, err := o.cluster()
	if err != nil {
		return nil, err
	}
	var obj v1alpha1.CdkTsStack
	gone := c.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, &obj)
	if gone != nil && (!apierrors.IsNotFound(gone) || isUnserved(gone)) {
		return nil, missing(gone, namespace, name)
	}
	about := fields.Set{"regarding.kind": "CdkTsStack", "regarding.name": name}
	if gone == nil {
		about["regarding.uid"] = string(obj.UID)
	}
	var list eventsv1.EventList
	if err := c.List(ctx, &list, client.InNamespace(namespace), client.MatchingFieldsSelector{Selector: about.AsSelector()}); err != nil {
		return nil, o.mayNot(ctx, err, namespace, rightToEvents)
	}
	if gone != nil && len(list.Items) == 0 {
		return nil, missing(gone, namespace, name)
	}
	slices.SortStableFunc(list.Items, func(a, b eventsv1.Event) int { return lastSeen(&a).Compare(lastSeen(&b)) })
	return list.Items, nil
}

// lastSeen is when an event was last seen; who wrote it decides in which field.
func lastSeen(e *eventsv1.Event) time.Time {
	switch {
	case e.Series != nil:
		return e.Series.LastObservedTime.Time
	case !e.DeprecatedLastTimestamp.IsZero():
		return e.DeprecatedLastTimestamp.Time
	case !e.EventTime.IsZero():
		return e.EventTime.Time
	}
	return e.CreationTimestamp.Time
}

func showEvents(p painter, all []eventsv1.Event, now time.Time) {
	t := &table{p: p}
	t.add("AGE", "", "REASON", "NOTE")
	for i := range all {
		c, cells := eventRow(&all[i], now)
		t.paint(c, cells...)
	}
	t.write("")
}

func eventRow(e *eventsv1.Event, now time.Time) ([]color, []string) {
	m := markGood
	sign := " "
	if e.Type == "Warning" {
		m, sign = markBad, markBad.sign
	}
	age := span(now.Sub(lastSeen(e)))
	if n := times(e); n > 1 {
		age += fmt.Sprintf(" (x%d)", n)
	}
	colors := []color{plain, m.color, plain, plain}
	if e.Type == "Warning" {
		colors[2] = red
	}
	return colors, []string{age, sign, e.Reason, e.Note}
}

// times is how often an event was seen.
func times(e *eventsv1.Event) int32 {
	if e.Series != nil {
		return e.Series.Count
	}
	return e.DeprecatedCount
}

// watchEvents tells the events, and goes on with those that come.
func (o *Options) watchEvents(ctx context.Context, name string) error {
	p, told, failed := o.painter(), map[types.UID]string{}, 0
	for first := true; ; first = false {
		all, err := o.events(ctx, name)
		if ctx.Err() != nil {
			return why(ctx)
		}
		if failed++; err != nil && (first || failed > patience) {
			return err
		}
		if err == nil {
			failed = 0
		}
		t := &table{p: p}
		for i := range all {
			e := &all[i]
			if told[e.UID] != e.ResourceVersion {
				told[e.UID] = e.ResourceVersion
				c, cells := eventRow(e, o.Now())
				t.paint(c, cells...)
			}
		}
		t.write("")
		if !sleep(ctx, watchPeriod) {
			return why(ctx)
		}
	}
}
