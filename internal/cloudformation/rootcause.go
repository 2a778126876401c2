package cloudformation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"awscdk.dev/operator/internal/decide"
)

// failure is an event that tells of a failure.
type failure struct {
	at time.Time
	// refers is true when it only points to failures elsewhere: a nested
	// stack, a hook. It is told when those cannot be found.
	refers bool
	event  types.StackEvent
	decide.Failure
}

// consequences are reasons of what fails since something else failed before.
var consequences = []string{
	"Resource creation cancelled",
	"Resource creation Cancelled",
	"Resource update cancelled",
	"Resource deletion cancelled",
	"Resource operation cancelled",
	"The following resource(s) failed to",
	"User Initiated",
}

// references are parts of reasons that name where else to look.
var references = []string{
	"Embedded stack arn:",
	"The following hook(s) failed",
}

// asFailure reads a failure out of an event of a resource, of the stack itself
// (which rolls back for a reason of its own, for example an export name that
// is taken), or of a hook.
func asFailure(e types.StackEvent, depth int) (failure, bool) {
	reason := aws.ToString(e.ResourceStatusReason)
	hook := e.HookStatus == types.HookStatusHookCompleteFailed || e.HookStatus == types.HookStatusHookFailed
	switch {
	case hook && e.HookFailureMode == types.HookFailureModeFail:
		reason = fmt.Sprintf("hook %s failed: %s", aws.ToString(e.HookType), aws.ToString(e.HookStatusReason))
	case ofStack(e) && reason == "":
		return failure{}, false
	case !failed(e) && !(ofStack(e) && rollsBack(e)):
		return failure{}, false
	case slices.ContainsFunc(consequences, func(prefix string) bool { return strings.HasPrefix(reason, prefix) }):
		return failure{}, false
	}
	if alarms := alarmsIn(reason); ofStack(e) && len(alarms) > 0 {
		reason = fmt.Sprintf("the alarm %s rolled it back: %s", strings.Join(alarms, ", "), reason)
	}
	refers := slices.ContainsFunc(references, func(part string) bool { return strings.Contains(reason, part) })
	if depth > 0 {
		reason = fmt.Sprintf("%s (in nested stack %s)", reason, aws.ToString(e.StackName))
	}
	return failure{
		at:     aws.ToTime(e.Timestamp),
		refers: refers,
		event:  e,
		Failure: decide.Failure{
			LogicalID:    aws.ToString(e.LogicalResourceId),
			ResourceType: aws.ToString(e.ResourceType),
			Status:       string(e.ResourceStatus),
			Reason:       reason,
			Export:       exportFault(reason),
		},
	}, true
}

func rollsBack(e types.StackEvent) bool {
	return e.ResourceStatus == types.ResourceStatusRollbackInProgress ||
		e.ResourceStatus == types.ResourceStatusUpdateRollbackInProgress
}

// rootCause is the first failure in time. Of two at the same instant it is the
// one that CloudFormation tells of first, which stands later in the list.
func (s *story) rootCause() *decide.Failure {
	var first *failure
	for i := range s.failures {
		f := &s.failures[i]
		if first == nil || f.precedes(first) {
			first = f
		}
	}
	if first == nil {
		return nil
	}
	return &first.Failure
}

func (f *failure) precedes(other *failure) bool {
	if f.refers != other.refers {
		return other.refers
	}
	return !f.at.After(other.at)
}
