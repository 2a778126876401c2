// Package causes asks AWS what else is known of a failure: which calls it refused
// to those who act for a stack, what their functions and containers logged last,
// why ECS stopped their tasks; and who changed a resource. It only reads, asks
// little, and waits its turn: CloudTrail answers two look-ups a second for all who
// ask in an account and region.
package causes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/time/rate"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/problem"
)

// Before and after a failure: what is logged outside has likely nothing to do with
// it.
const (
	windowBefore = 5 * time.Minute
	windowAfter  = 2 * time.Minute
)

// The bounds of what is told of one failure.
const (
	maxRefused  = 20
	maxLines    = 30
	maxLine     = 500
	maxMessage  = 1 << 10
	maxTasks    = 3
	maxServices = 3
	maxLogs     = 5
)

// Options of an Asker; Now is required.
type Options struct {
	// Now is the clock.
	Now func() time.Time
	// Log is where warnings go; nil drops them.
	Log *slog.Logger
	// Rate is how many look-ups a second CloudTrail is asked, for each account and
	// region; 0 is half of what AWS allows all who ask there.
	Rate float64
}

// Asker asks. It is safe for concurrent use.
type Asker struct {
	loader *awsconfig.Loader
	rate   rate.Limit

	mu    sync.Mutex
	turns map[place]*rate.Limiter
}

type place struct{ account, region string }

// New makes an Asker. Nothing is asked before the first question.
func New(o Options) *Asker {
	if o.Rate <= 0 {
		o.Rate = 1
	}
	return &Asker{
		rate: rate.Limit(o.Rate), turns: map[place]*rate.Limiter{},
		loader: awsconfig.NewLoader(awsconfig.Options{Now: o.Now, Log: o.Log, AttemptTimeout: 5 * time.Second, Attempts: 3, MaxBackoff: 2 * time.Second}),
	}
}

// Target is where, and as whom, AWS is asked.
type Target struct {
	awsconfig.Target
	// Account is whose it is, as AWS says: look-ups are counted by it.
	Account string
}

// who names the target in a note.
func (t Target) who() string {
	if t.Role.ARN != "" {
		return "the role " + t.Role.ARN
	}
	return "the credentials"
}

// config is the SDK's configuration in a region of the target's account.
func (a *Asker) config(ctx context.Context, t Target, region string) (aws.Config, error) {
	in := t.Target
	in.Region = region
	return a.loader.Config(ctx, in)
}

// turn is the pace of CloudTrail in an account and region.
func (a *Asker) turn(account, region string) *rate.Limiter {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := place{account, region}
	if a.turns[at] == nil {
		a.turns[at] = rate.NewLimiter(a.rate, 1)
	}
	return a.turns[at]
}

// Question is about one failure.
type Question struct {
	// Targets are asked in this order: the next one when AWS does not let one in.
	Targets []Target
	Sources []v1alpha1.CauseSource
	// Failed are the resources that failed.
	Failed []Resource
	// Principals are the roles by which CloudFormation acts for the stack, and the
	// session that asked it to.
	Principals []Principal
	// FailedAt is when the first of them failed.
	FailedAt time.Time
	// Mentions are names that single the stack out: a refused call that has one of
	// them comes before others.
	Mentions []string
}

// Resource is one that failed.
type Resource struct {
	LogicalID, PhysicalID, Type, Reason string
	At                                  time.Time
	// ServiceToken is that of a custom resource.
	ServiceToken string
}

// Principal is somebody who acts for the stack.
type Principal struct {
	// Session is the name of the session, Role the ARN of the role that it must be
	// of, "" for any.
	Session, Role string
	// Through says that only what CloudFormation calls in its name counts: what it
	// calls by itself has nothing to do with resources.
	Through bool
}

// Found is what is known of a failure.
type Found struct {
	Causes []v1alpha1.Cause
	// Omitted is how many more there are.
	Omitted int
	// Notes say what could not be asked.
	Notes []string
	// TrailSilent says that CloudTrail was asked and knew nothing.
	TrailSilent bool
	// sessions are those of tasks that were stopped.
	sessions []string
}

// note adds why something could not be asked, once.
func (f *Found) note(t Target, what, action string, err error) {
	text := fmt.Sprintf("could not ask %s: %s", what, reasonOf(t, action, err))
	if text = problem.Cut(text, maxMessage); !slices.Contains(f.Notes, text) {
		f.Notes = append(f.Notes, text)
	}
}

// reasonOf tells a right that is missing by its name.
func reasonOf(t Target, action string, err error) string {
	if errors.Is(err, awsconfig.ErrAccessDenied) {
		return fmt.Sprintf("%s may not %s", t.who(), action)
	}
	return problem.Of(err).Message
}

// Ask asks all that the question names. It never fails: what could not be asked
// is a note. The context bounds its time.
func (a *Asker) Ask(ctx context.Context, q Question) Found {
	var f Found
	for _, one := range []struct {
		source v1alpha1.CauseSource
		ask    func(context.Context, Question, *Found)
	}{{v1alpha1.CauseTasks, a.tasks}, {v1alpha1.CauseLogs, a.functionLogs}, {v1alpha1.CauseCloudTrail, a.trail}} {
		if q.allows(one.source) {
			one.ask(ctx, q, &f)
		}
	}
	return f
}

// allows says whether a source is one of those to ask.
func (q Question) allows(s v1alpha1.CauseSource) bool { return slices.Contains(q.Sources, s) }
