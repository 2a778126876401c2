package controller_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/executor"
)

// asideRuns are runs that leave their plans in a bucket, as those do whose
// result has too little room.
type asideRuns struct {
	executor.Executor
	world *world
	// spoil changes what is in the bucket.
	spoil func(plan string) string
}

const planBucket = "plans-of-runs"

func (a *asideRuns) Observe(ctx context.Context, name string) decide.Run {
	seen := a.Executor.Observe(ctx, name)
	if seen.Result == nil || seen.Result.Plan == nil {
		return seen
	}
	plan, err := json.Marshal(seen.Result.Plan)
	if err != nil {
		return decide.Run{Err: err}
	}
	sum := sha256.Sum256(plan)
	result := *seen.Result
	result.PlanAt = &decide.PlanAt{
		Bucket: planBucket, Key: "awscdk-operator/plans/" + hex.EncodeToString(sum[:]) + ".json", Region: awstest.Region,
		Account: account, SHA256: hex.EncodeToString(sum[:]), Bytes: len(plan),
	}
	a.world.aws.Put(a.world, planBucket, result.PlanAt.Key, a.spoil(string(plan)))
	result.Plan, seen.Result = nil, &result
	return seen
}

func newAsideWorld(t *testing.T, spoil func(string) string) *world {
	t.Helper()
	w := newWorld(t)
	w.aws.Bucket(t, planBucket)
	w.runs = func(e executor.Executor) executor.Executor { return &asideRuns{e, w, spoil} }
	return w
}

func TestAPlanInTheBucketWaitsUntilItCanBeRead(t *testing.T) {
	w := newAsideWorld(t, func(plan string) string { return plan })
	w.commit(map[string]any{"Topic": topic("one")})
	w.aws.Fault(t, awstest.Fault{Service: "s3", Action: "GetObject", Target: planBucket, Code: "AccessDenied", Status: 403, Count: -1})
	w.manage()
	w.create(w.stack("web"))
	denied := w.until("web", "it says what to allow", because("AccessDenied"))
	contains(t, message(denied), "s3://"+planBucket, "s3:GetObject", "tried again by itself")
	if op := denied.Status.Operation; op == nil || op.Step != v1alpha1.StepBuilding || len(denied.Status.History) > 0 {
		t.Errorf("the run is given up: %+v, %+v", op, denied.Status.History)
	}
	id := denied.Status.Operation.ID
	w.aws.Heal(t)
	deployed := w.untilReady("web")
	if got := deployed.Status.History[0]; got.Operation != id {
		t.Errorf("the build was done again: %s, then %s", id, got.Operation)
	}
}

func TestAPlanInTheBucketThatIsAnotherIsNotDeployed(t *testing.T) {
	w := newAsideWorld(t, func(plan string) string { return strings.Replace(plan, "Stack-web", "Stack-evil", 1) })
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	w.create(w.stack("web"))
	refused := w.until("web", "the plan is refused", because("PlanUnreadable"))
	contains(t, message(refused), "delete the object")
	if n := w.aws.Succeeded(t, "CreateChangeSet"); n != 0 {
		t.Errorf("%d change sets were created", n)
	}
}
