package cloudformation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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
// for Drift. ErrStackBusy means that a detection or another operation is
// going on: nothing was started, or not on every nested stack.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
func (c *Client) DetectDrift(ctx context.Context, stackARN string) (string, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	stacks, err := c.withNested(ctx, stackARN)
	if err != nil {
		return "", err
	}
	var ids []string
	for _, arn := range stacks {
		out, err := call(ctx, c, "detect drift of stack "+shortName(arn), (*cfn.Client).DetectStackDrift, &cfn.DetectStackDriftInput{StackName: &arn})
		if err != nil {
			return "", err
		}
		ids = append(ids, aws.ToString(out.StackDriftDetectionId))
	}
	return strings.Join(ids, ","), nil
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
	var nested []string
	in := &cfn.ListStackResourcesInput{StackName: &stackARN}
	for range maxPages {
		out, err := call(ctx, c, "list the resources of stack "+shortName(stackARN), (*cfn.Client).ListStackResources, in)
		if err != nil {
			return nil, err
		}
		for _, r := range out.StackResourceSummaries {
			gone := r.ResourceStatus == types.ResourceStatusDeleteComplete
			if aws.ToString(r.ResourceType) == nestedStackType && r.PhysicalResourceId != nil && !gone {
				nested = append(nested, *r.PhysicalResourceId)
			}
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	return nested, nil
}

// Drift reads what the detections of DetectDrift found: 50 resources, with 20
// properties each and 256 characters of a value. Logical ids of resources of
// nested stacks follow the nested stack's name and a slash. What a NoEcho
// parameter hides stays hidden, as CloudFormation tells it. An id that
// CloudFormation does not know (any more) is ErrNotFound.
func (c *Client) Drift(ctx context.Context, detectionID, stackARN string) decide.Drift {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	seen := decide.Drift{Seen: true, Status: string(types.StackDriftDetectionStatusDetectionComplete)}
	var drifted []string
	for id := range strings.SplitSeq(detectionID, ",") {
		out, err := c.detection(ctx, id)
		if err != nil {
			return decide.Drift{Err: err}
		}
		if out.DetectionStatus == types.StackDriftDetectionStatusDetectionInProgress {
			return decide.Drift{Seen: true, Status: string(out.DetectionStatus)}
		}
		if out.DetectionStatus != types.StackDriftDetectionStatusDetectionComplete {
			seen.Status, seen.Reason = string(out.DetectionStatus), aws.ToString(out.DetectionStatusReason)
		}
		if out.StackDriftStatus == types.StackDriftStatusDrifted {
			drifted = append(drifted, aws.ToString(out.StackId))
		}
	}
	if seen.Status != string(types.StackDriftDetectionStatusDetectionComplete) {
		return seen
	}
	seen.Drifted = len(drifted) > 0
	for _, arn := range drifted {
		if err := c.addDrifted(ctx, &seen, arn, arn != stackARN); err != nil {
			return decide.Drift{Err: err}
		}
	}
	return seen
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

// addDrifted adds the drifted resources of one stack.
func (c *Client) addDrifted(ctx context.Context, seen *decide.Drift, stackARN string, nested bool) error {
	in := &cfn.DescribeStackResourceDriftsInput{
		StackName: &stackARN,
		StackResourceDriftStatusFilters: []types.StackResourceDriftStatus{
			types.StackResourceDriftStatusModified, types.StackResourceDriftStatusDeleted,
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
			if len(seen.Resources) >= maxDriftedResources {
				seen.Omitted++
				continue
			}
			seen.Resources = append(seen.Resources, driftedResource(prefix, d))
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return nil
		}
	}
	return nil
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
