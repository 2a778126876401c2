package cloudformation

import (
	"errors"
	"strings"
	"testing"

	"awscdk.dev/operator/internal/awsconfig/awstest"
)

// ours are the change sets of these tests.
func ours(name string) bool { return strings.HasPrefix(name, "op-") }

// empty makes a stack that holds a change set of ours and nothing else.
func (c cloud) empty(t *testing.T) (stackID string) {
	t.Helper()
	plan := c.plan(t, template{Resources: tree{"Topic": topic("one")}})
	return c.change(t, ChangeSetRequest{StackName: "app", Name: "op-1", Token: "op-1", Create: true, Plan: plan}).StackID
}

func TestAnEmptyStackIsDeleted(t *testing.T) {
	c := newCloud(t)
	id := c.empty(t)
	for range 2 { // the second time does nothing
		if err := c.DeleteEmptyStack(t.Context(), id, "op-1", "", ours); err != nil {
			t.Fatal(err)
		}
		awstest.Eventually(t, "the stack is gone", func() bool { return !c.Stack(t.Context(), id).Exists })
	}
}

func TestAStackThatSomebodyDeployedIntoIsNotDeletedAsEmpty(t *testing.T) {
	c := newCloud(t)
	id := c.empty(t)
	if err := c.ExecuteChangeSet(t.Context(), Execution{StackID: id, ChangeSet: "op-1", Token: "op-1"}); err != nil {
		t.Fatal(err)
	}
	if err := c.DeleteEmptyStack(t.Context(), id, "op-1-delete", "", ours); !errors.Is(err, ErrStackInUse) {
		t.Errorf("while it is being created: %v", err)
	}
	c.settled(t, id)
	if err := c.DeleteEmptyStack(t.Context(), id, "op-1-delete", "", ours); !errors.Is(err, ErrStackInUse) {
		t.Errorf("once it is there: %v", err)
	}
	if calls := c.Calls(t, "DeleteStack"); len(calls) > 0 {
		t.Errorf("DeleteStack was called: %v", calls)
	}
}

func TestAStackThatSomebodyIsAboutToDeployIntoIsNotDeletedAsEmpty(t *testing.T) {
	c := newCloud(t)
	id := c.empty(t)
	plan := c.plan(t, template{Resources: tree{"Topic": topic("theirs")}})
	c.change(t, ChangeSetRequest{StackName: "app", Name: "theirs", Token: "theirs", Create: true, Plan: plan})
	err := c.DeleteEmptyStack(t.Context(), id, "op-1", "", ours)
	if !errors.Is(err, ErrStackInUse) || !strings.Contains(err.Error(), "theirs") {
		t.Errorf("error %v", err)
	}
	if calls := c.Calls(t, "DeleteStack"); len(calls) > 0 {
		t.Errorf("DeleteStack was called: %v", calls)
	}
}

func TestTheDeletionOfAnEmptyStackIsNotRepeatedUnseen(t *testing.T) {
	c := newCloud(t)
	id := c.empty(t)
	c.Server.Fault(t, awstest.Fault{Service: "cloudformation", Action: "ListChangeSets", Code: "AccessDenied", Status: 403, Count: 100})
	c.Server.Fault(t, awstest.Fault{Service: "cloudformation", Action: "DeleteStack", Code: "InternalFailure", Status: 500, Count: 1})
	if err := c.DeleteEmptyStack(t.Context(), id, "op-1", "", ours); !errors.Is(err, ErrUnreachable) {
		t.Errorf("error %v", err)
	}
	if calls := c.Calls(t, "DeleteStack"); len(calls) != 1 {
		t.Errorf("DeleteStack was called %d times", len(calls))
	}
	// The CDK's deploy role may not list change sets: that stops nothing.
	if err := c.DeleteEmptyStack(t.Context(), id, "op-1", "", ours); err != nil {
		t.Error(err)
	}
}
