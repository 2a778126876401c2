package cloudformation

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// happening is an event at a second; of "app" it is the stack's own.
func happening(second int64, logical, status, reason string) types.StackEvent {
	e := types.StackEvent{
		StackId: aws.String("arn:app"), StackName: aws.String("app"), LogicalResourceId: &logical, ResourceType: aws.String("T"),
		ResourceStatus: types.ResourceStatus(status), Timestamp: aws.Time(time.Unix(second, 0)),
	}
	if reason != "" {
		e.ResourceStatusReason = &reason
	}
	if logical == "app" {
		e.PhysicalResourceId = e.StackId
	}
	return e
}

func TestRootCause(t *testing.T) {
	for name, c := range map[string]struct {
		events []types.StackEvent // newest first
		want   string             // logical id and reason
	}{
		"nothing failed": {events: []types.StackEvent{happening(1, "A", "CREATE_COMPLETE", "")}},
		"the first in time, not the first listed": {
			events: []types.StackEvent{happening(3, "B", "CREATE_FAILED", "late"), happening(2, "A", "CREATE_FAILED", "early")},
			want:   "A early",
		},
		"of the same instant, what is told of first": {
			events: []types.StackEvent{happening(2, "B", "CREATE_FAILED", "second"), happening(2, "A", "CREATE_FAILED", "first")},
			want:   "A first",
		},
		"a cancelled resource is a consequence, even when told of earlier": {
			events: []types.StackEvent{happening(3, "A", "CREATE_FAILED", "no quota"), happening(2, "B", "CREATE_FAILED", "Resource creation cancelled")},
			want:   "A no quota",
		},
		"only consequences": {events: []types.StackEvent{
			happening(3, "app", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [B]. Rollback requested by user."),
			happening(2, "B", "CREATE_FAILED", "Resource creation cancelled"),
		}},
		"a reason of the stack's own": {
			events: []types.StackEvent{
				happening(3, "A", "DELETE_FAILED", "later, in the rollback"),
				happening(2, "app", "UPDATE_ROLLBACK_IN_PROGRESS", "Export with name X is already exported by stack other."),
				happening(1, "app", "UPDATE_IN_PROGRESS", "User Initiated"),
			},
			want: "app Export with name X is already exported by stack other.",
		},
		"an alarm is told by its name": {
			events: []types.StackEvent{
				happening(2, "app", "UPDATE_ROLLBACK_IN_PROGRESS", "Rollback triggered by alarm arn:aws:cloudwatch:eu-central-1:123456789012:alarm:Errors of web in state ALARM. "),
				happening(1, "app", "UPDATE_IN_PROGRESS", "User Initiated"),
			},
			want: "app the alarm Errors of web rolled it back: Rollback triggered by alarm arn:aws:cloudwatch:eu-central-1:123456789012:alarm:Errors of web in state ALARM. ",
		},
		"a reference only when there is nothing else": {
			events: []types.StackEvent{happening(2, "A", "CREATE_FAILED", "real"), happening(1, "N", "CREATE_FAILED", "Embedded stack arn:x was not successfully created: …")},
			want:   "A real",
		},
		"a reference when there is nothing else": {
			events: []types.StackEvent{happening(1, "N", "CREATE_FAILED", "Embedded stack arn:x was not successfully created: …")},
			want:   "N Embedded stack arn:x was not successfully created: …",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &story{}
			if err := s.add(t.Context(), c.events, 0); err != nil {
				t.Fatal(err)
			}
			got := ""
			if cause := s.rootCause(); cause != nil {
				got = cause.LogicalID + " " + cause.Reason
			}
			if got != c.want {
				t.Errorf("root cause is %q, want %q", got, c.want)
			}
		})
	}
}

func TestAFailedHookIsTheRootCauseWithItsOwnWords(t *testing.T) {
	hook := happening(1, "A", "CREATE_IN_PROGRESS", "")
	hook.HookStatus, hook.HookFailureMode = types.HookStatusHookCompleteFailed, types.HookFailureModeFail
	hook.HookType, hook.HookStatusReason = aws.String("My::Guard"), aws.String("bucket is public")
	s := &story{}
	events := []types.StackEvent{happening(2, "A", "CREATE_FAILED", "The following hook(s) failed: [My::Guard]"), hook}
	if err := s.add(t.Context(), events, 0); err != nil {
		t.Fatal(err)
	}
	if cause := s.rootCause(); cause == nil || cause.Reason != "hook My::Guard failed: bucket is public" {
		t.Errorf("root cause: %+v", cause)
	}
}

func TestAResourceCountsOnceHoweverOftenItIsTouched(t *testing.T) {
	s := &story{}
	err := s.add(t.Context(), []types.StackEvent{
		happening(6, "B", "UPDATE_IN_PROGRESS", ""),
		happening(5, "A", "DELETE_IN_PROGRESS", ""),
		happening(4, "app", "UPDATE_ROLLBACK_IN_PROGRESS", ""),
		happening(3, "A", "UPDATE_COMPLETE", ""),
		happening(2, "A", "UPDATE_IN_PROGRESS", "Requested update requires replacement"),
		happening(1, "A", "UPDATE_IN_PROGRESS", ""),
	}, 0)
	if err != nil || s.done != 1 || s.current != "B" {
		t.Errorf("%d done, %q at work, %v", s.done, s.current, err)
	}
}
