package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	"github.com/spf13/cobra"
)

// watchPeriod is how often a watched object is read.
const watchPeriod = time.Second

// watchFlag adds --watch, which shows for people what --output writes for scripts.
// Scripts are told what else there is for them: "kubectl get instead -w".
func watchFlag(cmd *cobra.Command, watch *bool, output *string, instead, usage string) {
	cmd.Flags().BoolVarP(watch, "watch", "w", false, usage)
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *watch && *output != "" {
			return errUsage{fmt.Errorf("--watch and --output do not go together: kubectl get %s -w -o json writes them as they change", instead)}
		}
		return run(cmd, args)
	}
}

// patience is how many reads in a row may fail before a watch ends.
const patience = 30

// timeoutFlag bounds a command that only looks.
func timeoutFlag(cmd *cobra.Command, timeout *time.Duration) {
	durationFlag(cmd, timeout)
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, stop, err := within(cmd.Context(), *timeout)
		if err != nil {
			return err
		}
		defer stop()
		cmd.SetContext(ctx)
		if err = run(cmd, args); err != nil && ctx.Err() != nil {
			return why(ctx)
		}
		return err
	}
}

func durationFlag(cmd *cobra.Command, timeout *time.Duration) {
	cmd.Flags().DurationVar(timeout, "timeout", 0, "how long to follow it, such as 30m; then it ends with exit code 1. 0 means without end")
}

// within bounds a context; 0 does not.
func within(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc, error) {
	if timeout < 0 {
		return nil, nil, errUsage{fmt.Errorf("--timeout is a duration such as 30m, not %s", timeout)}
	}
	if timeout == 0 {
		return ctx, func() {}, nil
	}
	ctx, stop := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("%w after %s; what goes on in the cluster goes on", errTimeout, timeout))
	return ctx, stop, nil
}

// why is why a context has ended; nil when a person wanted it so.
func why(ctx context.Context) error {
	if cause := context.Cause(ctx); errors.Is(cause, errTimeout) {
		return cause
	}
	return nil
}

// sleep waits, and says whether the context still holds.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// each reads an object again and again until see says that it is enough. One
// that is gone is nil. Reads that fail are borne with for half a minute.
func (o *Options) each(ctx context.Context, name string, see func(*v1alpha1.CdkTsStack) (bool, error)) error {
	failed, known := 0, false
	for {
		_, obj, err := o.get(ctx, name)
		switch {
		case ctx.Err() != nil:
			return why(ctx)
		case errors.Is(err, errNoObject) && known:
			obj, err = nil, nil
		case err != nil && known && failed < patience:
			failed++
		case err != nil:
			return err
		}
		if err == nil {
			failed, known = 0, true
			if done, err := see(obj); done || err != nil {
				return err
			}
		}
		if !sleep(ctx, watchPeriod) {
			return why(ctx)
		}
	}
}

// screen shows a text that changes: in place on a terminal, elsewhere only the
// lines that are new.
type screen struct {
	p      painter
	still  string
	before map[string]bool
	rows   int
}

// show shows a text. The same drawn by a clock that stands still tells whether
// more than the time has changed.
func (s *screen) show(draw func(p painter, now time.Time), now, still time.Time) {
	text, plain := drawn(s.p, draw, now), drawn(s.p, draw, still)
	if s.p.width > 0 {
		s.redraw(text)
		return
	}
	if plain == s.still {
		return
	}
	lines, seen := strings.SplitAfter(text, "\n"), map[string]bool{}
	for i, line := range strings.SplitAfter(plain, "\n") {
		line = strings.TrimLeft(line, "├└│─ ") // what a line hangs on moves when another comes
		if seen[line] = true; !s.before[line] && i < len(lines) {
			s.p.printf("%s", lines[i])
		}
	}
	s.still, s.before = plain, seen
}

func drawn(p painter, draw func(p painter, now time.Time), now time.Time) string {
	var text strings.Builder
	p.out = &text
	draw(p, now)
	return text.String()
}

// redraw puts a text into the place of the one before.
func (s *screen) redraw(text string) {
	if s.rows > 0 {
		s.p.printf("\x1b[%dA\x1b[J", s.rows)
	}
	s.rows = 0
	for line := range strings.Lines(text) {
		s.rows += 1 + max(columns(printable(line))-1, 0)/s.p.width
	}
	s.p.printf("%s", text)
}

// watch shows an object whenever it changes, until nothing more will.
func (o *Options) watch(ctx context.Context, name string) error {
	s, start := &screen{p: o.painter()}, o.Now()
	return o.each(ctx, name, func(obj *v1alpha1.CdkTsStack) (bool, error) {
		if obj == nil {
			o.say("%s is gone", name)
			return true, nil
		}
		s.show(func(p painter, now time.Time) { showStatus(p, obj, now) }, o.Now(), start)
		return settled(obj), settledAs(obj)
	})
}

// settledAs is what a watch ends with.
func settledAs(obj *v1alpha1.CdkTsStack) error {
	if settled(obj) {
		return readiness(obj)
	}
	return nil
}
