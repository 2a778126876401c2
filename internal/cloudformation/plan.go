package cloudformation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/problem"
)

// maxPlanObject bounds what is read of a plan's object, in bytes.
const maxPlanObject = 1 << 20

// ErrPlanUnreadable is a plan's object that is gone, or is another than the run
// has written: to wait for it is of no use, and another run makes it again.
var ErrPlanUnreadable = problem.Declare("PlanUnreadable", problem.Retries)

// Plan reads the plan that a run has put into a bucket. Another error than
// ErrPlanUnreadable may pass, or be put right outside: the plan is still there.
func (c *Client) Plan(ctx context.Context, at decide.PlanAt) (*v1alpha1.Plan, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	where := "s3://" + at.Bucket + "/" + at.Key
	data, err := c.object(ctx, at)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, ErrPlanUnreadable.Because(err, "the plan of the run is no longer at %s: %v", where, err)
	case errors.Is(err, ErrAccessDenied):
		return nil, c.mayNotRead(where, at, err)
	case err != nil:
		return nil, err
	}
	sum := sha256.Sum256(data)
	if len(data) > maxPlanObject || hex.EncodeToString(sum[:]) != at.SHA256 {
		return nil, ErrPlanUnreadable.New("%s is not the plan that the run has put there: somebody has written it since; delete the object", where)
	}
	var plan v1alpha1.Plan
	if err := json.Unmarshal(data, &plan); err != nil {
		return nil, ErrPlanUnreadable.New("%s holds no plan", where)
	}
	return &plan, nil
}

// object reads one byte more than a plan may have, at most.
func (c *Client) object(ctx context.Context, at decide.PlanAt) ([]byte, error) {
	api, err := c.apis(ctx)
	if err != nil {
		return nil, err
	}
	const doing = "read the plan of the run"
	in := &s3.GetObjectInput{Bucket: &at.Bucket, Key: &at.Key}
	if at.Account != "" {
		in.ExpectedBucketOwner = &at.Account
	}
	out, err := api.s3.GetObject(ctx, in)
	if err != nil {
		return nil, c.explain(ctx, doing, err)
	}
	defer out.Body.Close()
	data, err := io.ReadAll(io.LimitReader(out.Body, maxPlanObject+1))
	return data, c.explain(ctx, doing, err)
}

// mayNotRead says how an identity is let in that may not read the plan.
func (c *Client) mayNotRead(where string, at decide.PlanAt, err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	who := "the credentials of the object"
	if at.Role != "" {
		who = at.Role
	}
	told := *e
	told.Message = fmt.Sprintf("%s. The plan of the run is at %s: allow %s s3:GetObject there, and kms:Decrypt where the bucket has a key of its own; the roles that `cdk bootstrap` makes may do so",
		e.Message, where, who)
	return &told
}
