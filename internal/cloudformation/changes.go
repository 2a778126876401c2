package cloudformation

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"awscdk.dev/operator/internal/decide"
)

// changes collects what a change set does to resources.
type changes struct {
	client *Client
	// budget is how many nested change sets may still be read.
	budget int
	list   []decide.Change
	// unseen says that there are more, which could not be read.
	unseen bool
	// room is for how many bytes of values there is still room, valued of how many
	// change sets they were read, noValues why some are missing, and refused that
	// CloudFormation shows none.
	room, valued int
	noValues     string
	refused      bool
}

// read takes in a change set of which the first page was read already, and
// those of its nested stacks while the budget of them lasts. Within leads the
// logical ids.
func (c *changes) read(ctx context.Context, in *cfn.DescribeChangeSetInput, page *cfn.DescribeChangeSetOutput, within string) error {
	own := map[string]int{}
	complete := page.Status == types.ChangeSetStatusCreateComplete
	for range maxPages {
		for _, change := range page.Changes {
			if change.ResourceChange != nil {
				own[aws.ToString(change.ResourceChange.LogicalResourceId)] = len(c.list)
			}
			if err := c.add(ctx, change.ResourceChange, within); err != nil {
				return err
			}
		}
		if page.NextToken == nil {
			if complete && len(own) > 0 {
				return c.value(ctx, in, own)
			}
			return nil
		}
		next := *in
		next.NextToken = page.NextToken
		var err error
		if page, err = c.client.changeSetPage(ctx, &next); err != nil {
			return err
		}
	}
	c.unseen = true
	return nil
}

func (c *changes) add(ctx context.Context, r *types.ResourceChange, within string) error {
	if r == nil {
		return nil
	}
	change := changeOf(r, within)
	c.list = append(c.list, change)
	if r.ChangeSetId == nil {
		return nil
	}
	if c.budget--; c.budget < 0 {
		c.unseen = true
		return nil
	}
	in := &cfn.DescribeChangeSetInput{ChangeSetName: r.ChangeSetId}
	page, err := c.client.changeSetPage(ctx, in)
	if errors.Is(err, ErrNotFound) {
		c.unseen = true
		return nil
	}
	if err != nil {
		return err
	}
	return c.read(ctx, in, page, change.LogicalID+"/")
}

func changeOf(r *types.ResourceChange, within string) decide.Change {
	change := decide.Change{
		Action:       string(r.Action),
		Replacement:  string(r.Replacement),
		PolicyAction: string(r.PolicyAction),
		LogicalID:    within + aws.ToString(r.LogicalResourceId),
		Type:         aws.ToString(r.ResourceType),
		PhysicalID:   aws.ToString(r.PhysicalResourceId),
	}
	for _, d := range r.Details {
		name := nameOf(d.Target)
		if name == "" {
			continue
		}
		if !slices.Contains(change.Properties, name) {
			change.Properties = append(change.Properties, name)
		}
		if recreates(d.Target) && !slices.Contains(change.Because, name) {
			change.Because = append(change.Because, name)
		}
	}
	slices.Sort(change.Properties) // so that each look gives the plan one digest
	slices.Sort(change.Because)
	return change
}

// nameOf names what of a resource is changed: the property, or the attribute,
// such as Tags.
func nameOf(t *types.ResourceTargetDefinition) string {
	switch {
	case t == nil:
		return ""
	case aws.ToString(t.Name) != "":
		return *t.Name
	}
	return string(t.Attribute)
}

func recreates(t *types.ResourceTargetDefinition) bool {
	return t.RequiresRecreation == types.RequiresRecreationAlways || t.RequiresRecreation == types.RequiresRecreationConditionally
}
