package cloudformation

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"awscdk.dev/operator/internal/decide"
)

const (
	nestedStackType = "AWS::CloudFormation::Stack"
	// maxDepth is how deep nested stacks are followed.
	maxDepth = 5
)

// story is what the events of an operation add up to.
type story struct {
	client *Client
	// budget is how many nested stacks may still be read.
	budget int

	done     int
	current  string
	failures []failure
	rolling  []decide.RollingResource
}

// nested is a nested stack that an operation works on.
type nested struct {
	arn   string
	began time.Time
}

// add takes in a stack's events, newest first, and those of its nested stacks.
func (s *story) add(ctx context.Context, events []types.StackEvent, depth int) error {
	seen := make(map[string]bool)
	finished := make(map[string]bool)
	stacks := make(map[string]nested)
	for _, e := range events {
		if f, ok := asFailure(e, depth); ok {
			s.failures = append(s.failures, f)
		}
		if ofStack(e) {
			continue
		}
		id := aws.ToString(e.LogicalResourceId)
		if !seen[id] && s.current == "" && inProgress(e) {
			s.current = id
		}
		if !seen[id] && inProgress(e) && decide.RollsOut(aws.ToString(e.ResourceType)) {
			s.rolling = append(s.rolling, decide.RollingResource{
				LogicalID: id, Type: aws.ToString(e.ResourceType), PhysicalID: aws.ToString(e.PhysicalResourceId), StackID: aws.ToString(e.StackId),
			})
		}
		seen[id] = true
		if isFinal(e) {
			finished[id] = true
		}
		if aws.ToString(e.ResourceType) == nestedStackType {
			stacks[id] = stacks[id].before(e)
		}
	}
	s.done += len(finished)
	return s.follow(ctx, stacks, depth+1)
}

// before extends what is known of a nested stack by an older event.
func (n nested) before(e types.StackEvent) nested {
	if n.arn == "" {
		n.arn = aws.ToString(e.PhysicalResourceId)
	}
	n.began = aws.ToTime(e.Timestamp)
	return n
}

// follow takes in nested stacks, those that were begun last first: they are
// the ones at work.
func (s *story) follow(ctx context.Context, stacks map[string]nested, depth int) error {
	if depth > maxDepth {
		return nil
	}
	for _, n := range newestFirst(stacks) {
		if s.budget <= 0 {
			return nil
		}
		s.budget--
		events, err := s.client.nestedEvents(ctx, n.arn, n.began)
		if err != nil {
			return err
		}
		outer := s.current
		if len(events) > 0 && inProgress(events[0]) {
			s.current = ""
		}
		if err := s.add(ctx, events, depth); err != nil {
			return err
		}
		if s.current == "" {
			s.current = outer
		}
	}
	return nil
}

func newestFirst(stacks map[string]nested) []nested {
	var all []nested
	for _, n := range stacks {
		if n.arn != "" {
			all = append(all, n)
		}
	}
	slices.SortFunc(all, func(a, b nested) int {
		if c := b.began.Compare(a.began); c != 0 {
			return c
		}
		return strings.Compare(a.arn, b.arn)
	})
	return all
}
