package report

import (
	"slices"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// verifying is an object whose verification's run is doing that.
func verifying(runStep string) *v1alpha1.CdkTsStack {
	obj := &v1alpha1.CdkTsStack{}
	obj.Spec.LifecycleHooks = &v1alpha1.LifecycleHooks{AfterDeploy: "./verify.sh"}
	obj.Status.Operation = &v1alpha1.Operation{
		ID: "deploy-1", Kind: v1alpha1.OperationDeploy, Step: v1alpha1.StepAfterHook, RunStep: runStep, Target: &v1alpha1.Target{},
	}
	return obj
}

func reasons(events []Event) []string {
	var all []string
	for _, e := range events {
		all = append(all, e.Reason)
	}
	return all
}

func TestAHookIsAnnouncedWhenItBegins(t *testing.T) {
	for _, before := range []string{"", decide.StepQueued, "Cloning", "Installing"} {
		if got := reasons(Between(verifying(""), verifying(before))); len(got) > 0 {
			t.Errorf("while its run is %q: %v", before, got)
		}
		if got := reasons(Between(verifying(before), verifying(decide.AfterDeploy))); !slices.Equal(got, []string{"LifecycleHookStart"}) {
			t.Errorf("when it begins after %q: %v", before, got)
		}
	}
}

func TestAHookThatNeverBeganIsNotSaidToHaveRun(t *testing.T) {
	after := verifying("")
	after.Status.Hooks = []v1alpha1.HookStatus{{Name: decide.AfterDeploy, Operation: "deploy-1", Message: "the hook could not be run: npm ci failed"}}
	if got := reasons(Between(verifying("Installing"), after)); !slices.Equal(got, []string{"LifecycleHookFailure"}) {
		t.Errorf("events %v", got)
	}
	code := int32(0)
	after.Status.Hooks[0] = v1alpha1.HookStatus{Name: decide.AfterDeploy, Operation: "deploy-1", Succeeded: true, ExitCode: &code}
	if got := reasons(Between(verifying("Installing"), after)); !slices.Equal(got, []string{"LifecycleHookStart", "LifecycleHookSuccess"}) {
		t.Errorf("a hook too quick to be seen: events %v", got)
	}
}

func TestTheFailureThatAQueuedRetryShowsIsNoNews(t *testing.T) {
	before, after := verifying(""), verifying(decide.StepQueued)
	after.Status.History = []v1alpha1.HistoryEntry{{Operation: "deploy-0", Reason: "AfterDeployFailed"}}
	before.Status.History = after.Status.History
	after.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: "AfterDeployFailed", Message: "waits"}}
	if got := reasons(Between(before, after)); len(got) > 0 {
		t.Errorf("events %v", got)
	}
}
