package controller_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// What others do to a stack and to an object, and what comes of it.

// resource is one that fails or waits as its properties say.
func resource(properties map[string]any) map[string]any {
	return map[string]any{"Type": "Local::Test::Resource", "Properties": properties}
}

func stalled(o *v1alpha1.CdkTsStack) bool {
	return meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionStalled)
}

func (w *world) cloudFormation() *cloudformation.Client {
	return cloudformation.New(cloudformation.Options{
		Region: region, BaseEndpoint: &w.aws.URL, Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "test", ""),
	})
}

// following is a deployed stack that follows its repository.
func (w *world) following(name string, resources map[string]any) {
	w.Helper()
	w.commit(resources)
	obj := w.stack(name)
	obj.Spec.Actions = &v1alpha1.Actions{AutoRedeploy: ptr.To(true), DriftDetection: ptr.To(false)}
	w.create(obj)
	w.untilReady(name)
}

func TestARollbackThatFailsAgainAsksAPerson(t *testing.T) {
	w := newWorld(t)
	w.manage()
	w.following("web", map[string]any{"R": resource(map[string]any{"Value": "one"})})
	bad := resource(map[string]any{"FailOn": "Create"})
	bad["DependsOn"] = "R"
	w.commit(map[string]any{"R": resource(map[string]any{"Value": "two", "FailOn": "Rollback", "FailTimes": "100"}), "Bad": bad})
	w.until("web", "its rollback has failed", func(o *v1alpha1.CdkTsStack) bool {
		return because("DeploymentFailed")(o) && strings.Contains(message(o), "UPDATE_ROLLBACK_FAILED")
	})
	w.pass(time.Minute)
	stuck := w.until("web", "a person is asked", because("RollbackStuck"))
	contains(t, message(stuck), v1alpha1.SkipResourcesAnnotation+"=R", "told to fail on Rollback")
	if !stalled(stuck) {
		t.Error("it is not stalled")
	}
	if n := w.aws.Succeeded(t, "ContinueUpdateRollback"); n != 1 {
		t.Errorf("ContinueUpdateRollback was called %d times, want once", n)
	}
}

func TestADeploymentThatSomebodyCancelsIsOver(t *testing.T) {
	w := newWorld(t)
	w.manage()
	w.following("web", map[string]any{"R": resource(map[string]any{"Value": "one"})})
	w.commit(map[string]any{"R": resource(map[string]any{"Value": "two", "Delay": "1h"})})
	aws := w.cloudFormation()
	awstest.Eventually(t, "the update is cancelled", func() bool {
		_, err := aws.CancelUpdateStack(t.Context(), &cloudformation.CancelUpdateStackInput{StackName: ptr.To("Stack-web")})
		return err == nil
	})
	w.until("web", "the stack is seen at rest", func(o *v1alpha1.CdkTsStack) bool {
		return o.Status.Operation != nil && o.Status.Operation.AtRestSince != nil
	})
	w.pass(time.Minute)
	over := w.until("web", "the deployment is over", because("TakenOver"))
	contains(t, message(over), "UPDATE_ROLLBACK_COMPLETE", "request a deployment")
	if !stalled(over) {
		t.Error("what somebody cancelled is begun again by itself")
	}
	// A commit is another target: it goes on.
	next := w.commit(map[string]any{"R": resource(map[string]any{"Value": "three"})})
	w.until("web", "the next commit is deployed", func(o *v1alpha1.CdkTsStack) bool {
		return ready(o) && o.Status.Deployed.Target.Revision == next
	})
}

func TestTheFailedStackOfAnotherIsNotClearedAway(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"R": resource(map[string]any{"FailOn": "Create"})})
	w.manage()
	first := w.stack("first")
	first.Spec.Retry = &v1alpha1.Retry{Limit: ptr.To[int32](0)}
	w.create(first)
	w.until("first", "its creation has failed", because("DeploymentFailed"))
	second := w.stack("second")
	second.Spec.StackName = first.Spec.StackName
	w.create(second)
	contains(t, message(w.until("second", "it is refused", because("StackOfAnother"))), w.namespace+"/first")
	if n := w.aws.Succeeded(t, "DeleteStack"); n != 0 {
		t.Errorf("DeleteStack was called %d times", n)
	}
}

func TestAFinalizerThatIsTakenAwayComesBackAtOnce(t *testing.T) {
	w := newWorld(t)
	revision := w.commit(map[string]any{"Topic": topic("one")})
	w.manageEvery("@every 24h")
	obj := w.stack("web")
	obj.Spec.Source.Git.Ref = revision // nothing wakes it
	obj.Spec.Actions = &v1alpha1.Actions{DriftDetection: ptr.To(false)}
	w.create(obj)
	w.untilReady("web")
	// As `kubectl replace` does with a manifest that knows nothing of it.
	w.edit("web", `{"metadata":{"finalizers":null}}`)
	w.until("web", "the finalizer is back", func(o *v1alpha1.CdkTsStack) bool {
		return slices.Contains(o.Finalizers, v1alpha1.Finalizer)
	})
	w.must(w.client.Delete(t.Context(), w.get("web")))
	w.untilGone("web")
	if n := w.aws.Succeeded(t, "DeleteStack"); n != 1 {
		t.Errorf("DeleteStack was called %d times, want once", n)
	}
}

func TestAnOutageOfGitFreezesNothing(t *testing.T) {
	w := newWorld(t)
	revision := w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	w.git.Fail(http.StatusServiceUnavailable)
	obj := w.stack("web")
	obj.Spec.Source.Git.Ref = revision // the build is the first that asks
	obj.Spec.Retry = &v1alpha1.Retry{Limit: ptr.To[int32](0), Interval: &metav1.Duration{Duration: time.Second}, MaxInterval: &metav1.Duration{Duration: time.Second}}
	w.create(obj)
	out := w.until("web", "it was tried three times", func(o *v1alpha1.CdkTsStack) bool {
		return len(o.Status.History) > 0 && o.Status.History[0].Waited >= 3
	})
	if n := len(out.Status.History); n != 2 {
		t.Errorf("the history has %d entries, want the last two", n)
	}
	if stalled(out) {
		t.Error("it is stalled")
	}
	w.git.Fail(0)
	w.untilReady("web")
}
