package controller_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// cfn speaks to CloudFormation as a person with rights does.
func (w *world) cfn() *cloudformation.Client {
	return cloudformation.New(cloudformation.Options{
		Region: region, BaseEndpoint: &w.aws.URL, Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "test", ""),
	})
}

func drifted(status metav1.ConditionStatus, reason string) func(*v1alpha1.CdkTsStack) bool {
	return func(o *v1alpha1.CdkTsStack) bool {
		c := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionDrifted)
		return c != nil && c.Status == status && c.Reason == reason
	}
}

func TestAStackThatIsDeletedByHandIsNotReady(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	w.create(w.stack("web"))
	w.untilReady("web")
	if _, err := w.cfn().DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: ptr.To("Stack-web")}); err != nil {
		t.Fatal(err)
	}
	gone := w.until("web", "the loss is told", because("StackMissing"))
	contains(t, message(gone), "kubectl -n "+w.namespace+" annotate cdk web kubectl.kubernetes.io/restartedAt=")
	if !meta.IsStatusConditionTrue(gone.Status.Conditions, v1alpha1.ConditionStalled) || gone.Status.Phase != v1alpha1.PhaseFailed {
		t.Errorf("phase %s, conditions %+v", gone.Status.Phase, gone.Status.Conditions)
	}
	w.hasEvent("web", "StackMissing")
	w.edit("web", `{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}}}`)
	again := w.untilReady("web")
	if again.Status.StackID == gone.Status.StackID {
		t.Error("it is ready, and its stack is the one that is gone")
	}
	w.until("web", "drift is looked for again", drifted(metav1.ConditionFalse, "InSync"))
}

func TestAStackThatOthersUpdateIsNotReady(t *testing.T) {
	w := newWorld(t)
	mine := template(t, map[string]any{"Topic": topic("one")})
	w.commitFiles(map[string]string{"template.json": mine, "app.json": fmt.Sprintf(`{"templateDigest":"%x"}`, sha256.Sum256([]byte(mine)))})
	w.manage()
	w.create(w.stack("web"))
	w.untilReady("web")
	time.Sleep(time.Second) // the status knows no parts of a second
	_, err := w.cfn().UpdateStack(t.Context(), &cloudformation.UpdateStackInput{
		StackName: ptr.To("Stack-web"), TemplateBody: ptr.To(template(t, map[string]any{"Topic": topic("by hand")})),
	})
	if err != nil {
		t.Fatal(err)
	}
	changed := w.until("web", "the change is told", because("StackChanged"))
	contains(t, message(changed), "updated at 20", "restartedAt=")
	w.edit("web", `{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}}}`)
	w.untilReady("web")
	w.until("web", "drift is looked for again", drifted(metav1.ConditionFalse, "InSync"))
}

func TestWhatDriftDetectionCannotReadIsNotInSync(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Hidden": map[string]any{
		"Type": "Local::Test::Resource", "Properties": map[string]any{"FailOn": "Drift", "Message": "may not be read"},
	}})
	w.manage()
	w.create(w.stack("web"))
	w.untilReady("web")
	seen := w.until("web", "a check ended", drifted(metav1.ConditionUnknown, "CheckIncomplete"))
	if d := seen.Status.Drift; len(d.Unchecked) != 1 || d.Unchecked[0].LogicalID != "Hidden" || !strings.Contains(d.Error, "may not be read") || d.CheckedAt != nil {
		t.Errorf("drift: %+v", d)
	}
}

// The ref of a deployed stack is edited to one that does not exist: each check
// that is due is one detection, and comes to its end.
func TestDriftIsLookedForThoughTheRefIsGone(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Parameter": map[string]any{"Type": "AWS::SSM::Parameter", "Properties": map[string]any{"Name": "/web/size", "Type": "String", "Value": "small"}}})
	w.manage()
	w.create(w.stack("web"))
	w.untilReady("web")
	w.edit("web", `{"spec":{"source":{"git":{"ref":"no-such-branch"}}}}`)
	w.until("web", "the ref is missed", because("RefNotFound"))
	w.parameter("/web/size", "huge")
	w.until("web", "drift is found", drifted(metav1.ConditionTrue, "Drifted"))
	if begun, read := w.aws.Succeeded(t, "DetectStackDrift"), w.aws.Succeeded(t, "DescribeStackResourceDrifts"); begun > read+1 {
		t.Errorf("%d detections were started and %d came to their end", begun, read)
	}
}

// Nobody looks for drift until a person asks, and then once for each time.
func TestADriftCheckIsOrdered(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Parameter": map[string]any{"Type": "AWS::SSM::Parameter", "Properties": map[string]any{"Name": "/web/size", "Type": "String", "Value": "small"}}})
	w.manageEvery("@every 1s", func(o *managerOptions) { o.drift = "0 0 30 2 *" })
	w.create(w.stack("web"))
	w.untilReady("web")
	for _, order := range []struct {
		value, size string
		status      metav1.ConditionStatus
		reason      string
	}{{"first", "small", metav1.ConditionFalse, "InSync"}, {"second", "huge", metav1.ConditionTrue, "Drifted"}} {
		w.parameter("/web/size", order.size)
		w.edit("web", `{"metadata":{"annotations":{"awscdk.dev/check-drift":"`+order.value+`"}}}`)
		seen := w.until("web", "the check "+order.value+" is answered", func(o *v1alpha1.CdkTsStack) bool {
			return o.Status.Orders.CheckDrift == order.value
		})
		if !drifted(order.status, order.reason)(seen) {
			t.Errorf("after the check %s: %+v", order.value, seen.Status.Conditions)
		}
	}
	if n := w.aws.Succeeded(t, "DetectStackDrift"); n != 2 {
		t.Errorf("%d detections for two orders", n)
	}
}
