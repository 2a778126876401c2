package cloudformation

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"awscdk.dev/operator/internal/decide"
)

// The bounds of the values that are kept of one plan, in bytes: of all, of each
// side of one resource, and of the value of one place; and how many places.
const (
	maxValues  = 16 << 20
	maxContext = 256 << 10
	maxDetail  = 16 << 10
	maxDetails = 200
)

// maxValuedChangeSets is of how many change sets, nested ones included, the
// values are read: each is another request within the time of one look.
const maxValuedChangeSets = 25

// valuesLimited is why values are missing that go beyond the bounds.
const valuesLimited = "together they are too large"

// value adds the values to the changes of one change set, own by their logical
// ids. They decorate: what CloudFormation does not show here is known without.
// Only what may pass by itself is an error, so that a plan does not look
// different from one look to the next.
func (c *changes) value(ctx context.Context, in *cfn.DescribeChangeSetInput, own map[string]int) error {
	if c.valued++; c.valued > maxValuedChangeSets {
		c.noValues = "there are too many nested stacks"
		return nil
	}
	asking := *in
	asking.IncludePropertyValues = aws.Bool(true)
	for range maxPages {
		if c.refused {
			return nil
		}
		page, err := c.client.changeSetPage(ctx, &asking)
		switch {
		case passes(err) || errors.Is(err, ErrCredentials):
			return err
		case err != nil:
			c.refused, c.noValues = true, "CloudFormation does not show them: "+err.Error()
			return nil
		}
		secret := noEcho(page.Parameters)
		for _, change := range page.Changes {
			if r := change.ResourceChange; r != nil {
				c.decorate(r, own, secret)
			}
		}
		if page.NextToken == nil {
			break
		}
		asking.NextToken = page.NextToken
	}
	for _, id := range slices.Sorted(maps.Keys(own)) {
		if change := c.list[own[id]]; change.Unvalued() && c.noValues == "" {
			c.noValues = "CloudFormation does not show those of " + change.LogicalID
		}
	}
	return nil
}

// hidden is what CloudFormation gives in the place of a NoEcho parameter.
const hidden = "****"

// noEcho names the parameters whose values CloudFormation hides.
func noEcho(all []types.Parameter) map[string]bool {
	names := map[string]bool{}
	for _, p := range all {
		if aws.ToString(p.ParameterValue) == hidden {
			names[aws.ToString(p.ParameterKey)] = true
		}
	}
	return names
}

func (c *changes) decorate(r *types.ResourceChange, own map[string]int, secret map[string]bool) {
	i, known := own[aws.ToString(r.LogicalResourceId)]
	if !known {
		return
	}
	change := &c.list[i]
	change.Before, change.After = c.keep(r.BeforeContext), c.keep(r.AfterContext)
	for _, d := range r.Details[:min(len(r.Details), maxDetails)] {
		if d.Target == nil {
			continue
		}
		detail := c.detail(d)
		if secret[detail.Cause] {
			detail.Before, detail.After = aws.String(hidden), aws.String(hidden)
		}
		change.Details = append(change.Details, detail)
	}
}

// keep is one side of a resource, nil when it is no JSON or there is no room.
func (c *changes) keep(text *string) json.RawMessage {
	if text == nil || !json.Valid([]byte(*text)) {
		return nil
	}
	if len(*text) > maxContext || len(*text) > c.room {
		c.noValues = valuesLimited
		return nil
	}
	c.room -= len(*text)
	return json.RawMessage(*text)
}

func (c *changes) detail(d types.ResourceChangeDetail) decide.Detail {
	return decide.Detail{
		Path:      cmp.Or(aws.ToString(d.Target.Path), nameOf(d.Target)),
		Change:    string(d.Target.AttributeChangeType),
		Before:    c.short(d.Target.BeforeValue),
		After:     c.short(d.Target.AfterValue),
		Dynamic:   d.Evaluation == types.EvaluationTypeDynamic,
		Source:    string(d.ChangeSource),
		Cause:     aws.ToString(d.CausingEntity),
		Recreates: recreates(d.Target),
	}
}

// short is the value of one place, cut as CloudFormation itself cuts long ones.
func (c *changes) short(value *string) *string {
	if value == nil {
		return nil
	}
	kept := strings.ToValidUTF8((*value)[:min(len(*value), maxDetail)], "")
	if len(kept) > c.room {
		c.noValues = valuesLimited
		return nil
	}
	c.room -= len(kept)
	return &kept
}
