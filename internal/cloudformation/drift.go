package cloudformation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
)

// What fits into the status of an object.
const (
	maxDriftedResources  = 50
	maxDriftedProperties = 20
	maxValue             = 256
)

// DetectDrift starts drift detection on a stack and on its nested stacks,
// since CloudFormation does not descend by itself. The id that it returns is
// for Drift. Of a nested stack whose detection cannot start for something that
// passes (another one is going on, throttling), the id says so: begun is the id
// of the call before, "" at first, and what is missing in it is started now.
// An error means that nothing was started; ErrStackBusy that a detection or
// another operation is going on.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
func (c *Client) DetectDrift(ctx context.Context, stackARN, begun string) (string, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	ids := strings.Split(begun, ",")
	if begun == "" {
		var err error
		if ids, err = c.withNested(ctx, stackARN); err != nil {
			return "", err
		}
	}
	var putOff error
	for i, arn := range ids {
		if !pending(arn) {
			continue
		}
		out, err := call(ctx, c, "detect drift of stack "+shortName(arn), (*cfn.Client).DetectStackDrift, &cfn.DetectStackDriftInput{StackName: &arn})
		switch {
		case err == nil:
			ids[i] = aws.ToString(out.StackDriftDetectionId)
		case !passes(err):
			return "", err
		default:
			putOff = err
		}
	}
	if !slices.ContainsFunc(ids, func(id string) bool { return !pending(id) }) {
		return "", putOff
	}
	return strings.Join(ids, ","), nil
}

// pending says that the detection of a stack has not started: in its place
// stands the ARN of the stack.
func pending(id string) bool { return strings.HasPrefix(id, "arn:") }

func passes(err error) bool {
	return errors.Is(err, ErrStackBusy) || errors.Is(err, ErrThrottled) || errors.Is(err, ErrUnreachable)
}

// withNested returns a stack and its nested stacks, at any depth.
func (c *Client) withNested(ctx context.Context, stackARN string) ([]string, error) {
	stacks := []string{stackARN}
	for i := 0; i < len(stacks) && len(stacks) <= maxNested; i++ {
		nested, err := c.nestedStacks(ctx, stacks[i])
		if err != nil {
			return nil, err
		}
		stacks = append(stacks, nested...)
	}
	return stacks[:min(len(stacks), maxNested+1)], nil
}

func (c *Client) nestedStacks(ctx context.Context, stackARN string) ([]string, error) {
	all, err := c.resources(ctx, stackARN)
	if err != nil {
		return nil, err
	}
	var nested []string
	for _, r := range all {
		if r.Type == nestedStackType {
			nested = append(nested, r.PhysicalID)
		}
	}
	return nested, nil
}

// Drift reads what the detections of DetectDrift found: 50 resources, with 20
// properties each and 256 characters of a value, and those that CloudFormation
// could not look at. Logical ids of resources of nested stacks follow the
// nested stack's name and a slash. What a NoEcho parameter hides stays hidden,
// as CloudFormation tells it. An id that CloudFormation does not know (any
// more) is ErrNotFound.
func (c *Client) Drift(ctx context.Context, detectionID, stackARN string) decide.Drift {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	seen := decide.Drift{Seen: true, Status: string(types.StackDriftDetectionStatusDetectionComplete)}
	var stacks []string
	for id := range strings.SplitSeq(detectionID, ",") {
		if pending(id) {
			seen.Status = detectionPending
			continue
		}
		out, err := c.detection(ctx, id)
		if err != nil {
			return decide.Drift{Err: err}
		}
		if out.DetectionStatus == types.StackDriftDetectionStatusDetectionInProgress {
			return decide.Drift{Seen: true, Status: string(out.DetectionStatus)}
		}
		judge(&seen, out)
		stacks = append(stacks, aws.ToString(out.StackId))
	}
	if seen.Status == detectionPending {
		return decide.Drift{Seen: true, Status: detectionPending}
	}
	for _, arn := range stacks {
		if err := c.addDrifted(ctx, &seen, arn, arn != stackARN); err != nil {
			return decide.Drift{Err: err}
		}
	}
	if seen.Status == string(types.StackDriftDetectionStatusDetectionComplete) {
		seen.Drifted = seen.Drifted || len(seen.Resources) > 0
	}
	if !seen.Drifted {
		// Of a detection that failed these may be of the one before.
		seen.Resources, seen.Omitted = nil, 0
	}
	return seen
}

// detectionPending: what begun detections found counts when all have begun.
const detectionPending = "DETECTION_PENDING"

// judge adds the verdict on one stack. A detection that failed has looked at
// some of the resources; what it found of them counts.
func judge(seen *decide.Drift, out *cfn.DescribeStackDriftDetectionStatusOutput) {
	if out.DetectionStatus != types.StackDriftDetectionStatusDetectionComplete && seen.Status != detectionPending {
		seen.Status, seen.Reason = string(out.DetectionStatus), aws.ToString(out.DetectionStatusReason)
	}
	switch out.StackDriftStatus {
	case types.StackDriftStatusDrifted:
		seen.Drifted = true
	case types.StackDriftStatusInSync:
	default:
		seen.Undecided = fmt.Sprintf("CloudFormation's verdict on the drift of the stack %s is %s: it has not looked at all that there is", shortName(aws.ToString(out.StackId)), out.StackDriftStatus)
	}
}

func (c *Client) detection(ctx context.Context, id string) (*cfn.DescribeStackDriftDetectionStatusOutput, error) {
	const doing = "read drift detection"
	out, err := call(ctx, c, doing, (*cfn.Client).DescribeStackDriftDetectionStatus, &cfn.DescribeStackDriftDetectionStatusInput{StackDriftDetectionId: &id})
	if refused, ok := errors.AsType[*Error](err); ok && refused.Kind == ErrValidation {
		// The id is all there is to refuse.
		return nil, &Error{Kind: ErrNotFound, Doing: doing, Code: refused.Code, Message: refused.Message, Err: refused.Err}
	}
	return out, err
}

// addDrifted adds the drifted resources of one stack, and those that could not
// be looked at.
func (c *Client) addDrifted(ctx context.Context, seen *decide.Drift, stackARN string, nested bool) error {
	in := &cfn.DescribeStackResourceDriftsInput{
		StackName: &stackARN,
		StackResourceDriftStatusFilters: []types.StackResourceDriftStatus{
			types.StackResourceDriftStatusModified, types.StackResourceDriftStatusDeleted, types.StackResourceDriftStatusUnknown,
		},
	}
	prefix := ""
	if nested {
		prefix = shortName(stackARN) + "/"
	}
	for range maxPages {
		out, err := call(ctx, c, "read the drift of stack "+shortName(stackARN), (*cfn.Client).DescribeStackResourceDrifts, in)
		if err != nil {
			return err
		}
		for _, d := range out.StackResourceDrifts {
			addResource(seen, prefix, d)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return nil
		}
	}
	return nil
}

func addResource(seen *decide.Drift, prefix string, d types.StackResourceDrift) {
	unknown := d.StackResourceDriftStatus == types.StackResourceDriftStatusUnknown
	switch {
	case unknown && len(seen.Unchecked) >= maxDriftedResources:
		seen.UncheckedOmitted++
	case unknown:
		seen.Unchecked = append(seen.Unchecked, v1alpha1.UncheckedResource{
			LogicalID: prefix + aws.ToString(d.LogicalResourceId),
			Type:      aws.ToString(d.ResourceType),
			Reason:    compact(aws.ToString(d.DriftStatusReason)),
		})
	case len(seen.Resources) >= maxDriftedResources:
		seen.Omitted++
	default:
		seen.Resources = append(seen.Resources, driftedResource(prefix, d))
	}
}

func driftedResource(prefix string, d types.StackResourceDrift) v1alpha1.DriftedResource {
	r := v1alpha1.DriftedResource{
		LogicalID:  prefix + aws.ToString(d.LogicalResourceId),
		PhysicalID: aws.ToString(d.PhysicalResourceId),
		Type:       aws.ToString(d.ResourceType),
		Change:     string(d.StackResourceDriftStatus),
	}
	for _, p := range d.PropertyDifferences[:min(len(d.PropertyDifferences), maxDriftedProperties)] {
		r.Properties = append(r.Properties, v1alpha1.DriftedProperty{
			Path:     aws.ToString(p.PropertyPath),
			Change:   string(p.DifferenceType),
			Expected: compact(aws.ToString(p.ExpectedValue)),
			Actual:   compact(aws.ToString(p.ActualValue)),
		})
	}
	return r
}

// compact takes the white space out of JSON and cuts what is too long.
func compact(value string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(value)) == nil {
		value = b.String()
	}
	if runes := []rune(value); len(runes) > maxValue {
		return string(runes[:maxValue-1]) + "…"
	}
	return value
}
