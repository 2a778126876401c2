package controller_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

var everywhere = []v1alpha1.CauseSource{v1alpha1.CauseHooks, v1alpha1.CauseCloudTrail, v1alpha1.CauseLogs, v1alpha1.CauseTasks}

func withCauses(o *managerOptions) { o.causes = everywhere }

// causes are what the ConfigMap of an object has of its last failure.
func (w *world) causes(name string) (corev1.ConfigMap, v1alpha1.CauseDetails) {
	w.Helper()
	var m corev1.ConfigMap
	w.must(w.client.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, &m))
	var d v1alpha1.CauseDetails
	w.must(yaml.UnmarshalStrict([]byte(m.Data[v1alpha1.CausesKey]), &d))
	return m, d
}

func looked(n int32) func(*v1alpha1.CdkTsStack) bool {
	return func(o *v1alpha1.CdkTsStack) bool { return o.Status.Causes != nil && o.Status.Causes.Looks == n }
}

// from are the causes of one source.
func from(d v1alpha1.CauseDetails, s v1alpha1.CauseSource) []v1alpha1.Cause {
	var all []v1alpha1.Cause
	for _, c := range d.Causes {
		if c.Source == s {
			all = append(all, c)
		}
	}
	return all
}

// once is an object whose failure is not tried again.
func (w *world) once(name string) *v1alpha1.CdkTsStack {
	obj := w.stack(name)
	obj.Spec.Retry = &v1alpha1.Retry{Limit: ptr.To[int32](0)}
	return obj
}

func (w *world) admin(path string, body any) {
	w.Helper()
	data, err := json.Marshal(body)
	w.must(err)
	w.post(path, data)
}

// log writes lines to a log group, as a function or a container does.
func (w *world) log(group, stream string, lines ...string) {
	w.Helper()
	c := cloudwatchlogs.New(cloudwatchlogs.Options{Region: region, BaseEndpoint: &w.aws.URL, Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "test", "")})
	_, err := c.CreateLogGroup(w.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &group})
	w.must(err)
	_, err = c.CreateLogStream(w.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &group, LogStreamName: &stream})
	w.must(err)
	var events []types.InputLogEvent
	for i, line := range lines {
		events = append(events, types.InputLogEvent{Timestamp: ptr.To(time.Now().UnixMilli() + int64(i)), Message: &line})
	}
	_, err = c.PutLogEvents(w.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: &group, LogStreamName: &stream, LogEvents: events})
	w.must(err)
}

func TestAHookThatSaysNoIsToldWithItsAdvice(t *testing.T) {
	w := newWorld(t)
	w.admin("/_localaws/hooks", map[string]any{
		"stack": "Stack-web", "resource": "Topic", "type": "Org::Security::Guard",
		"annotations": []map[string]any{
			{"AnnotationName": "SNS_ENCRYPTED", "Status": "FAILED", "StatusMessage": "The topic is not encrypted", "RemediationMessage": "Set KmsMasterKeyId", "RemediationLink": "https://wiki.example/sns", "SeverityLevel": "HIGH"},
			{"AnnotationName": "SNS_TAGGED", "Status": "PASSED"},
		},
	})
	w.commit(map[string]any{"Topic": topic("one")})
	w.manageEvery("@every 1s", withCauses)
	w.create(w.once("web"))
	w.until("web", "it failed", because("DeploymentFailed"))
	obj := w.until("web", "causes were looked for", looked(1))
	m, d := w.causes("web-causes")
	if owner := metav1.GetControllerOf(&m); owner == nil || owner.UID != obj.UID {
		t.Errorf("it does not belong to the object: %+v", m.ObjectMeta)
	}
	hooks := from(d, v1alpha1.CauseHooks)
	if len(hooks) != 1 || d.Operation != obj.Status.Causes.Operation || d.Operation != obj.Status.History[0].Operation {
		t.Fatalf("causes: %+v", d)
	}
	if c := hooks[0]; c.Message != "the hook Org::Security::Guard, rule SNS_ENCRYPTED: The topic is not encrypted (high)" || c.Remediation != "Set KmsMasterKeyId" || c.Link != "https://wiki.example/sns" {
		t.Errorf("the hook's verdict: %+v", c)
	}
	contains(t, obj.Status.Causes.Summary, "Set KmsMasterKeyId")
	contains(t, message(obj), "hook Org::Security::Guard failed")
	if strings.Contains(message(obj), "KmsMasterKeyId") {
		t.Errorf("the condition has more than a sentence: %s", message(obj))
	}
	// A deployment that succeeds ends it; the ConfigMap tells of the failure still.
	w.edit("web", `{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}}}`)
	if done := w.untilReady("web"); done.Status.Causes != nil {
		t.Errorf("it has succeeded, and has causes: %+v", done.Status.Causes)
	}
}

func TestAHookOfAChangeSetIsToldBeforeTheChangeSetGoes(t *testing.T) {
	w := newWorld(t)
	w.admin("/_localaws/hooks", map[string]any{
		"stack": "Stack-web", "type": "Org::Plan::Guard",
		"annotations": []map[string]any{{"AnnotationName": "NO_PUBLIC", "Status": "FAILED", "StatusMessage": "public", "RemediationMessage": "make it private"}},
	})
	w.commit(map[string]any{"Topic": topic("one")})
	w.manageEvery("@every 1s", withCauses)
	w.create(w.once("web"))
	w.until("web", "it failed", because("ChangeSetFailed"))
	obj := w.until("web", "causes were looked for", looked(1))
	_, d := w.causes("web-causes")
	if hooks := from(d, v1alpha1.CauseHooks); len(hooks) != 1 || hooks[0].Remediation != "make it private" {
		t.Errorf("causes: %+v", d)
	}
	if obj.Status.Causes.LookAgainAt != nil || len(w.aws.Calls(t, "LookupEvents")) != 0 {
		t.Errorf("CloudTrail was asked about a change set that could not be made: %+v", obj.Status.Causes)
	}
	w.until("web", "the change set is deleted", func(o *v1alpha1.CdkTsStack) bool { return len(o.Status.DiscardedChangeSets) == 0 })
}

func TestCloudTrailIsAskedOnceMoreWhenItKnewNothing(t *testing.T) {
	w := newWorld(t)
	w.admin("/_localaws/trail", map[string]any{"delay": "1h"})
	w.aws.Fault(t, awstest.Fault{Service: "resource", Action: "AWS::SNS::Topic:Create", Code: "AccessDenied", Message: "User: arn:aws:iam::123456789012:user/local is not authorized to perform: sns:CreateTopic", Count: 1})
	w.commit(map[string]any{"Topic": topic("one")})
	w.manageEvery("@every 1s", withCauses)
	obj := w.once("web")
	obj.Spec.RoleARN = w.aws.Role(t, "deployer", awstest.Trust("arn:aws:iam::"+account+":root", ""))
	w.create(obj)
	failed := w.until("web", "causes were looked for", looked(1))
	if at := failed.Status.Causes.LookAgainAt; at == nil || !at.Time.Equal(failed.Status.Causes.FailedAt.Add(15*time.Minute)) {
		t.Fatalf("it is not looked again a quarter of an hour after the failure: %+v", failed.Status.Causes)
	}
	_, d := w.causes("web-causes")
	contains(t, strings.Join(d.Notes, "\n"), "up to 15 minutes late")
	if len(from(d, v1alpha1.CauseCloudTrail)) != 0 {
		t.Fatalf("CloudTrail told too early: %+v", d)
	}
	asked := len(w.aws.Calls(t, "LookupEvents"))
	w.admin("/_localaws/trail", map[string]any{})
	w.pass(16 * time.Minute)
	w.edit("web", `{"metadata":{"annotations":{"wake":"up"}}}`) // the clock of the queue is not the manager's
	again := w.until("web", "it was looked once more", looked(2))
	_, d = w.causes("web-causes")
	trail := from(d, v1alpha1.CauseCloudTrail)
	if len(trail) != 1 || again.Status.Causes.LookAgainAt != nil {
		t.Fatalf("causes: %+v of %+v", d, again.Status.Causes)
	}
	contains(t, trail[0].Message, "AWS refused sns:CreateTopic with AccessDenied: User: arn:aws:iam::123456789012:user/local is not authorized")
	contains(t, trail[0].Origin, ":assumed-role/deployer/")
	if n := len(w.aws.Calls(t, "LookupEvents")); n != asked+1 {
		t.Errorf("CloudTrail was asked %d times, then %d", asked, n)
	}
}

func TestWhatMayNotBeAskedIsSaidOnceAndIsNoFailure(t *testing.T) {
	w := newWorld(t)
	w.aws.Fault(t, awstest.Fault{Service: "cloudtrail", Code: "AccessDeniedException", Message: "not authorized", Count: -1})
	w.commit(map[string]any{"Bad": map[string]any{"Type": "Local::Test::Resource", "Properties": map[string]any{"FailOn": "Create", "Message": "no room"}}})
	w.manageEvery("@every 1s", withCauses)
	w.create(w.once("web"))
	obj := w.until("web", "causes were looked for", looked(1))
	_, d := w.causes("web-causes")
	if len(d.Notes) != 1 || d.Notes[0] != "could not ask CloudTrail: the credentials may not cloudtrail:LookupEvents" {
		t.Errorf("notes: %q", d.Notes)
	}
	if obj.Status.Causes.LookAgainAt != nil || reason(obj) != "DeploymentFailed" {
		t.Errorf("it is more than a note: %+v, %s", obj.Status.Causes, message(obj))
	}
	if events := from(d, v1alpha1.CauseEvents); len(events) != 1 || events[0].LogicalID != "Bad" {
		t.Errorf("what could be asked is missing: %+v", d)
	}
}

func TestTheLastLinesOfACustomResourceAreToldWithoutSecrets(t *testing.T) {
	w := newWorld(t)
	w.secret("db", map[string]string{"password": "hunter-two-is-long"})
	w.log("/aws/lambda/provider", "2026/11/30/[$LATEST]aa", "START RequestId: 1", "connecting with hunter-two-is-long", "Error: no route to database", "END RequestId: 1", "REPORT RequestId: 1 Duration: 3 ms")
	w.commitFiles(map[string]string{"template.json": `{"Parameters": {"Password": {"Type": "String", "NoEcho": true, "Default": "x"}}, "Resources": {
		"Migration": {"Type": "Custom::LocalTest", "Properties": {"ServiceToken": "arn:aws:lambda:us-east-1:123456789012:function:provider", "FailOn": "Create", "Message": "see the log"}}}}`})
	w.manageEvery("@every 1s", withCauses)
	obj := w.once("web")
	obj.Spec.ParametersFrom = []v1alpha1.ParameterFrom{{Parameter: "Password", SecretKeyRef: &v1alpha1.InputKey{Name: "db", Key: "password"}}}
	w.create(obj)
	w.until("web", "causes were looked for", looked(1))
	m, d := w.causes("web-causes")
	logs := from(d, v1alpha1.CauseLogs)
	if len(logs) != 1 || logs[0].LogicalID != "Migration" || logs[0].Origin != "/aws/lambda/provider" || len(logs[0].Lines) != 2 || logs[0].Lines[1] != "Error: no route to database" {
		t.Fatalf("causes: %+v", d)
	}
	if text := m.Data[v1alpha1.CausesKey]; strings.Contains(text, "hunter") {
		t.Errorf("a secret is told:\n%s", text)
	}
}

func TestAManagerKilledWhileItLooksForCausesLooksOnce(t *testing.T) {
	w := newWorld(t)
	w.aws.Fault(t, awstest.Fault{Service: "cloudtrail", Hang: true, Count: -1})
	w.commit(map[string]any{"Bad": map[string]any{"Type": "Local::Test::Resource", "Properties": map[string]any{"FailOn": "Create"}}})
	first := w.manageEvery("@every 1s", withCauses)
	w.create(w.once("web"))
	w.until("web", "it failed", because("DeploymentFailed"))
	awstest.Eventually(t, "CloudTrail is being asked", func() bool { return len(w.aws.Calls(t, "DescribeStackEvents")) > 0 })
	first.stop()
	if c := w.get("web").Status.Causes; c == nil || c.Looks != 0 {
		t.Fatalf("that it is to be looked is not saved: %+v", c)
	}
	w.aws.Heal(t)
	second := w.manageEvery("@every 1s", withCauses)
	obj := w.until("web", "causes were looked for", looked(1))
	if _, d := w.causes("web-causes"); d.Operation != obj.Status.History[0].Operation || len(d.Causes) == 0 {
		t.Errorf("causes: %+v", d)
	}
	second.stop()
	m, _ := w.causes("web-causes")
	third := w.manageEvery("@every 1s", withCauses)
	w.edit("web", `{"metadata":{"annotations":{"wake":"up"}}}`)
	w.until("web", "it was looked at", func(o *v1alpha1.CdkTsStack) bool { return o.Annotations["wake"] == "up" })
	third.stop()
	if after, _ := w.causes("web-causes"); after.ResourceVersion != m.ResourceVersion {
		t.Error("the causes of the same failure were looked for again")
	}
}

func TestWhoChangedWhatHasDriftedIsTold(t *testing.T) {
	w := newWorld(t)
	w.commitFiles(map[string]string{"template.json": `{"Resources": {"Size": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/web/size", "Type": "String", "Value": "small"}}}}`})
	w.manageEvery("@every 1s", withCauses)
	w.create(w.stack("web"))
	w.untilReady("web")
	if n := len(w.aws.Calls(t, "LookupEvents")); n != 0 {
		t.Errorf("nothing has failed, and CloudTrail was asked %d times", n)
	}
	w.parameter("/web/size", "large")
	obj := w.until("web", "it is known who changed it", func(o *v1alpha1.CdkTsStack) bool {
		return o.Status.DriftDetected && o.Status.Drift.Writers != nil && o.Status.Drift.Writers.Looks == 1
	})
	by := obj.Status.Drift.Resources[0].ChangedBy
	if by == nil || by.Principal != "arn:aws:iam::123456789012:user/local" || by.Event != "ssm:PutParameter" || time.Since(by.At.Time) > time.Minute {
		t.Fatalf("it was changed by %+v", by)
	}
	asked := len(w.aws.Calls(t, "LookupEvents"))
	at := obj.Status.LastDriftCheck
	later := w.until("web", "three more checks found the same", func(o *v1alpha1.CdkTsStack) bool {
		return o.Status.LastDriftCheck.Time.Sub(at.Time.Time) > 3*time.Second
	})
	if n := len(w.aws.Calls(t, "LookupEvents")); n != asked || later.Status.Drift.Resources[0].ChangedBy == nil {
		t.Errorf("a drift that lasts asked CloudTrail %d times more: %+v", n-asked, later.Status.Drift)
	}
	if text := fmt.Sprint(later.Status.Conditions); !strings.Contains(text, "changed by local (ssm:PutParameter)") {
		t.Errorf("the condition does not tell: %s", text)
	}
}

func TestTheCausesOfAFailedDestructionAreLookedFor(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Stuck": map[string]any{"Type": "Local::Test::Resource", "Properties": map[string]any{"FailOn": "Delete", "FailTimes": "1", "Message": "it is in use"}}})
	w.manageEvery("@every 1s", withCauses)
	obj := w.create(w.stack("web"))
	w.untilReady("web")
	w.must(w.client.Delete(t.Context(), obj))
	failed := w.until("web", "causes were looked for", looked(1))
	if c := failed.Status.Causes; c.Kind != v1alpha1.OperationDestroy || !strings.Contains(c.Summary, "Stuck: Resource handler returned message: \"it is in use\"") {
		t.Errorf("causes: %+v", c)
	}
	if _, d := w.causes("web-causes"); d.Kind != v1alpha1.OperationDestroy || len(d.Causes) != 1 {
		t.Errorf("causes: %+v", d)
	}
	w.untilGone("web") // it is tried again by itself
}

// A manager that cannot save that it looked looks no second time for it.
func TestCausesThatCouldNotBeSavedAreNotLost(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Bad": map[string]any{"Type": "Local::Test::Resource", "Properties": map[string]any{"FailOn": "Create"}}})
	var refused atomic.Int32
	w.manageEvery("@every 1s", withCauses, func(o *managerOptions) {
		o.wrap = func(c client.Client) client.Client { return unsavedLooks{c, &refused} }
	})
	w.create(w.once("web"))
	w.until("web", "causes were looked for", looked(1))
	if refused.Load() != 3 {
		t.Fatalf("%d saves were refused", refused.Load())
	}
	if _, d := w.causes("web-causes"); len(d.Causes) != 1 {
		t.Errorf("causes: %+v", d)
	}
	if n := len(w.aws.Calls(t, "LookupEvents")); n != 1 {
		t.Errorf("CloudTrail was asked %d times", n)
	}
}

// unsavedLooks is an API server that refuses to note the first three times that
// causes were looked for.
type unsavedLooks struct {
	client.Client
	refused *atomic.Int32
}

func (u unsavedLooks) Status() client.SubResourceWriter {
	return unsavedStatus{u.Client.Status(), u.refused}
}

type unsavedStatus struct {
	client.SubResourceWriter
	refused *atomic.Int32
}

func (u unsavedStatus) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
	data, err := patch.Data(obj)
	if err == nil && strings.Contains(string(data), `"looks":1`) && u.refused.Load() < 3 {
		u.refused.Add(1)
		return errors.New("the API server is away")
	}
	return u.SubResourceWriter.Patch(ctx, obj, patch, opts...)
}

func TestWhatEarlyValidationFoundIsTold(t *testing.T) {
	w := newWorld(t)
	w.admin("/_localaws/hooks", map[string]any{
		"stack": "Stack-web", "type": "AWS::EarlyValidation::PropertyValidation",
		"annotations": []map[string]any{{"AnnotationName": "Topic", "Status": "FAILED", "StatusMessage": "extraneous key [Colour] is not permitted", "RemediationLink": "/Resources/Topic/Properties/Colour"}},
	})
	w.commit(map[string]any{"Topic": topic("one")})
	w.manageEvery("@every 1s", withCauses)
	w.create(w.once("web"))
	w.until("web", "causes were looked for", looked(1))
	_, d := w.causes("web-causes")
	if len(d.Causes) != 1 || len(d.Notes) != 0 || d.Causes[0].LogicalID != "Topic" {
		t.Fatalf("causes: %+v", d)
	}
	if got, want := d.Causes[0].Message, "PropertyValidation: extraneous key [Colour] is not permitted (at /Resources/Topic/Properties/Colour)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
