package cloudformation

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/internal/awsconfig/awstest"
)

const otherAccount = "210987654321"

// newAccounts is a local AWS with two accounts, and a client of the other one.
func newAccounts(t *testing.T) (own cloud, other *Client) {
	t.Helper()
	keys := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(keys, []byte(`{"AKIATEST": "`+awstest.Account+`", "test": "`+awstest.Account+`", "AKIAOTHER": "`+otherAccount+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	own = newCloud(t, "--credentials", keys)
	clients := NewClients(Options{Now: time.Now, Rate: 1000, Burst: 1000})
	return own, clients.For(Target{Credentials: Credentials{AccessKeyID: "AKIAOTHER", SecretAccessKey: "other-secret-key"}, Region: awstest.Region})
}

func TestAbsenceIsBelievedOnlyFromTheAccountOfTheStack(t *testing.T) {
	own, other := newAccounts(t)
	stack := own.deploy(t, "1", own.plan(t, template{Resources: tree{"Topic": topic("one")}}))
	seen := other.Stack(t.Context(), stack.ID)
	if !errors.Is(seen.Err, ErrElsewhere) || seen.Seen {
		t.Fatalf("the other account says %+v", seen)
	}
	for _, part := range []string{"account " + awstest.Account, "account " + otherAccount, "stack app"} {
		if !strings.Contains(seen.Err.Error(), part) {
			t.Errorf("%q does not say %q", seen.Err, part)
		}
	}
	if err := other.DeleteChangeSet(t.Context(), stack.ID, "any"); !errors.Is(err, ErrElsewhere) {
		t.Errorf("the other account takes a change set for deleted: %v", err)
	}
	if gone := other.Stack(t.Context(), "app"); !gone.Seen || gone.Exists {
		t.Errorf("by its name the other account says %+v", gone)
	}
	missing := own.Stack(t.Context(), strings.Replace(stack.ID, "stack/app/", "stack/app/0", 1))
	if !missing.Seen || missing.Exists || missing.Err != nil {
		t.Errorf("its own account says of another stack %+v", missing)
	}
}

func TestAbsenceIsNotBelievedFromAnotherRegionOrPartition(t *testing.T) {
	own, _ := newAccounts(t)
	stack := own.deploy(t, "1", own.plan(t, template{Resources: tree{"Topic": topic("one")}}))
	clients := NewClients(Options{Now: time.Now, Rate: 1000, Burst: 1000})
	away := clients.For(Target{Credentials: testKeys, Region: "eu-west-1"})
	if seen := away.Stack(t.Context(), stack.ID); !errors.Is(seen.Err, ErrElsewhere) || !strings.Contains(seen.Err.Error(), "eu-west-1") {
		t.Errorf("the other region says %+v", seen)
	}
	china := strings.Replace(stack.ID, "arn:aws:", "arn:aws-cn:", 1)
	if seen := own.Stack(t.Context(), china); !errors.Is(seen.Err, ErrElsewhere) || !strings.Contains(seen.Err.Error(), "aws-cn") {
		t.Errorf("the other partition says %+v", seen)
	}
}

func TestAnAccountThatCannotBeAskedForProvesNothing(t *testing.T) {
	own, _ := newAccounts(t)
	stack := own.deploy(t, "1", own.plan(t, template{Resources: tree{"Topic": topic("one")}}))
	own.Fault(t, awstest.Fault{Service: "sts", Action: "GetCallerIdentity", Code: "InternalFailure", Status: 500, Count: 100})
	seen := own.Stack(t.Context(), strings.Replace(stack.ID, "stack/app/", "stack/app/0", 1))
	if seen.Seen || seen.Err == nil {
		t.Errorf("it was taken for gone: %+v", seen)
	}
}

func TestNoChangeSetIsMadeInAnotherAccountThanTheOneThatWasBuiltFor(t *testing.T) {
	own, other := newAccounts(t)
	plan := own.plan(t, template{Resources: tree{"Topic": topic("one")}})
	plan.Account = awstest.Account
	err := other.CreateChangeSet(t.Context(), ChangeSetRequest{StackName: "app", Name: "op-1", Token: "op-1", Create: true, Plan: plan})
	if !errors.Is(err, ErrElsewhere) || !strings.Contains(err.Error(), otherAccount) {
		t.Errorf("error %v", err)
	}
	if calls := own.Calls(t, "CreateChangeSet"); len(calls) > 0 {
		t.Errorf("CreateChangeSet was called: %v", calls)
	}
	if err := own.CreateChangeSet(t.Context(), ChangeSetRequest{StackName: "app", Name: "op-1", Token: "op-1", Create: true, Plan: plan}); err != nil {
		t.Errorf("in its own account: %v", err)
	}
}
