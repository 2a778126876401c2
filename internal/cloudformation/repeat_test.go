package cloudformation

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"awscdk.dev/operator/internal/awsconfig/awstest"
)

// Each write is said three times, as a manager that is killed says it again.

func TestAChangeSetIsCreatedOnceHoweverOftenItIsAskedFor(t *testing.T) {
	c := newCloud(t)
	r := ChangeSetRequest{StackName: "app", Name: "op-1", Token: "op-1", Create: true, Plan: c.plan(t, template{Resources: tree{"A": topic("a")}})}
	first := c.change(t, r)
	for range 2 {
		again := c.change(t, r)
		if diff := cmp.Diff(first, again); diff != "" || again.Status != "CREATE_COMPLETE" || len(again.Changes) != 1 {
			t.Fatalf("change set %+v:\n%s", again, diff)
		}
	}
}

func TestAnExecutionIsStartedOnceHoweverOftenItIsAskedFor(t *testing.T) {
	c := newCloud(t)
	plan := c.plan(t, template{Resources: tree{"A": topic("a")}})
	seen := c.change(t, ChangeSetRequest{StackName: "app", Name: "op-1", Token: "op-1", Create: true, Plan: plan})
	run := Execution{StackID: seen.StackID, ChangeSet: "op-1", Token: "op-1"}
	for range 2 {
		if err := c.ExecuteChangeSet(t.Context(), run); err != nil {
			t.Fatal(err)
		}
	}
	if stack := c.settled(t, seen.StackID); stack.Status != "CREATE_COMPLETE" {
		t.Errorf("stack: %+v", stack)
	}
	if err := c.ExecuteChangeSet(t.Context(), run); err != nil {
		t.Errorf("after the execution: %v", err)
	}
	if begun := c.begun(t, seen.StackID, "CREATE_IN_PROGRESS"); begun != 1 {
		t.Errorf("the stack was created %d times", begun)
	}
}

func TestALostAnswerOfAnExecutionIsNoSecondExecution(t *testing.T) {
	c := newCloud(t)
	plan := c.plan(t, template{Resources: tree{"A": topic("a")}})
	seen := c.change(t, ChangeSetRequest{StackName: "app", Name: "op-1", Token: "op-1", Create: true, Plan: plan})
	c.Fault(t, awstest.Fault{Service: "cloudformation", Action: "ExecuteChangeSet", After: true})
	if err := c.ExecuteChangeSet(t.Context(), Execution{StackID: seen.StackID, ChangeSet: "op-1", Token: "op-1"}); err != nil {
		t.Fatal(err)
	}
	c.settled(t, seen.StackID)
	if begun := c.begun(t, seen.StackID, "CREATE_IN_PROGRESS"); begun != 1 {
		t.Errorf("the stack was created %d times", begun)
	}
}

func TestAChangeSetThatWasExecutedUnderAnotherTokenIsNotOurs(t *testing.T) {
	c := newCloud(t)
	stack := c.deploy(t, "1", c.plan(t, template{Resources: tree{"A": topic("a")}}))
	err := c.ExecuteChangeSet(t.Context(), Execution{StackID: stack.ID, ChangeSet: "op-gone", Token: "op-gone"})
	if !errors.Is(err, ErrNotFound) {
		t.Errorf("error is %v, want ErrNotFound", err)
	}
}

func TestDeletingAChangeSetOrAStackAgainDoesNothing(t *testing.T) {
	c := newCloud(t)
	plan := c.plan(t, template{Resources: tree{"A": topic("a")}})
	stack := c.deploy(t, "1", plan)
	changed := c.plan(t, template{Resources: tree{"A": topic("b")}})
	c.change(t, ChangeSetRequest{StackName: "app", Name: "op-2", Token: "op-2", Plan: changed})
	for range 2 {
		if err := c.DeleteChangeSet(t.Context(), stack.ID, "op-2"); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if err := c.DeleteStack(t.Context(), stack.ID, "op-3", ""); err != nil {
			t.Fatal(err)
		}
		if gone := c.settled(t, stack.ID); gone.Exists || !gone.Seen || gone.ID != stack.ID || gone.Status != "DELETE_COMPLETE" {
			t.Errorf("stack: %+v", gone)
		}
	}
	if begun := c.begun(t, stack.ID, "DELETE_IN_PROGRESS"); begun != 1 {
		t.Errorf("the stack was deleted %d times", begun)
	}
	if err := c.DeleteChangeSet(t.Context(), stack.ID, "op-2"); err != nil {
		t.Errorf("delete a change set of a deleted stack: %v", err)
	}
}

func TestANewStackOfTheNameSurvivesTheDeletionOfTheOld(t *testing.T) {
	c := newCloud(t)
	old := c.deploy(t, "1", c.plan(t, template{Resources: tree{"A": topic("a")}}))
	if err := c.DeleteStack(t.Context(), old.ID, "op-2", ""); err != nil {
		t.Fatal(err)
	}
	c.settled(t, old.ID)
	c.deploy(t, "3", c.plan(t, template{Resources: tree{"B": topic("b")}}))
	if err := c.DeleteStack(t.Context(), old.ID, "op-2", ""); err != nil {
		t.Fatal(err)
	}
	if stack := c.Stack(t.Context(), "app"); !stack.Exists || stack.Status != "CREATE_COMPLETE" {
		t.Errorf("stack: %+v", stack)
	}
}

func TestTerminationProtectionIsARefusalOfItsOwn(t *testing.T) {
	c := newCloud(t)
	stack := c.deploy(t, "1", c.plan(t, template{Resources: tree{"A": topic("a")}}))
	for range 2 {
		if err := c.SetTerminationProtection(t.Context(), stack.ID, true); err != nil {
			t.Fatal(err)
		}
	}
	if !c.Stack(t.Context(), "app").TerminationProtection {
		t.Error("the protection does not show")
	}
	if err := c.DeleteStack(t.Context(), stack.ID, "op-2", ""); !errors.Is(err, ErrTerminationProtection) {
		t.Errorf("error is %v, want ErrTerminationProtection", err)
	}
	if err := c.SetTerminationProtection(t.Context(), stack.ID, false); err != nil {
		t.Fatal(err)
	}
	if err := c.DeleteStack(t.Context(), stack.ID, "op-2", ""); err != nil {
		t.Error(err)
	}
}

func TestABusyStackIsARefusalOfItsOwn(t *testing.T) {
	c := newCloud(t)
	wait := tree{"Type": "AWS::CloudFormation::WaitCondition", "Properties": tree{"Handle": ref("Handle"), "Timeout": "60"}}
	plan := c.plan(t, template{Resources: tree{"Handle": tree{"Type": "AWS::CloudFormation::WaitConditionHandle"}, "Wait": wait}})
	seen := c.change(t, ChangeSetRequest{StackName: "app", Name: "op-1", Token: "op-1", Create: true, Plan: plan})
	if err := c.ExecuteChangeSet(t.Context(), Execution{StackID: seen.StackID, ChangeSet: "op-1", Token: "op-1"}); err != nil {
		t.Fatal(err)
	}
	err := c.CreateChangeSet(t.Context(), ChangeSetRequest{StackName: "app", Name: "op-2", Token: "op-2", Plan: plan})
	if !errors.Is(err, ErrStackBusy) || !strings.Contains(err.Error(), "CREATE_IN_PROGRESS") {
		t.Errorf("error is %v, want ErrStackBusy", err)
	}
	if _, err := c.DetectDrift(t.Context(), seen.StackID, ""); !errors.Is(err, ErrStackBusy) {
		t.Errorf("drift detection: error is %v, want ErrStackBusy", err)
	}
}

func TestAFailedRollbackIsContinuedOnce(t *testing.T) {
	c := newCloud(t)
	resource := func(value, failOn, times string) tree {
		return tree{"Type": "Local::Test::Resource", "Properties": tree{"Value": value, "Tag": "r", "FailOn": failOn, "FailTimes": times}}
	}
	c.deploy(t, "1", c.plan(t, template{Resources: tree{"R": resource("one", "", "1")}}))
	stuck := c.deploy(t, "2", c.plan(t, template{Resources: tree{
		"R":   resource("two", "Rollback", "1"),
		"Bad": tree{"Type": "Local::Test::Resource", "DependsOn": "R", "Properties": tree{"FailOn": "Create"}},
	}}))
	if stuck.Status != "UPDATE_ROLLBACK_FAILED" {
		t.Fatalf("stack: %+v", stuck)
	}
	for range 3 {
		if err := c.ContinueUpdateRollback(t.Context(), stuck.ID, "op-3", "", nil); err != nil {
			t.Fatal(err)
		}
		if stack := c.settled(t, stuck.ID); stack.Status != "UPDATE_ROLLBACK_COMPLETE" {
			t.Fatalf("stack: %+v", stack)
		}
	}
	if err := c.ContinueUpdateRollback(t.Context(), stuck.ID, "op-4", "", nil); !errors.Is(err, ErrValidation) {
		t.Errorf("another operation's rollback: error is %v, want ErrValidation", err)
	}
}

// begun counts how often an operation of the stack began.
func (c cloud) begun(tb testing.TB, stackID, status string) int {
	tb.Helper()
	page, err := c.eventPage(tb.Context(), stackID, nil)
	if err != nil {
		tb.Fatal(err)
	}
	n := 0
	for _, e := range page.StackEvents {
		if ofStack(e) && string(e.ResourceStatus) == status {
			n++
		}
	}
	return n
}
