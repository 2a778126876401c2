package controller_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"

	"github.com/aws/aws-sdk-go-v2/credentials"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// patient is a stack whose verification says what a file does, and notes that it
// was asked.
type patient struct {
	*world
	health, asked string
}

func newPatient(t *testing.T, awsFlags ...string) *patient {
	t.Helper()
	folder := t.TempDir()
	p := &patient{world: newWorld(t, awsFlags...), health: filepath.Join(folder, "health"), asked: filepath.Join(folder, "asked")}
	p.is("ok")
	return p
}

func (p *patient) is(health string) {
	p.Helper()
	p.must(os.WriteFile(p.health, []byte(health), 0o600))
}

// verified has an object verified by the file.
func (p *patient) verified(name string) *v1alpha1.CdkTsStack {
	obj := p.stack(name)
	obj.Spec.Actions = &v1alpha1.Actions{AutoRedeploy: ptr.To(true), DriftDetection: ptr.To(false)}
	obj.Spec.LifecycleHooks = &v1alpha1.LifecycleHooks{AfterDeploy: fmt.Sprintf("echo x >> %q; grep -q ok %q || { echo the site is down; exit 1; }", p.asked, p.health)}
	return obj
}

// timesAsked is how often the hook has run.
func (p *patient) timesAsked() int {
	p.Helper()
	data, err := os.ReadFile(p.asked)
	if err != nil {
		return 0
	}
	return strings.Count(string(data), "x")
}

// shows is the display name of the one topic that there is.
func (w *world) shows() string {
	w.Helper()
	var state struct {
		Resources []struct {
			Type  string
			Props map[string]any
		}
	}
	w.must(json.Unmarshal(w.read("/_localaws/state"), &state))
	var names []string
	for _, r := range state.Resources {
		if r.Type == "AWS::SNS::Topic" {
			names = append(names, fmt.Sprint(r.Props["DisplayName"]))
		}
	}
	return strings.Join(names, " ")
}

// short abbreviates a commit as messages do.
func short(revision string) string { return revision[:12] }

// read reads what the local AWS shows beside AWS's own API.
func (w *world) read(path string) []byte {
	w.Helper()
	answer, err := http.Get(w.aws.URL + path)
	w.must(err)
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	w.must(err)
	return data
}

// takenBack says whether a revision was taken back.
func takenBack(revision string) func(*v1alpha1.CdkTsStack) bool {
	return func(obj *v1alpha1.CdkTsStack) bool {
		r := obj.Status.Rollback
		return r != nil && r.State == v1alpha1.RollbackDone && r.From.Revision == revision && because("RolledBack")(obj) && meta.IsStatusConditionTrue(obj.Status.Conditions, v1alpha1.ConditionStalled)
	}
}

func rollbackSpec(minutes int, policy v1alpha1.OnUnhealthy) string {
	return fmt.Sprintf(`{"spec":{"rollback":{"monitoringTime":"%dm","onUnhealthy":%q}}}`, minutes, policy)
}

func TestAnUpdateThatIsNotHealthyIsCancelled(t *testing.T) {
	w := newPatient(t, "--minute", "1h")
	first := w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	w.create(w.verified("web"))
	w.untilReady("web")
	w.edit("web", rollbackSpec(180, v1alpha1.UnhealthyCancel))
	w.is("down")
	bad := w.commit(map[string]any{"Topic": topic("two")})
	obj := w.until("web", "the bad revision was taken back", takenBack(bad))
	contains(t, message(obj), short(bad), "the site is down", "In service is revision "+short(first), "push a fix")
	if r := obj.Status.Rollback; r.Cause != v1alpha1.CauseUnhealthy || r.Method != v1alpha1.MethodCloudFormation || r.ToRevision != first {
		t.Errorf("rollback %+v", r)
	}
	if got := w.shows(); got != "one" {
		t.Errorf("in service is %q", got)
	}
	w.onlyOnce("CancelUpdateStack", 1)
	w.onlyOnce("ExecuteChangeSet", 2)
	if n := w.timesAsked(); n != 2 {
		t.Errorf("it was verified %d times, want once for each deployment", n)
	}
	w.hasEvent("web", "RolledBack")
	version := obj.ResourceVersion
	time.Sleep(3 * time.Second) // it looks at the repository each second
	if now := w.get("web"); now.ResourceVersion != version {
		t.Errorf("it was written while nothing changed: %+v", now.Status)
	}

	// What puts it right is deployed.
	w.is("ok")
	w.edit("web", `{"spec":{"rollback":{"monitoringTime":"0m"}}}`)
	good := w.commit(map[string]any{"Topic": topic("three")})
	obj = w.until("web", "the fix is deployed", func(o *v1alpha1.CdkTsStack) bool { return ready(o) && o.Status.Deployed.Target.Revision == good })
	if obj.Status.Rollback != nil || obj.Status.RollbackConfiguration != nil {
		t.Errorf("of what is over it keeps %+v, %+v", obj.Status.Rollback, obj.Status.RollbackConfiguration)
	}
}

func TestAnUpdateIsVerifiedOnceWhileItIsMonitored(t *testing.T) {
	w := newPatient(t, "--minute", "300ms")
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	w.create(w.verified("web"))
	w.untilReady("web")
	w.edit("web", rollbackSpec(10, v1alpha1.UnhealthyCancel))
	second := w.commit(map[string]any{"Topic": topic("two")})
	obj := w.until("web", "the second is deployed", func(o *v1alpha1.CdkTsStack) bool { return ready(o) && o.Status.Deployed.Target.Revision == second })
	if n := w.timesAsked(); n != 2 {
		t.Errorf("it was verified %d times, want once for each deployment", n)
	}
	if c := obj.Status.RollbackConfiguration; c == nil || c.MonitoringMinutes != 10 {
		t.Errorf("the stack was told to watch %+v", c)
	}
	w.onlyOnce("CancelUpdateStack", 0)
}

func TestTheLastGoodDeploymentIsPutBackWithoutABuild(t *testing.T) {
	w := newPatient(t)
	first := w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	w.create(w.verified("web"))
	w.untilReady("web")
	w.edit("web", `{"spec":{"rollback":{"onUnhealthy":"LastGood"}}}`)
	w.is("down")
	bad := w.commit(map[string]any{"Topic": topic("two")})
	obj := w.until("web", "the bad revision was taken back", takenBack(bad))
	if got := w.shows(); got != "one" || obj.Status.Deployed.Target.Revision != first {
		t.Errorf("in service is %q, deployed counts %s", got, obj.Status.Deployed.Target.Revision)
	}
	contains(t, message(obj), "the site is down", "In service is revision "+short(first)+", which failed the checks too")
	if h := obj.Status.History; len(h) != 3 || h[0].Kind != v1alpha1.OperationRollback || h[0].Outcome != v1alpha1.OutcomeSucceeded || h[1].Outcome != v1alpha1.OutcomeRefused {
		t.Errorf("history %+v", h)
	}
	w.onlyOnce("ExecuteChangeSet", 3)
	w.hasEvent("web", "RollbackStart")
	w.hasEvent("web", "RolledBack")

	// Whoever wants the same again gets it, once.
	w.edit("web", `{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"again"}}}`)
	w.until("web", "it was tried and taken back again", func(o *v1alpha1.CdkTsStack) bool { return len(o.Status.History) == 5 && takenBack(bad)(o) })
	w.onlyOnce("ExecuteChangeSet", 5)
}

func TestAFirstDeploymentThatIsNotHealthyIsHeld(t *testing.T) {
	w := newPatient(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	w.is("down")
	obj := w.verified("web")
	obj.Spec.Rollback = &v1alpha1.Rollback{OnUnhealthy: v1alpha1.UnhealthyLastGood}
	obj.Spec.Retry = &v1alpha1.Retry{Limit: ptr.To[int32](0)}
	w.create(obj)
	held := w.until("web", "it is held", because("AfterDeployFailed"))
	contains(t, message(held), "There is no good deployment of this object to go back to")
	if got := w.shows(); got != "one" || held.Status.Rollback != nil {
		t.Errorf("in service is %q, rollback %+v", got, held.Status.Rollback)
	}
	w.onlyOnce("DeleteStack", 0)
}

func TestARoleThatMayNotCancelFallsBackToTheLastGood(t *testing.T) {
	w := newPatient(t, "--minute", "1s")
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	w.create(w.verified("web"))
	w.untilReady("web")
	w.aws.Fault(t, awstest.Fault{Service: "cloudformation", Action: "CancelUpdateStack", Count: -1, Code: "AccessDenied", Message: "User: arn:aws:sts::123456789012:assumed-role/deploy/x is not authorized to perform: cloudformation:CancelUpdateStack", Status: 403})
	w.edit("web", rollbackSpec(10, v1alpha1.UnhealthyCancel))
	w.is("down")
	bad := w.commit(map[string]any{"Topic": topic("two")})
	obj := w.until("web", "the bad revision was taken back", takenBack(bad))
	contains(t, message(obj), "cloudformation:CancelUpdateStack", "the site is down")
	if got := w.shows(); got != "one" {
		t.Errorf("in service is %q", got)
	}
	if r := obj.Status.Rollback; r.Method != v1alpha1.MethodLastGood {
		t.Errorf("rollback %+v", r)
	}
}

func TestALastGoodTemplateThatIsGoneIsToldInTime(t *testing.T) {
	w := newPatient(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	w.create(w.verified("web"))
	good := w.untilReady("web")
	w.edit("web", `{"spec":{"rollback":{"onUnhealthy":"LastGood"}}}`)
	w.aws.DeleteTemplate(t, good.Status.Deployed.Plan.TemplateURL)
	w.is("down")
	w.commit(map[string]any{"Topic": topic("two")})
	obj := w.until("web", "it is told that it cannot be put back", because("RollbackFailed"))
	w.hasEvent("web", "LastGoodGone")
	contains(t, message(obj), "its template is gone", "cdk gc", "the site is down")
	if got := w.shows(); got != "two" || !meta.IsStatusConditionTrue(obj.Status.Conditions, v1alpha1.ConditionStalled) {
		t.Errorf("in service is %q: %+v", got, obj.Status.Conditions)
	}
}

func TestAFailedUpdateIsKeptForAPersonAndGoneOnWith(t *testing.T) {
	w := newWorld(t)
	broken := func(value, fails string) map[string]any {
		return map[string]any{"Topic": topic(value), "Broken": map[string]any{"Type": "Local::Test::Resource", "DependsOn": "Topic", "Properties": map[string]any{"Value": value, "FailOn": fails}}}
	}
	w.commit(broken("one", ""))
	w.manage()
	obj := w.stack("web")
	obj.Spec.Actions = &v1alpha1.Actions{AutoRedeploy: ptr.To(true), DriftDetection: ptr.To(false)}
	obj.Spec.Rollback = &v1alpha1.Rollback{OnFailure: v1alpha1.FailureNone}
	w.create(obj)
	w.untilReady("web")
	w.commit(broken("two", "Update"))
	kept := w.until("web", "the failure is kept", because("FailureKept"))
	contains(t, message(kept), "UPDATE_FAILED", "Broken", "aws cloudformation rollback-stack --stack-name Stack-web")
	if got := w.shows(); got != "two" {
		t.Errorf("of the failed update is left %q", got)
	}
	fixed := w.commit(broken("three", ""))
	w.until("web", "the fix goes on from there", func(o *v1alpha1.CdkTsStack) bool { return ready(o) && o.Status.Deployed.Target.Revision == fixed })
}

func TestAStuckRollbackGoesOnWithoutWhatAPersonNames(t *testing.T) {
	w := newWorld(t)
	broken := func(value string) map[string]any {
		return map[string]any{"Topic": topic(value), "Db": map[string]any{"Type": "Local::Test::Resource", "DependsOn": "Topic", "Properties": map[string]any{"Value": value, "FailOn": "Update,Rollback"}}}
	}
	w.commit(broken("one"))
	w.manage()
	obj := w.stack("web")
	obj.Spec.Actions = &v1alpha1.Actions{AutoRedeploy: ptr.To(true), DriftDetection: ptr.To(false)}
	obj.Spec.Retry = &v1alpha1.Retry{Limit: ptr.To[int32](0)}
	w.create(obj)
	w.untilReady("web")
	w.commit(broken("two"))
	stuck := w.until("web", "it is stuck", func(o *v1alpha1.CdkTsStack) bool { return o.Status.Stuck != nil && because("DeploymentFailed")(o) })
	if !slices.Equal(stuck.Status.Stuck.Resources, []string{"Db"}) {
		t.Errorf("stuck at %+v", stuck.Status.Stuck)
	}
	contains(t, message(stuck), v1alpha1.SkipResourcesAnnotation+"=Db", "no longer match the template")
	w.edit("web", `{"metadata":{"annotations":{"awscdk.dev/skip-resources":"Topic"}}}`)
	refused := w.until("web", "the order is refused", func(o *v1alpha1.CdkTsStack) bool { return o.Status.Stuck != nil && o.Status.Stuck.Refused != "" })
	contains(t, message(refused), `names "Topic"`, "nothing was skipped")
	w.onlyOnce("ContinueUpdateRollback", 0)
	w.edit("web", `{"metadata":{"annotations":{"awscdk.dev/skip-resources":"Db"}}}`)
	skipped := w.until("web", "the rollback went on", because("ResourcesSkipped"))
	contains(t, message(skipped), "went on without Db")
	if got := w.shows(); got != "one" || skipped.Status.Stuck != nil {
		t.Errorf("in service is %q, stuck at %+v", got, skipped.Status.Stuck)
	}
	w.onlyOnce("ContinueUpdateRollback", 1)
}

func TestMoreThanFiveAlarmsAreRefused(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		rollback v1alpha1.Rollback
		want     string
	}{
		"six alarms":          {v1alpha1.Rollback{Alarms: slices.Repeat([]v1alpha1.RollbackAlarm{{Name: "a"}}, 6)}, "must have at most 5 items"},
		"half a minute":       {v1alpha1.Rollback{MonitoringTime: &metav1.Duration{Duration: 30 * time.Second}}, "whole minutes"},
		"more than 3 hours":   {v1alpha1.Rollback{MonitoringTime: &metav1.Duration{Duration: 181 * time.Minute}}, "whole minutes"},
		"an alarm of nothing": {v1alpha1.Rollback{Alarms: []v1alpha1.RollbackAlarm{{}}}, "exactly one of name and output"},
		"an unknown policy":   {v1alpha1.Rollback{OnUnhealthy: "Delete"}, "Unsupported value"},
	} {
		t.Run(name, func(t *testing.T) {
			obj := w.stack("bad")
			obj.Spec.Rollback = &c.rollback
			err := w.client.Create(t.Context(), obj)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want %q", err, c.want)
			}
		})
	}
}

// makeAlarm makes an alarm in a stack of its own, behind the operator's back.
func (w *world) makeAlarm(name string) {
	w.Helper()
	c := cfn.New(cfn.Options{Region: region, BaseEndpoint: &w.aws.URL, Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "test", "")})
	_, err := c.CreateStack(w.Context(), &cfn.CreateStackInput{StackName: ptr.To("Alarms"), TemplateBody: ptr.To(fmt.Sprintf(
		`{"Resources": {"A": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"AlarmName": %q, "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1}}}}`, name))})
	w.must(err)
}

// alarmed is a template with an alarm that an output names.
func alarmed(displayName string) map[string]string {
	return map[string]string{"template.json": fmt.Sprintf(`{"Resources": {
		"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": %q}},
		"Errors": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"AlarmName": "web-errors", "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1}}},
		"Outputs": {"ErrorsAlarm": {"Value": {"Ref": "Errors"}}}}`, displayName)}
}

func TestAnAlarmThatFiresTakesTheUpdateBack(t *testing.T) {
	w := newWorld(t, "--minute", "1h")
	first := w.commitFiles(alarmed("one"))
	w.manage()
	obj := w.stack("web")
	obj.Spec.Actions = &v1alpha1.Actions{AutoRedeploy: ptr.To(true), DriftDetection: ptr.To(false)}
	w.create(obj)
	w.untilReady("web")
	w.edit("web", `{"spec":{"rollback":{"alarms":[{"output":"ErrorsAlarm"}],"monitoringTime":"180m"}}}`)
	bad := w.commitFiles(alarmed("two"))
	w.until("web", "it is monitored", func(o *v1alpha1.CdkTsStack) bool {
		return o.Status.Operation != nil && o.Status.Operation.Step == v1alpha1.StepMonitoring
	})
	w.alarm("ALARM")
	taken := w.until("web", "the bad revision was taken back", takenBack(bad))
	contains(t, message(taken), "the alarm web-errors", "In service is revision "+short(first))
	if r := taken.Status.Rollback; r.Cause != v1alpha1.CauseAlarm || !strings.HasSuffix(r.Alarm, ":alarm:web-errors") || w.shows() != "one" {
		t.Errorf("in service is %q, rollback %+v", w.shows(), r)
	}
	w.onlyOnce("CancelUpdateStack", 0)

	// What comes next waits for the alarm, or goes on without it.
	w.commitFiles(alarmed("three"))
	held := w.until("web", "the plan waits for the alarm", because("AlarmFiring"))
	contains(t, message(held), "the alarm web-errors is in ALARM", "take the alarm out of spec.rollback.alarms")
	w.onlyOnce("ExecuteChangeSet", 2)
	w.edit("web", `{"spec":{"rollback":{"alarms":null,"monitoringTime":"0m"}}}`)
	w.until("web", "it is deployed without the alarm", func(o *v1alpha1.CdkTsStack) bool { return ready(o) && w.shows() == "three" })
	if c := w.get("web").Status.RollbackConfiguration; c != nil {
		t.Errorf("the stack still watches %+v", c)
	}
}

func TestAnAlarmThatDoesNotExistIsToldBeforeADeployment(t *testing.T) {
	w := newWorld(t)
	w.commitFiles(alarmed("one"))
	w.manage()
	obj := w.stack("web")
	obj.Spec.Rollback = &v1alpha1.Rollback{Alarms: []v1alpha1.RollbackAlarm{{Name: "web-errors"}}}
	w.create(obj)
	missing := w.until("web", "the alarm is missed", because("AlarmNotFound"))
	contains(t, message(missing), "the alarm web-errors", "does not exist", "An alarm that this very deployment makes cannot be named before")
	w.onlyOnce("CreateChangeSet", 0)
	w.edit("web", `{"spec":{"rollback":null}}`)
	w.untilReady("web")
	w.edit("web", `{"spec":{"rollback":{"alarms":[{"name":"web-errors"}]},"cdkContext":["size=large"]}}`)
	w.until("web", "it is named from the second deployment on", func(o *v1alpha1.CdkTsStack) bool {
		return ready(o) && len(o.Status.History) > 1 && o.Status.Target.SpecDigest == o.Status.Deployed.Target.SpecDigest
	})
}

func TestARoleThatMayNotLookAtAlarmsIsTold(t *testing.T) {
	w := newWorld(t)
	w.commitFiles(alarmed("one"))
	w.manage()
	obj := w.stack("web")
	obj.Spec.Actions = &v1alpha1.Actions{AutoRedeploy: ptr.To(true), DriftDetection: ptr.To(false)}
	w.create(obj)
	w.untilReady("web")
	w.aws.Fault(t, awstest.Fault{Service: "monitoring", Action: "DescribeAlarms", Count: -1, Code: "AccessDenied", Message: "not authorized", Status: 403})
	w.edit("web", `{"spec":{"rollback":{"alarms":[{"name":"web-errors"}]}}}`)
	second := w.commitFiles(alarmed("two"))
	w.until("web", "it is deployed all the same", func(o *v1alpha1.CdkTsStack) bool { return ready(o) && o.Status.Deployed.Target.Revision == second })
	w.hasEvent("web", "AlarmsUnseen")
	if c := w.get("web").Status.RollbackConfiguration; c == nil || len(c.Triggers) != 1 || !strings.HasSuffix(c.Triggers[0].ARN, ":123456789012:alarm:web-errors") {
		t.Errorf("the stack watches %+v", c)
	}
}

// monitoredSite is a stack that a site verifies, which is down when that is set. Its
// next update is monitored, and cancelled when it is not healthy.
func monitoredSite(t *testing.T) (w *world, down *atomic.Bool) {
	t.Helper()
	w, down = newWorld(t, "--minute", "1h"), new(atomic.Bool)
	site := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		if down.Load() {
			rw.WriteHeader(http.StatusInternalServerError)
		}
	}))
	w.Cleanup(site.Close)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	obj := w.stack("web")
	obj.Spec.Actions = &v1alpha1.Actions{AutoRedeploy: ptr.To(true), DriftDetection: ptr.To(false)}
	obj.Spec.Verification = []v1alpha1.Check{{HTTP: &v1alpha1.HTTPCheck{URL: site.URL}, Retries: ptr.To[int32](1), Interval: &metav1.Duration{Duration: time.Second}}}
	w.create(obj)
	w.untilReady("web")
	w.edit("web", rollbackSpec(180, v1alpha1.UnhealthyCancel))
	return w, down
}

func TestAnUpdateIsCancelledForACheckOfItsURL(t *testing.T) {
	w, down := monitoredSite(t)
	down.Store(true)
	bad := w.commit(map[string]any{"Topic": topic("two")})
	taken := w.until("web", "the bad revision was taken back", takenBack(bad))
	contains(t, message(taken), "500")
	if got := w.shows(); got != "one" {
		t.Errorf("in service is %q", got)
	}
	w.onlyOnce("CancelUpdateStack", 1)
}

// TestAnUpdateThatTurnsUnhealthyWhileItIsMonitoredIsCancelled has a site that is well
// when it is asked first, and goes down afterwards.
func TestAnUpdateThatTurnsUnhealthyWhileItIsMonitoredIsCancelled(t *testing.T) {
	w, down := monitoredSite(t)
	bad := w.commit(map[string]any{"Topic": topic("two")})
	w.until("web", "the update is healthy and monitored", func(o *v1alpha1.CdkTsStack) bool {
		op := o.Status.Operation
		return op != nil && op.Monitoring != nil && op.Monitoring.VerifiedAt != nil
	})
	down.Store(true)
	w.pass(time.Minute)
	taken := w.until("web", "the bad revision was taken back", takenBack(bad))
	contains(t, message(taken), "500")
	if got := w.shows(); got != "one" {
		t.Errorf("in service is %q", got)
	}
	w.onlyOnce("CancelUpdateStack", 1)
	if c := meta.FindStatusCondition(taken.Status.Conditions, v1alpha1.ConditionHealthy); c == nil || c.Status != metav1.ConditionUnknown {
		t.Errorf("what is in service was not asked, and Healthy is %+v", c)
	}
}

// TestAFailedUpdateGoesBackToTheLastGoodDeployment has an update fail over one that is in
// service although its verification failed: CloudFormation rolls back to that only.
func TestAFailedUpdateGoesBackToTheLastGoodDeployment(t *testing.T) {
	w := newPatient(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	obj := w.verified("web")
	obj.Spec.Retry = &v1alpha1.Retry{Limit: ptr.To[int32](0)}
	obj.Spec.Rollback = &v1alpha1.Rollback{OnFailure: v1alpha1.FailureLastGood}
	w.create(obj)
	w.untilReady("web")
	w.is("down")
	w.commit(map[string]any{"Topic": topic("two")})
	w.until("web", "the second revision is held", because("AfterDeployFailed"))
	if got := w.shows(); got != "two" {
		t.Fatalf("in service is %q", got)
	}
	bad := w.commit(map[string]any{"Topic": topic("three"), "Bad": map[string]any{"Type": "Local::Test::Resource", "Properties": map[string]any{"FailOn": "Create", "Message": "no room"}}})
	taken := w.until("web", "the first revision was put back", takenBack(bad))
	contains(t, message(taken), "no room")
	if r := taken.Status.Rollback; r.Cause != v1alpha1.CauseFailed || r.Method != v1alpha1.MethodLastGood {
		t.Errorf("rollback %+v", r)
	}
	if got := w.shows(); got != "one" {
		t.Errorf("in service is %q", got)
	}
}

func TestASecretParameterKeepsItsValueWhenTheLastGoodIsPutBack(t *testing.T) {
	w := newPatient(t)
	w.commitFiles(gatedApp("one"))
	w.secret("database", map[string]string{"password": gatedSecret})
	w.manage()
	obj := w.verified("web")
	obj.Spec.ParametersFrom = []v1alpha1.ParameterFrom{{Parameter: "Password", SecretKeyRef: &v1alpha1.InputKey{Name: "database", Key: "password"}}}
	obj.Spec.Rollback = &v1alpha1.Rollback{OnUnhealthy: v1alpha1.UnhealthyLastGood}
	w.create(obj)
	w.untilReady("web")
	w.is("down")
	bad := w.commitFiles(gatedApp("two"))
	w.until("web", "the bad revision was taken back", takenBack(bad))
	if got := w.shows(); got != "one" {
		t.Errorf("in service is %q", got)
	}
	if state := string(w.read("/_localaws/state")); strings.Count(state, gatedSecret) == 0 {
		t.Error("the database has lost its password")
	}
	w.nowhere(gatedSecret)

	// A rotated password is no reason to deploy the bad revision again.
	history := len(w.get("web").Status.History)
	w.must(w.client.Update(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "database"}, StringData: map[string]string{"password": "rotated"}}))
	w.pass(2 * time.Minute)
	time.Sleep(3 * time.Second) // it looks at the repository each second
	if now := w.get("web"); len(now.Status.History) != history || now.Status.Operation != nil || !takenBack(bad)(now) {
		t.Errorf("after the rotation: %s, history %+v", message(now), now.Status.History)
	}
}
