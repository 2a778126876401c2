package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	"github.com/spf13/cobra"
)

// errNoLogs is an operation of which nothing can be read any more.
var errNoLogs = errors.New("there are no logs")

// logRequest is what logs was asked for.
type logRequest struct {
	follow, previous bool
	operation        string
	containers       []string
	manager          string
	timeout          time.Duration
}

func newLogs(o *Options) *cobra.Command {
	var r logRequest
	cmd := &cobra.Command{
		Use: "logs NAME", Short: "Show what the builds and hooks of an operation wrote", Args: named,
		Long: `Show what the builds and hooks of an operation wrote: of the one in flight, else of the last one. Where they run in Jobs
(--executor Job) it is read from their pods, which are there until the operator has their result; where they run beside
the manager (--executor Local), from the manager's own log.

With --follow it goes on to the end of the operation, also when the log is silent while CloudFormation works, and ends
with exit code 0 when that went well and 3 when it did not or waits for a person.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if r.previous && r.operation != "" {
				return errUsage{errors.New("--previous and --operation do not go together: each names an operation")}
			}
			for _, c := range r.containers {
				if !slices.Contains(stageNames, c) {
					return errUsage{fmt.Errorf("--container is one of %s, not %q", strings.Join(stageNames, ", "), c)}
				}
			}
			return o.logs(cmd.Context(), args[0], r)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&r.follow, "follow", "f", false, "go on to the end of the operation")
	f.BoolVarP(&r.previous, "previous", "p", false, "of the operation before")
	f.StringVar(&r.operation, "operation", "", "of the operation of this id, as in status.history")
	f.StringSliceVarP(&r.containers, "container", "c", nil, "only these stages: "+strings.Join(stageNames, ", "))
	f.StringVar(&r.manager, "operator-namespace", "awscdk-operator-system", "where the operator runs")
	timeoutFlag(cmd, &r.timeout)
	return cmd
}

// stageNames are the containers of a run, in their order.
var stageNames = []string{"clone", "install", "hook", "synth", "publish", "inspect"}

// deed is an operation, as far as the status still knows of it.
type deed struct {
	id       string
	from, to time.Time // to is zero while it goes on
	said     string    // what the status keeps of its end
	// guessed is set for checks, of which only the ends of their hooks are known.
	guessed bool
}

// deeds are the operations that may have logs, the newest first.
func deeds(obj *v1alpha1.CdkTsStack) []deed {
	st := &obj.Status
	var all []deed
	for _, op := range []*v1alpha1.Operation{st.Operation, st.Held} {
		if op != nil && (isForeground(op) || op.RunStep != "") {
			all = append(all, deed{id: op.ID, from: op.StartedAt.Time})
		}
	}
	for _, e := range st.History {
		all = append(all, deed{id: e.Operation, from: e.StartedAt.Time, to: e.EndedAt.Time, said: e.Message})
	}
	for _, h := range st.Hooks {
		all = withHook(all, h)
	}
	for i := range all {
		if all[i].guessed {
			all[i].from = begin(all, all[i].from)
		}
	}
	slices.SortStableFunc(all, func(a, b deed) int {
		return cmp.Or(-cmp.Compare(boolean(a.to.IsZero()), boolean(b.to.IsZero())), b.from.Compare(a.from))
	})
	return all
}

// withHook adds the operation that a hook ran for, if nothing else tells of it.
func withHook(all []deed, h v1alpha1.HookStatus) []deed {
	from, to := h.EndedAt.Add(-time.Duration(h.DurationMS)*time.Millisecond), h.EndedAt.Time
	i := slices.IndexFunc(all, func(d deed) bool { return d.id == h.Operation })
	if i < 0 {
		return append(all, deed{id: h.Operation, from: from, to: to, said: h.Message, guessed: true})
	}
	if d := &all[i]; d.guessed {
		d.from = slices.MinFunc([]time.Time{d.from, from}, time.Time.Compare)
		d.to = slices.MaxFunc([]time.Time{d.to, to}, time.Time.Compare)
	}
	return all
}

// begin is when the run of a hook may have begun, whose script began at that time:
// within the hour before, and after the operation before had ended.
func begin(all []deed, script time.Time) time.Time {
	from := script.Add(-time.Hour)
	for _, d := range all {
		if !d.to.IsZero() && d.to.Before(script) && d.to.After(from) {
			from = d.to
		}
	}
	return from
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

// choose is the operation that is meant.
func (r logRequest) choose(obj *v1alpha1.CdkTsStack) (deed, error) {
	all := deeds(obj)
	at := 0
	if r.previous {
		at = 1
	}
	if r.operation != "" {
		at = slices.IndexFunc(all, func(d deed) bool { return d.id == r.operation })
	}
	if at >= 0 && at < len(all) {
		return all[at], nil
	}
	if len(all) == 0 {
		return deed{}, fmt.Errorf("%s has not built or deployed anything yet", obj.Name)
	}
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].id
	}
	return deed{}, fmt.Errorf("%s knows of no such operation, only of %s", obj.Name, strings.Join(names, ", "))
}

func (o *Options) logs(ctx context.Context, name string, r logRequest) error {
	_, obj, err := o.get(ctx, name)
	if err != nil {
		return err
	}
	d, err := r.choose(obj)
	if err != nil {
		return err
	}
	if r.follow && d.to.IsZero() {
		return o.followLogs(ctx, obj, d, r)
	}
	reader, err := o.newLogReader(obj, d, r)
	if err != nil {
		return err
	}
	if err := reader.all(ctx); err != nil {
		return err
	}
	if reader.lines > 0 {
		return nil
	}
	return nothing(d, reader)
}

// nothing says why there are no lines, and what is kept of them elsewhere.
func nothing(d deed, r *logReader) error {
	err := fmt.Errorf("%w of %s: those of Jobs go with their pods as soon as the operator has the result, those of the manager with its pod", errNoLogs, d.id)
	if d.said != "" {
		err = fmt.Errorf("%w. The object keeps this: %s", err, d.said)
	}
	if r.there != nil {
		err = fmt.Errorf("%w. Where builds run beside the manager, their lines are in its log: %w", err, r.there)
	}
	return err
}

// followLogs reads the logs of an operation until it has ended.
func (o *Options) followLogs(ctx context.Context, obj *v1alpha1.CdkTsStack, d deed, r logRequest) error {
	reader, err := o.newLogReader(obj, d, r)
	if err != nil {
		return err
	}
	told := ""
	return o.each(ctx, obj.Name, func(now *v1alpha1.CdkTsStack) (bool, error) {
		if step := stepOf(now, d.id); step != "" && step != told {
			told = step
			_, _ = fmt.Fprintln(o.Streams.ErrOut, o.painter().in(faint, "# "+step))
		}
		if err := reader.more(ctx); err != nil && !isUnreachable(err) {
			return true, err
		}
		return o.outcome(now, d.id)
	})
}

// stepOf is what an operation in flight is doing.
func stepOf(obj *v1alpha1.CdkTsStack, id string) string {
	if obj == nil || obj.Status.Operation == nil || obj.Status.Operation.ID != id {
		return ""
	}
	return doing(obj.Status.Operation)
}

// outcome says whether an operation is over, and how it ended.
func (o *Options) outcome(obj *v1alpha1.CdkTsStack, id string) (over bool, err error) {
	if obj == nil {
		_, _ = fmt.Fprintln(o.Streams.ErrOut, "# the object is gone")
		return true, nil
	}
	st := &obj.Status
	if st.Operation != nil && st.Operation.ID == id {
		return false, nil
	}
	if st.Held != nil && st.Held.ID == id {
		_, _ = fmt.Fprintln(o.Streams.ErrOut, "# "+printable(held(obj)))
		return true, errNotReady
	}
	for _, e := range st.History {
		if e.Operation != id {
			continue
		}
		_, _ = fmt.Fprintf(o.Streams.ErrOut, "# %s: %s\n", strings.ToLower(string(e.Outcome)), printable(e.Message))
		if e.Outcome == v1alpha1.OutcomeSucceeded || e.Outcome == v1alpha1.OutcomeUnchanged {
			return true, nil
		}
		return true, errNotReady
	}
	_, _ = fmt.Fprintln(o.Streams.ErrOut, "# ended")
	return true, nil
}
