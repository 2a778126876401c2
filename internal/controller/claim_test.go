package controller_test

import (
	"os"
	"path/filepath"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ktypes "k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// Nothing of anybody's is lost: which stacks are deleted with an object, and
// which stay.

// denied is an object whose change set has made a stack and may not be
// executed.
func (w *world) denied(name string) *v1alpha1.CdkTsStack {
	w.Helper()
	w.aws.Fault(w, awstest.Fault{Service: "cloudformation", Action: "ExecuteChangeSet", Code: "AccessDenied", Message: "not you", Status: 403, Count: 1000})
	obj := w.stack(name)
	obj.Spec.Retry = &v1alpha1.Retry{Limit: ptr.To[int32](0)}
	w.create(obj)
	denied := w.until(name, "the execution is denied", because("AccessDenied"))
	w.aws.Heal(w)
	return denied
}

// deployByHand deploys a stack as `cdk deploy` does: by a change set, into a
// stack that is to be reviewed, too.
func (w *world) deployByHand(stack string, resources map[string]any) {
	w.Helper()
	aws := w.cloudFormation()
	_, err := aws.CreateChangeSet(w.Context(), &cloudformation.CreateChangeSetInput{
		StackName: &stack, ChangeSetName: ptr.To("cdk-deploy-change-set"), ChangeSetType: types.ChangeSetTypeCreate, TemplateBody: ptr.To(template(w, resources)),
	})
	w.must(err)
	awstest.Eventually(w, "the change set by hand is executed", func() bool {
		_, err := aws.ExecuteChangeSet(w.Context(), &cloudformation.ExecuteChangeSetInput{StackName: &stack, ChangeSetName: ptr.To("cdk-deploy-change-set")})
		return err == nil
	})
	awstest.Eventually(w, "the stack is there", func() bool { return w.stackStatus(stack) == types.StackStatusCreateComplete })
}

// stackStatus is the status of a stack, "" when there is none of that name.
func (w *world) stackStatus(name string) types.StackStatus {
	out, err := w.cloudFormation().DescribeStacks(w.Context(), &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil || len(out.Stacks) == 0 {
		return ""
	}
	return out.Stacks[0].StackStatus
}

// noDeletion fails the test when any stack was deleted.
func (w *world) noDeletion() {
	w.Helper()
	if calls := w.aws.Calls(w, "DeleteStack"); len(calls) > 0 {
		w.Errorf("a stack was deleted: %v", calls)
	}
}

func TestAStackThatSomebodyElseDeployedIntoStays(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	denied := w.denied("web")
	if denied.Status.StackClaim != v1alpha1.ClaimMade {
		t.Errorf("the claim is %q", denied.Status.StackClaim)
	}
	w.deployByHand("Stack-web", map[string]any{"Topic": topic("theirs")})
	w.must(w.client.Delete(t.Context(), w.get("web")))
	w.untilGone("web")
	w.hasEvent("web", "StackKept")
	w.noDeletion()
	if got := w.stackStatus("Stack-web"); got != types.StackStatusCreateComplete {
		t.Errorf("their stack is %q", got)
	}
}

func TestAStackThatStayedEmptyGoesWithItsObject(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	w.denied("web")
	if got := w.stackStatus("Stack-web"); got != types.StackStatusReviewInProgress {
		t.Fatalf("the stack is %q", got)
	}
	w.must(w.client.Delete(t.Context(), w.get("web")))
	w.untilGone("web")
	if got := w.stackStatus("Stack-web"); got != "" {
		t.Errorf("the empty stack is left, %q", got)
	}
}

func TestAStackThatSomebodyIsAboutToDeployIntoStays(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	w.denied("web")
	_, err := w.cloudFormation().CreateChangeSet(t.Context(), &cloudformation.CreateChangeSetInput{
		StackName: ptr.To("Stack-web"), ChangeSetName: ptr.To("theirs"), ChangeSetType: types.ChangeSetTypeCreate, TemplateBody: ptr.To(template(t, map[string]any{"Topic": topic("theirs")})),
	})
	w.must(err)
	w.must(w.client.Delete(t.Context(), w.get("web")))
	w.untilGone("web")
	w.hasEvent("web", "StackKept")
	w.noDeletion()
}

// shared makes a second object that deployed the stack of the first, as two
// objects of the earlier operator can have.
func (w *world) shared(first, second string) {
	w.Helper()
	w.create(w.stack(first))
	deployed := w.untilReady(first)
	obj := w.stack(second)
	obj.Spec.StackName = deployed.Spec.StackName
	obj.Spec.Suspend = true
	w.create(obj)
	w.until(second, "it is suspended", because("Suspended"))
	w.editStatus(second, `{"status":{"stackId":"`+deployed.Status.StackID+`","stackClaim":"Deployed"}}`)
}

func TestAStackThatAnotherObjectDeployedStays(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	w.shared("first", "second")
	w.edit("second", `{"spec":{"suspend":false,"actions":{"deploy":false}}}`)
	w.must(w.client.Delete(t.Context(), w.get("first")))
	w.untilGone("first")
	w.hasEvent("first", "StackKept")
	w.noDeletion()
	w.must(w.client.Delete(t.Context(), w.get("second")))
	w.untilGone("second")
	if n := w.aws.Succeeded(t, "DeleteStack"); n != 1 {
		t.Errorf("DeleteStack was called %d times by the last object, want once", n)
	}
}

func TestOfTwoObjectsDeletedAtOnceOneDeletesTheStack(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	w.shared("first", "second")
	w.must(w.client.Delete(t.Context(), w.get("second"))) // it waits, since it is suspended
	w.must(w.client.Delete(t.Context(), w.get("first")))
	w.untilGone("first")
	w.edit("second", `{"spec":{"suspend":false}}`)
	w.untilGone("second")
	if n := w.aws.Succeeded(t, "DeleteStack"); n != 1 {
		t.Errorf("DeleteStack was called %d times, want once", n)
	}
	if got := w.stackStatus("Stack-first"); got != "" {
		t.Errorf("the stack is left, %q", got)
	}
}

func TestTheDeletionOfAStackWaitsForTheCredentialsOfItsAccount(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(keys, []byte(`{"AKIATEST": "`+account+`", "AKIAOTHER": "210987654321"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, "--credentials", keys)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	obj := w.stack("web")
	obj.Spec.Actions = &v1alpha1.Actions{DriftDetection: ptr.To(false)}
	w.create(obj)
	w.untilReady("web")
	key := func(id string) {
		var secret corev1.Secret
		w.must(w.client.Get(t.Context(), ktypes.NamespacedName{Namespace: w.namespace, Name: "aws"}, &secret))
		secret.Data["AWS_ACCESS_KEY_ID"] = []byte(id)
		w.must(w.client.Update(t.Context(), &secret))
	}
	key("AKIAOTHER")
	w.must(w.client.Delete(t.Context(), w.get("web")))
	waiting := w.until("web", "it waits for the right account", because("StackElsewhere"))
	contains(t, message(waiting), account, "210987654321", "Stack-web", "actions.destroy")
	w.hasEvent("web", "StackElsewhere")
	key("AKIATEST")
	w.untilGone("web")
	if got := w.stackStatus("Stack-web"); got != "" {
		t.Errorf("the stack is left, %q", got)
	}
}

// What only looks may use a Secret that was read a moment ago; what changes
// something may not, however many looks there are.
func TestADeploymentReadsItsSecretItself(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	w.create(w.stack("web"))
	w.untilReady("web")
	w.until("web", "drift was looked for", drifted(metav1.ConditionFalse, "InSync"))
	var secret corev1.Secret
	w.must(w.client.Get(t.Context(), ktypes.NamespacedName{Namespace: w.namespace, Name: "aws"}, &secret))
	secret.Data["AWS_ACCESS_KEY_ID"] = []byte("AKIAFRESH")
	w.must(w.client.Update(t.Context(), &secret))
	before := len(w.aws.Calls(t, "CreateChangeSet"))
	w.edit("web", `{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}}}`)
	w.until("web", "it is deployed again", func(o *v1alpha1.CdkTsStack) bool {
		return o.Status.Operation == nil && len(w.aws.Calls(t, "CreateChangeSet")) > before
	})
	for _, call := range w.aws.Calls(t, "CreateChangeSet")[before:] {
		if call.AccessKey != "AKIAFRESH" {
			t.Errorf("a change set was made with the key %s that the Secret no longer has", call.AccessKey)
		}
	}
}
