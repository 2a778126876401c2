package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/test/e2e/rig"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// takenBack has an update of the real CDK fail its verification while CloudFormation
// monitors it, so that it is cancelled, and then puts it right.
func (w *world) takenBack(t *testing.T) {
	repo := w.Repo(t, "safe.git")
	program := rig.OneParameter("Safe")
	first := commit(t, repo, rig.SmallApp(t, program).With(rig.App{"health": "ok\n"}), "Add the app")
	obj := rig.Stack(w.namespace, "safe", "Safe", w.HTTP.URL+"/safe.git", "")
	obj.Spec.Actions = &v1alpha1.Actions{AutoRedeploy: ptr.To(true), DriftDetection: ptr.To(false)}
	obj.Spec.LifecycleHooks = &v1alpha1.LifecycleHooks{AfterDeploy: "grep -q ok health || { echo the site is down; exit 1; }"}
	w.Create(t, obj)
	w.waitReady(t, obj)
	// A minute lasts a second here.
	w.Patch(t, obj, `{"spec":{"rollback":{"monitoringTime":"60m","onUnhealthy":"Cancel"}}}`)

	bad := commit(t, repo, rig.App{"app.js": strings.Replace(program, "'one'", "'two'", 1), "health": "down\n"}, "Break it")
	taken := w.Until(t, obj, "the bad commit is taken back", func(o *v1alpha1.CdkTsStack) bool {
		r := o.Status.Rollback
		return r != nil && r.State == v1alpha1.RollbackDone && r.From.Revision == bad && o.Status.Operation == nil
	})
	if r := taken.Status.Rollback; r.Method != v1alpha1.MethodCloudFormation || r.ToRevision != first || !strings.Contains(taken.Status.Message, "the site is down") {
		t.Errorf("rollback %+v: %s", r, taken.Status.Message)
	}
	if n := w.calls(t, "CancelUpdateStack", "Safe"); n != 1 {
		t.Errorf("the update was cancelled %d times, want once", n)
	}
	if n := w.calls(t, "ExecuteChangeSet", "Safe"); n != 2 {
		t.Errorf("%d executions, want two", n)
	}

	began := metav1.Now()
	good := commit(t, repo, rig.App{"app.js": strings.Replace(program, "'one'", "'three'", 1), "health": "ok\n"}, "Put it right")
	fixed := w.Until(t, obj, "the fix is deployed", func(o *v1alpha1.CdkTsStack) bool {
		return rig.Ready(o) && o.Status.Deployed.Target.Revision == good
	})
	if fixed.Status.Rollback != nil || fixed.Status.Deployed.At.Sub(began.Time) < 50*time.Second {
		t.Errorf("the fix counted as deployed after %s, before the monitoring time was over: %+v", fixed.Status.Deployed.At.Sub(began.Time), fixed.Status.Rollback)
	}
	w.Delete(t, obj)
	w.UntilGone(t, obj)
}

// frail is the program of an app with a resource whose value is days, and an alarm.
func frail(days int) string {
	return fmt.Sprintf(`const cdk = require('aws-cdk-lib');
const stack = new cdk.Stack(new cdk.App(), 'Frail');
new cdk.CfnResource(stack, 'Part', { type: 'AWS::Logs::LogGroup', properties: { RetentionInDays: %d } });
new cdk.CfnResource(stack, 'Errors', { type: 'AWS::CloudWatch::Alarm', properties: { AlarmName: 'frail-errors', ComparisonOperator: 'GreaterThanThreshold', EvaluationPeriods: 1 } });
`, days)
}

// failsInEveryWay takes a stack of the real CDK through what can go wrong with it one
// after the other: a creation that is not healthy, an update that is healthy at
// first, an alarm, a failed update, a failed rollback, a last good template that is
// gone.
func (w *world) failsInEveryWay(t *testing.T) {
	var down atomic.Bool
	site := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		if down.Load() {
			rw.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(site.Close)
	repo := w.Repo(t, "frail.git")
	deploy := func(days int) string {
		return commit(t, repo, rig.SmallApp(t, frail(days)), fmt.Sprint("Keep it ", days, " days"))
	}
	alarm := func(state string) { w.AWS.Alarm(t, "frail-errors", state) }
	taken := func(revision string) func(*v1alpha1.CdkTsStack) bool {
		return func(o *v1alpha1.CdkTsStack) bool {
			r := o.Status.Rollback
			return r != nil && r.State == v1alpha1.RollbackDone && r.From.Revision == revision && o.Status.Operation == nil
		}
	}
	monitored := func(o *v1alpha1.CdkTsStack) bool {
		op := o.Status.Operation
		return op != nil && op.Monitoring != nil && op.Monitoring.VerifiedAt != nil
	}
	says := func(o *v1alpha1.CdkTsStack, words ...string) {
		t.Helper()
		for _, text := range words {
			if !strings.Contains(o.Status.Message, text) {
				t.Errorf("the message lacks %q: %s", text, o.Status.Message)
			}
		}
	}
	because := func(reason string) func(*v1alpha1.CdkTsStack) bool {
		return func(o *v1alpha1.CdkTsStack) bool {
			c := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionReady)
			return c != nil && c.Reason == reason && o.Status.Operation == nil
		}
	}

	down.Store(true)
	first := deploy(7)
	obj := rig.Stack(w.namespace, "frail", "Frail", w.HTTP.URL+"/frail.git", "")
	obj.Spec.Actions = &v1alpha1.Actions{AutoRedeploy: ptr.To(true), DriftDetection: ptr.To(false)}
	obj.Spec.Retry = &v1alpha1.Retry{Limit: ptr.To[int32](10), Interval: &metav1.Duration{Duration: 3 * time.Second}, MaxInterval: &metav1.Duration{Duration: 3 * time.Second}}
	obj.Spec.Verification = []v1alpha1.Check{{Name: "site", HTTP: &v1alpha1.HTTPCheck{URL: site.URL}, Retries: ptr.To[int32](0)}}
	obj.Spec.Rollback = &v1alpha1.Rollback{OnUnhealthy: v1alpha1.UnhealthyCancel}
	w.Create(t, obj)
	says(w.Until(t, obj, "a creation that is not healthy is held", because("VerificationFailed")), "503", "no good deployment of this object to go back to")
	down.Store(false)
	w.waitReady(t, obj)

	w.Patch(t, obj, `{"spec":{"rollback":{"monitoringTime":"180m","alarms":[{"name":"frail-errors"}]}}}`)
	alarm("OK")
	turns := deploy(14)
	w.Until(t, obj, "the update is healthy, and monitored", monitored)
	down.Store(true)
	o := w.Until(t, obj, "the update is cancelled that was healthy at first", taken(turns))
	says(o, "503", "was cancelled while it was monitored", first[:12])
	if r := o.Status.Rollback; r.Cause != v1alpha1.CauseUnhealthy || r.Method != v1alpha1.MethodCloudFormation || r.ToRevision != first {
		t.Errorf("rollback %+v", r)
	}
	down.Store(false)

	fires := deploy(30)
	w.Until(t, obj, "the next one is monitored", monitored)
	alarm("ALARM")
	o = w.Until(t, obj, "the alarm takes it back", taken(fires))
	says(o, "the alarm frail-errors")
	if r := o.Status.Rollback; r.Cause != v1alpha1.CauseAlarm || r.ToRevision != first {
		t.Errorf("rollback %+v", r)
	}
	alarm("OK")

	w.Patch(t, obj, `{"spec":{"rollback":{"monitoringTime":null,"alarms":null,"onUnhealthy":"LastGood"},"retry":{"limit":0}}}`)
	const part = "AWS::Logs::LogGroup"
	w.AWS.Fault(t, awstest.Fault{Service: "resource", Action: part + ":Update", Count: 1, Message: "no room"})
	deploy(60)
	says(w.Until(t, obj, "the update fails", because("DeploymentFailed")), "UPDATE_ROLLBACK_COMPLETE", "no room")

	w.AWS.Fault(t, awstest.Fault{Service: "resource", Action: part + ":Update", Count: 1, Message: "no room"})
	w.AWS.Fault(t, awstest.Fault{Service: "resource", Action: part + ":Rollback", Count: 1, Message: "still none"})
	deploy(90)
	says(w.Until(t, obj, "its rollback fails, too", func(o *v1alpha1.CdkTsStack) bool { return o.Status.Stuck != nil && because("DeploymentFailed")(o) }),
		v1alpha1.SkipResourcesAnnotation+"=Part")
	w.Patch(t, obj, `{"metadata":{"annotations":{"awscdk.dev/skip-resources":"Part"}}}`)
	w.Until(t, obj, "it goes on without what it is stuck at", because("ResourcesSkipped"))

	good := deploy(120)
	o = w.Until(t, obj, "a good one is deployed over it", func(o *v1alpha1.CdkTsStack) bool {
		return rig.Ready(o) && o.Status.Deployed.Target.Revision == good
	})
	w.AWS.DeleteTemplate(t, o.Status.Deployed.Plan.TemplateURL)
	down.Store(true)
	deploy(150)
	says(w.Until(t, obj, "what cannot be put back is told", because("RollbackFailed")), "its template is gone", "503")
	if c := meta.FindStatusCondition(w.Get(t, obj).Status.Conditions, v1alpha1.ConditionStalled); c == nil || c.Status != metav1.ConditionTrue {
		t.Errorf("it is not stalled: %+v", c)
	}
	w.Delete(t, obj)
	w.UntilGone(t, obj)
}
