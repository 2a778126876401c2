package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/causes"
	"awscdk.dev/operator/internal/cloudformation"
	"awscdk.dev/operator/internal/problem"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxCauses is how many causes of one failure are kept.
const maxCauses = 40

// search is one search for causes.
type search struct {
	asker   *causes.Asker
	clients []*cloudformation.Client
	status  v1alpha1.CausesStatus
	sources []v1alpha1.CauseSource

	found   []v1alpha1.Cause
	omitted int
	notes   []string
	silent  bool
}

func (s *search) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(s.notes, text) {
		s.notes = append(s.notes, text)
	}
}

// run asks CloudFormation first: what failed, when, and which hooks said no. The
// rest is asked about that.
func (s *search) run(ctx context.Context, targets []causes.Target, execution, session string) {
	failed := s.failures(ctx)
	s.hooks(ctx, failed)
	at := s.status.FailedAt.Time
	q := causes.Question{
		Targets: targets, Sources: s.sources, FailedAt: at,
		Mentions: []string{stackName(s.status.StackID)},
	}
	for i, f := range failed {
		if i == 0 && !f.At.IsZero() {
			q.FailedAt = f.At
		}
		q.Failed = append(q.Failed, causes.Resource{LogicalID: f.LogicalID, PhysicalID: f.PhysicalID, Type: f.Type, Reason: f.Reason, At: f.At, ServiceToken: f.ServiceToken})
		q.Mentions = append(q.Mentions, f.PhysicalID)
	}
	q.Principals = principals(failed, execution, session)
	told := s.asker.Ask(ctx, q)
	s.found, s.notes, s.silent = append(s.found, told.Causes...), append(s.notes, told.Notes...), told.TrailSilent
	s.omitted += told.Omitted
	if s.silent && s.status.Looks == 0 {
		s.note("CloudTrail knew of no refused call yet; it tells up to 15 minutes late, and is asked once more then")
	}
}

// principals are those who act for the stack: CloudFormation by its execution role
// or in the name of our own session, and the functions of the custom resources
// that failed.
func principals(failed []cloudformation.FailedResource, execution, session string) []causes.Principal {
	all := []causes.Principal{{Session: "AWSCloudFormation", Role: execution}}
	if execution == "" {
		all = []causes.Principal{{Session: session, Through: true}}
	}
	for _, f := range failed {
		if name := causes.FunctionName(f.ServiceToken); name != "" {
			all = append(all, causes.Principal{Session: name})
		}
	}
	return all
}

// failures are those that the stack's events tell. The first is in the condition
// already; all of them are causes here, and alarms by their names.
func (s *search) failures(ctx context.Context) (failed []cloudformation.FailedResource) {
	if s.status.StackID == "" || s.status.ChangeSetID != "" {
		return nil
	}
	err := s.first(ctx, func(c *cloudformation.Client) (err error) {
		failed, err = c.Failures(ctx, s.status.StackID, s.status.Token, s.status.StartedAt.Time)
		return err
	})
	if err != nil {
		s.note("could not ask for the events of the stack: %s", problem.Of(err).Message)
	}
	for _, f := range failed {
		cause := v1alpha1.Cause{Source: v1alpha1.CauseEvents, LogicalID: f.LogicalID, Type: f.Type, Message: problem.Cut(f.Reason, problem.MaxMessage)}
		if len(f.Alarms) > 0 {
			cause.Source = v1alpha1.CauseAlarms
		}
		if !f.At.IsZero() {
			at := metav1.NewTime(f.At)
			cause.At = &at
		}
		s.found = append(s.found, cause)
	}
	return failed
}

// hooks adds what hooks advise, before what failed by them.
func (s *search) hooks(ctx context.Context, failed []cloudformation.FailedResource) {
	var results []string
	for _, f := range failed {
		if f.HookResult != "" {
			results = append(results, f.HookResult)
		}
	}
	if !slices.Contains(s.sources, v1alpha1.CauseHooks) || len(results) == 0 && s.status.ChangeSetID == "" {
		return
	}
	var advice []v1alpha1.Cause
	err := s.first(ctx, func(c *cloudformation.Client) (err error) {
		advice, err = c.HookAdvice(ctx, s.status.ChangeSetID, results)
		return err
	})
	if err != nil {
		s.note("could not ask for the results of hooks (cloudformation:ListHookResults and GetHookResult): %s", problem.Of(err).Message)
	}
	if s.status.ChangeSetID != "" {
		var refused []v1alpha1.Cause
		if err := s.first(ctx, func(c *cloudformation.Client) (err error) {
			refused, err = c.RefusedChangeSet(ctx, s.status.ChangeSetID)
			return err
		}); err != nil {
			s.note("could not ask for the events of the change set (cloudformation:DescribeEvents): %s", problem.Of(err).Message)
		}
		advice = append(advice, refused...)
	}
	s.found = append(advice, s.found...)
}

// again is how long a search waits when others have their turn at CloudFormation
// first: deployments do not wait for it.
const again = 3 * time.Second

// patiently asks until it has its turn, or the search is over.
func patiently(ctx context.Context, ask func() error) error {
	for {
		err := ask()
		if !errors.Is(err, cloudformation.ErrThrottled) {
			return err
		}
		select {
		case <-time.After(again):
		case <-ctx.Done():
			return err
		}
	}
}

// first asks as the first of the clients that may.
func (s *search) first(ctx context.Context, ask func(*cloudformation.Client) error) error {
	_, err := awsconfig.First(s.clients, func(c *cloudformation.Client) error {
		return patiently(ctx, func() error { return ask(c) })
	})
	return err
}

// details are what was found, bounded.
func (s *search) details(now time.Time) v1alpha1.CauseDetails {
	kept := s.found[:min(len(s.found), maxCauses)]
	return v1alpha1.CauseDetails{
		Operation: s.status.Operation, Kind: s.status.Kind, Stack: s.status.StackID,
		FailedAt: s.status.FailedAt, GatheredAt: metav1.NewTime(now),
		Causes: kept, Omitted: int32(s.omitted + len(s.found) - len(kept)), Notes: s.notes,
	}
}
