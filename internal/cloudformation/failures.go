package cloudformation

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"awscdk.dev/operator/api/v1alpha1"
)

const (
	// maxHookResults is how many results of hooks are read for one failure.
	maxHookResults = 5
	// maxFailures is how many failed resources are told, oldest first.
	maxFailures = 20
)

// FailedResource is a failure among the events of an operation that is not only
// the consequence of another.
type FailedResource struct {
	LogicalID, PhysicalID, Type, Reason string
	At                                  time.Time
	// ServiceToken is that of a custom resource: the ARN of its function.
	ServiceToken string
	// HookResult is the id of the result of the hook that failed, HookType its
	// name.
	HookResult, HookType string
	// Alarms are the names of those that rolled the stack back.
	Alarms []string
}

// Failures reads what failed of an operation on a stack, nested stacks included,
// oldest first.
func (c *Client) Failures(ctx context.Context, stackARN, token string, since time.Time) ([]FailedResource, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	own, err := c.operationEvents(ctx, stackARN, token, since)
	if err != nil {
		return nil, err
	}
	told := &story{client: c, budget: maxNested}
	if err := told.add(ctx, own, 0); err != nil {
		return nil, err
	}
	slices.SortStableFunc(told.failures, func(a, b failure) int {
		if a.precedes(&b) {
			return -1
		}
		return 1
	})
	var all []FailedResource
	for _, f := range told.failures {
		if f.refers && len(all) > 0 || len(all) >= maxFailures {
			continue
		}
		all = append(all, failedResource(f))
	}
	return all, nil
}

func failedResource(f failure) FailedResource {
	r := FailedResource{
		LogicalID: f.LogicalID, PhysicalID: aws.ToString(f.event.PhysicalResourceId), Type: f.ResourceType, Reason: f.Reason, At: f.at,
		HookType: aws.ToString(f.event.HookType), HookResult: aws.ToString(f.event.HookInvocationId), ServiceToken: serviceToken(f.event),
	}
	if ofStack(f.event) {
		r.Alarms = alarmsIn(f.Reason)
	}
	return r
}

// serviceToken is the ARN of the function behind a custom resource.
func serviceToken(e types.StackEvent) string {
	kind := aws.ToString(e.ResourceType)
	if !strings.HasPrefix(kind, "Custom::") && kind != "AWS::CloudFormation::CustomResource" {
		return ""
	}
	var properties struct{ ServiceToken string }
	_ = json.Unmarshal([]byte(aws.ToString(e.ResourceProperties)), &properties) // without one there is no token
	return properties.ServiceToken
}

// alarmARN finds alarms in a reason: their names may hold spaces, so that the words
// that follow one end it.
var alarmARN = regexp.MustCompile(`arn:aws[a-z-]*:cloudwatch:[a-z0-9-]+:\d{12}:alarm:([^\],;"']+?)(?: in state| is in| went| does not| was |[\],;"']|\.? *$)`)

// alarmsIn are the names of alarms that a reason tells of by their ARNs.
func alarmsIn(reason string) []string {
	var names []string
	for _, m := range alarmARN.FindAllStringSubmatch(reason, -1) {
		if !slices.Contains(names, m[1]) {
			names = append(names, m[1])
		}
	}
	return names
}

// HookAdvice reads what hooks say of their verdicts, and how to do what they want.
// Of a change set it finds their results by its ARN, of resources by the ids that
// are given. A hook whose verdict is a warning only is left out.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetHookResult.html
func (c *Client) HookAdvice(ctx context.Context, changeSetARN string, results []string) ([]v1alpha1.Cause, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	if changeSetARN != "" {
		out, err := call(ctx, c, "list the results of hooks", (*cfn.Client).ListHookResults, &cfn.ListHookResultsInput{
			TargetId: &changeSetARN, TargetType: types.ListHookResultsTargetTypeChangeSet,
		})
		if err != nil {
			return nil, err
		}
		for _, r := range out.HookResults {
			if hookFailed(r.Status) && r.FailureMode != types.HookFailureModeWarn {
				results = append(results, aws.ToString(r.HookResultId))
			}
		}
	}
	var all []v1alpha1.Cause
	for _, id := range results[:min(len(results), maxHookResults)] {
		out, err := call(ctx, c, "read the result of a hook", (*cfn.Client).GetHookResult, &cfn.GetHookResultInput{HookResultId: &id})
		if err != nil {
			return all, err
		}
		all = append(all, hookCauses(out)...)
	}
	return all, nil
}

func hookFailed(s types.HookStatus) bool {
	return s == types.HookStatusHookCompleteFailed || s == types.HookStatusHookFailed
}

// hookCauses are one cause for each rule that was broken or, of a hook that does
// not tell them apart, one for all.
func hookCauses(out *cfn.GetHookResultOutput) []v1alpha1.Cause {
	name := aws.ToString(out.TypeName)
	whole := v1alpha1.Cause{Source: v1alpha1.CauseHooks, At: moment(out.InvokedAt), Message: "the hook " + name + " failed"}
	if t := out.Target; t != nil && t.TargetType == types.HookTargetTypeResource {
		whole.Type = aws.ToString(t.TargetTypeName)
	}
	var all []v1alpha1.Cause
	for _, a := range out.Annotations {
		if a.Status != types.AnnotationStatusFailed {
			continue
		}
		one := whole
		one.Message = strings.TrimSuffix("the hook "+name+", rule "+aws.ToString(a.AnnotationName)+": "+aws.ToString(a.StatusMessage), ": ")
		one.Remediation, one.Link = aws.ToString(a.RemediationMessage), aws.ToString(a.RemediationLink)
		if a.SeverityLevel != "" {
			one.Message += " (" + strings.ToLower(string(a.SeverityLevel)) + ")"
		}
		all = append(all, one)
	}
	if len(all) > 0 {
		return all
	}
	if reason := aws.ToString(out.HookStatusReason); reason != "" {
		whole.Message += ": " + reason
	}
	return append(all, whole)
}

func moment(t *time.Time) *metav1.Time {
	if t == nil {
		return nil
	}
	at := metav1.NewTime(*t)
	return &at
}

// RefusedChangeSet reads what CloudFormation's early validation and hooks found in
// a change set that it could not make.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeEvents.html
func (c *Client) RefusedChangeSet(ctx context.Context, changeSetARN string) ([]v1alpha1.Cause, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	out, err := call(ctx, c, "read the events of the change set", (*cfn.Client).DescribeEvents, &cfn.DescribeEventsInput{
		ChangeSetName: &changeSetARN, Filters: &types.EventFilter{FailedEvents: aws.Bool(true)},
	})
	if err != nil {
		return nil, err
	}
	var all []v1alpha1.Cause
	for _, e := range out.OperationEvents {
		if e.EventType != types.EventTypeValidationError || len(all) >= maxFailures {
			continue
		}
		message := aws.ToString(e.ValidationName) + ": " + aws.ToString(e.ValidationStatusReason)
		if at := aws.ToString(e.ValidationPath); at != "" {
			message += " (at " + at + ")"
		}
		all = append(all, v1alpha1.Cause{
			Source: v1alpha1.CauseEvents, At: moment(e.Timestamp), LogicalID: aws.ToString(e.LogicalResourceId), Type: aws.ToString(e.ResourceType), Message: message,
		})
	}
	return all, nil
}
