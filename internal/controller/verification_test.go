package controller_test

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// site is what a stack deploys, as its users see it.
type site struct {
	*httptest.Server
	status atomic.Int32
	body   atomic.Value
	asked  atomic.Int32
	header atomic.Pointer[http.Header]
}

func serveSite(tb testing.TB) *site {
	tb.Helper()
	s := &site{}
	s.status.Store(http.StatusOK)
	s.body.Store(`{"status": "up"}`)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		h := r.Header.Clone()
		s.header.Store(&h)
		w.WriteHeader(int(s.status.Load()))
		fmt.Fprint(w, s.body.Load())
	}))
	tb.Cleanup(s.Close)
	return s
}

// siteApp is an app whose stack has an output with the URL of a site, a target
// group with a target, and an alarm.
func siteApp(tb testing.TB, address, displayName string) map[string]string {
	tb.Helper()
	data, err := json.Marshal(map[string]any{
		"Resources": map[string]any{
			"Topic":  topic(displayName),
			"Web":    map[string]any{"Type": "AWS::ElasticLoadBalancingV2::TargetGroup", "Properties": map[string]any{"TargetType": "ip", "Port": 80, "Protocol": "HTTP", "Targets": []any{map[string]any{"Id": "10.0.0.7", "Port": 80}}}},
			"Errors": map[string]any{"Type": "AWS::CloudWatch::Alarm", "Properties": map[string]any{"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1, "Threshold": 1, "MetricName": "Errors", "Namespace": "Web"}},
		},
		"Outputs": map[string]any{"Url": map[string]any{"Value": address}, "Group": map[string]any{"Value": map[string]any{"Ref": "Web"}}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return map[string]string{"template.json": string(data)}
}

// targets sets the health of all targets of the group Web.
func (w *world) targets(state string) {
	w.Helper()
	w.post("/_localaws/target-health", fmt.Appendf(nil, `{"targetGroup":"Web","state":%q}`, state))
}

func (w *world) alarm(state string) {
	w.Helper()
	w.aws.Alarm(w, "Errors", state)
}

func health(o *v1alpha1.CdkTsStack) *metav1.Condition {
	return meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionHealthy)
}

func healthIs(status metav1.ConditionStatus) func(*v1alpha1.CdkTsStack) bool {
	return func(o *v1alpha1.CdkTsStack) bool { c := health(o); return c != nil && c.Status == status }
}

func checkOf(o *v1alpha1.CdkTsStack, name string) v1alpha1.CheckStatus {
	if o.Status.Verification != nil {
		for _, c := range o.Status.Verification.Checks {
			if c.Name == name {
				return c
			}
		}
	}
	return v1alpha1.CheckStatus{}
}

func gauge(t *testing.T, r *running, name string, labels map[string]string) float64 {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			matches := 0
			for _, l := range m.GetLabel() {
				if labels[l.GetName()] == l.GetValue() {
					matches++
				}
			}
			if f.GetName() == name && matches == len(labels) {
				return m.GetGauge().GetValue()
			}
		}
	}
	return -1
}

func every(d time.Duration) *metav1.Duration { return &metav1.Duration{Duration: d} }

// TestADeploymentIsVerifiedByItsChecks, one after the other, with the hook in its
// place; an unhealthy one fails it, and only the verification is tried again.
func TestADeploymentIsVerifiedByItsChecks(t *testing.T) {
	w := newWorld(t)
	web := serveSite(t)
	w.commitFiles(siteApp(t, web.URL, "one"))
	w.secret("site", map[string]string{"Authorization": "Bearer site-token-7"})
	r := w.manageEvery("@every 1h", func(o *managerOptions) { o.drift = "0 0 30 2 *" })
	obj := w.stack("web")
	obj.Spec.Retry = &v1alpha1.Retry{Interval: every(time.Second)}
	obj.Spec.LifecycleHooks = &v1alpha1.LifecycleHooks{AfterDeploy: ":"}
	obj.Spec.Verification = []v1alpha1.Check{
		{Name: "site", HTTP: &v1alpha1.HTTPCheck{
			URLFromOutput: "Url", Path: "/health?full=1", HealthyWhen: "body.status == 'up'", Samples: ptr.To[int32](3), MaxLatency: every(5 * time.Second),
			HeadersFrom: &v1alpha1.HeadersFrom{SecretName: "site"},
		}},
		{AfterDeploy: &v1alpha1.AfterDeployCheck{}},
		{TargetGroups: &v1alpha1.TargetGroupsCheck{}, Retries: ptr.To[int32](0)},
		{Alarms: &v1alpha1.AlarmsCheck{}, Retries: ptr.To[int32](0)},
	}
	w.create(obj)
	failed := w.until("web", "its target group is not healthy", because("VerificationFailed"))
	contains(t, message(failed), "in the target group Web less than 100 % of the targets are healthy: one is unused (Target.NotInUse)")
	if failed.Status.Deployed != nil || failed.Status.LastDeploy == nil {
		t.Errorf("deployed %v, last %v", failed.Status.Deployed, failed.Status.LastDeploy)
	}
	if c := health(failed); c == nil || c.Status != metav1.ConditionFalse {
		t.Errorf("the condition is %+v", c)
	}
	w.targets("healthy")
	w.alarm("ALARM")
	firing := w.until("web", "its alarm fires", func(o *v1alpha1.CdkTsStack) bool { return strings.Contains(message(o), "is in ALARM") })
	contains(t, checkOf(firing, "alarms").Measured, "1 of 1 alarms in ALARM: 3 datapoints were above 1.0")
	w.alarm("OK")
	good := w.untilReady("web")
	for _, name := range []string{"site", "afterDeploy", "targetGroups", "alarms"} {
		if c := checkOf(good, name); c.Result != v1alpha1.CheckHealthy || c.Operation != good.Status.LastDeployment.Operation {
			t.Errorf("%s: %+v", name, c)
		}
	}
	if c := checkOf(good, "site"); len(c.Baseline) != 1 || c.Baseline[0].P50MS < 1 {
		t.Errorf("what was measured is not remembered: %+v", c)
	}
	if c := health(good); c == nil || c.Status != metav1.ConditionTrue || c.Message != "all 4 checks are healthy" {
		t.Errorf("the condition is %+v", c)
	}
	if h := web.header.Load(); h.Get("Authorization") != "Bearer site-token-7" {
		t.Errorf("it was asked with %v", h)
	}
	w.onlyOnce("CreateChangeSet", 1)
	w.onlyOnce("ExecuteChangeSet", 1)
	labels := map[string]string{"resource_name": "web"}
	if got := gauge(t, r, "health_check_response_time_ms", labels); got < 1 {
		t.Errorf("health_check_response_time_ms is %v", got)
	}
	if got := gauge(t, r, "cdktsstack_check_healthy", map[string]string{"resource_name": "web", "check": "alarms"}); got != 1 {
		t.Errorf("the metric of the check is %v", got)
	}
	w.hasEvent("web", "HealthChanged")
	if strings.Contains(w.logs.String(), "site-token-7") {
		t.Error("the log has the token")
	}
}

// TestChecksThatCannotBeAskedAreToldApart from those that are not healthy, each
// with what is to be done.
func TestChecksThatCannotBeAskedAreToldApart(t *testing.T) {
	w := newWorld(t)
	block := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/json", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"total": 0}`) })
	mux.HandleFunc("/text", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") })
	mux.HandleFunc("/streams", func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/drips", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write([]byte(".")); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			time.Sleep(20 * time.Millisecond)
		}
	})
	mux.HandleFunc("/header", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Large", strings.Repeat("x", 10<<20)) })
	mux.HandleFunc("/hangs", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-block:
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("/metadata", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/iam/security-credentials/", http.StatusFound)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(block) })
	secure := httptest.NewTLSServer(mux)
	t.Cleanup(secure.Close)
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}))
	w.must(w.client.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "ca"}, Data: map[string]string{"ca.crt": ca}}))
	w.commitFiles(siteApp(t, s.URL, "one"))
	w.aws.Fault(t, awstest.Fault{Service: "elasticloadbalancing", Action: "DescribeTargetHealth", Code: "AccessDenied"})
	w.manageEvery("@every 1h", func(o *managerOptions) { o.drift = "0 0 30 2 *" })
	from := func(path string) *v1alpha1.HTTPCheck { return &v1alpha1.HTTPCheck{URLFromOutput: "Url", Path: path} }
	cases := map[string]struct {
		check        v1alpha1.Check
		reason, says string
	}{
		"metadata":  {v1alpha1.Check{HTTP: &v1alpha1.HTTPCheck{URL: "http://169.254.169.254/"}}, "VerificationUnknown", "169.254.169.254 is an address that is never asked"},
		"redirect":  {v1alpha1.Check{HTTP: from("/metadata")}, "VerificationUnknown", "169.254.169.254 is an address that is never asked"},
		"private":   {v1alpha1.Check{HTTP: &v1alpha1.HTTPCheck{URL: "http://10.0.0.1/"}}, "VerificationUnknown", "--allow-internal-checks"},
		"nohost":    {v1alpha1.Check{HTTP: &v1alpha1.HTTPCheck{URL: "http://no-such-host.invalid/"}}, "VerificationUnknown", "no-such-host.invalid"},
		"streams":   {v1alpha1.Check{HTTP: from("/streams")}, "VerificationFailed", "more than 1 MiB"},
		"drips":     {v1alpha1.Check{HTTP: from("/drips")}, "VerificationFailed", "does not answer within 1s"},
		"hangs":     {v1alpha1.Check{HTTP: from("/hangs")}, "VerificationFailed", "does not answer within 1s"},
		"header":    {v1alpha1.Check{HTTP: from("/header")}, "VerificationFailed", "cannot be read as HTTP"},
		"missing":   {v1alpha1.Check{HTTP: from("/nothing")}, "VerificationFailed", s.URL + "/nothing answers 404 Not Found, not 200"},
		"tls":       {v1alpha1.Check{HTTP: &v1alpha1.HTTPCheck{URL: secure.URL + "/json"}}, "VerificationFailed", "authority that is not known: give that in caFrom"},
		"other":     {v1alpha1.Check{HTTP: &v1alpha1.HTTPCheck{URLFromOutput: "Url", Path: "/json", HealthyWhen: "body.status == 'up'"}}, "VerificationFailed", "no such key: status"},
		"text":      {v1alpha1.Check{HTTP: &v1alpha1.HTTPCheck{URLFromOutput: "Url", Path: "/text", HealthyWhen: "body.status == 'up'"}}, "VerificationFailed", "(200, not JSON)"},
		"costly":    {v1alpha1.Check{HTTP: &v1alpha1.HTTPCheck{URLFromOutput: "Url", Path: "/json", HealthyWhen: "[1,2,3,4,5,6,7,8,9].all(a, " + nested(9) + ")"}}, "VerificationUnknown", "costs too much"},
		"output":    {v1alpha1.Check{HTTP: &v1alpha1.HTTPCheck{URLFromOutput: "Gone"}}, "VerificationUnknown", "the stack has no output Gone, which the check http reads; it has Group, Url"},
		"nourl":     {v1alpha1.Check{HTTP: &v1alpha1.HTTPCheck{URLFromOutput: "Group"}}, "VerificationUnknown", "is no URL that begins with https://"},
		"headers":   {v1alpha1.Check{HTTP: &v1alpha1.HTTPCheck{URLFromOutput: "Url", HeadersFrom: &v1alpha1.HeadersFrom{SecretName: "later"}}}, "VerificationUnknown", "spec.verification.http.headersFrom names does not exist: create it"},
		"alarm":     {v1alpha1.Check{Alarms: &v1alpha1.AlarmsCheck{Names: []string{"no-such-alarm"}}}, "VerificationUnknown", "there is no alarm no-such-alarm in the account and region of the stack"},
		"right":     {v1alpha1.Check{TargetGroups: &v1alpha1.TargetGroupsCheck{}}, "VerificationUnknown", "lacks the right elasticloadbalancing:DescribeTargetHealth"},
		"group":     {v1alpha1.Check{TargetGroups: &v1alpha1.TargetGroupsCheck{Resources: []string{"Api"}}}, "VerificationUnknown", "the stack has no target group Api, which targetGroups.resources names; it has Web"},
		"noarn":     {v1alpha1.Check{TargetGroups: &v1alpha1.TargetGroupsCheck{FromOutputs: []string{"Url"}}}, "VerificationUnknown", "is no ARN of a target group"},
		"untrusted": {v1alpha1.Check{Certificate: &v1alpha1.CertificateCheck{URL: secure.URL}}, "VerificationFailed", "is not trusted: it is of an authority that is not known"},
		"ends":      {v1alpha1.Check{Certificate: &v1alpha1.CertificateCheck{URL: secure.URL, MinDaysLeft: ptr.To[int32](800), CAFrom: &v1alpha1.CAFrom{ConfigMapName: "ca", Key: "ca.crt"}}}, "", ""},
	}
	for name, c := range cases {
		obj := w.stack(name)
		obj.Spec.Retry = &v1alpha1.Retry{Limit: ptr.To[int32](0)}
		c.check.Retries = ptr.To[int32](0)
		if c.check.HTTP != nil {
			c.check.HTTP.Timeout = every(time.Second)
		}
		obj.Spec.Verification = []v1alpha1.Check{c.check}
		w.create(obj)
	}
	for name, c := range cases {
		if c.reason == "" {
			w.untilReady(name)
			continue
		}
		failed := w.until(name, c.says, because(c.reason))
		contains(t, message(failed), c.says)
	}
}

// TestHealthIsToldApartFromReadiness: what is deployed as it is wanted stays ready.
func TestHealthIsToldApartFromReadiness(t *testing.T) {
	w := newWorld(t)
	web := serveSite(t)
	w.commitFiles(siteApp(t, web.URL, "one"))
	r := w.manageEvery("@every 1h", func(o *managerOptions) { o.drift = "0 0 30 2 *" })
	obj := w.stack("web")
	obj.Spec.Verification = []v1alpha1.Check{
		{HTTP: &v1alpha1.HTTPCheck{URLFromOutput: "Url"}, Every: every(30 * time.Second), FailureThreshold: ptr.To[int32](2)},
		{Alarms: &v1alpha1.AlarmsCheck{}, Every: every(30 * time.Second), FailureThreshold: ptr.To[int32](1)},
	}
	w.create(obj)
	good := w.until("web", "it is ready and healthy", func(o *v1alpha1.CdkTsStack) bool { return ready(o) && healthIs(metav1.ConditionTrue)(o) })
	poke := 0
	later := func() {
		poke++
		w.pass(31 * time.Second)
		before := web.asked.Load()
		w.edit("web", fmt.Sprintf(`{"metadata":{"annotations":{"poke":"%d"}}}`, poke))
		awstest.Eventually(t, "it is asked again", func() bool { return web.asked.Load() > before })
		time.Sleep(300 * time.Millisecond) // the answer is had
	}
	later()
	later()
	if now := w.get("web"); !equality.Semantic.DeepEqual(now.Status, good.Status) {
		t.Errorf("the status was written while nothing changed: %+v", now.Status)
	}
	web.status.Store(http.StatusServiceUnavailable)
	later()
	w.edit("web", `{"metadata":{"annotations":{"poke":"x"}}}`)
	if c := health(w.get("web")); c.Status != metav1.ConditionTrue {
		t.Errorf("one bad answer is enough: %+v", c)
	}
	later()
	sick := w.until("web", "it is unhealthy", healthIs(metav1.ConditionFalse))
	contains(t, health(sick).Message, "the check http: "+web.URL+" answers 503 Service Unavailable, not 200")
	if !ready(sick) || sick.Status.Phase != v1alpha1.PhaseSucceeded {
		t.Errorf("it is deployed as it is wanted, and %+v", sick.Status.Conditions)
	}
	later()
	if now := w.get("web"); !equality.Semantic.DeepEqual(now.Status, sick.Status) {
		t.Errorf("the status was written again: %+v", now.Status.Verification)
	}
	if got := gauge(t, r, "cdktsstack_check_healthy", map[string]string{"resource_name": "web", "check": "http"}); got != 0 {
		t.Errorf("the metric of the check is %v", got)
	}
	web.status.Store(http.StatusOK)
	w.alarm("ALARM")
	later()
	alarmed := w.until("web", "its alarm is told", func(o *v1alpha1.CdkTsStack) bool {
		return healthIs(metav1.ConditionFalse)(o) && strings.Contains(health(o).Message, "in ALARM")
	})
	w.alarm("OK")
	later()
	w.until("web", "it is healthy again", healthIs(metav1.ConditionTrue))
	if n := len(alarmed.Status.History); n != 1 {
		t.Errorf("%d deployments", n)
	}
	told := 0
	for _, e := range w.events("web") {
		if e.Reason == "HealthChanged" {
			told++
		}
	}
	if told > 4 || told < 2 {
		t.Errorf("%d events", told)
	}
}

// theSiteIsThere has the app be one with a target group and an alarm.
func theSiteIsThere(e *example) {
	e.site = serveSite(e)
	e.site.status.Store(http.StatusServiceUnavailable)
	e.publishSite("one")
}

func (e *example) publishSite(displayName string) {
	e.Helper()
	files := map[string]string{}
	for name, content := range siteApp(e, e.site.URL, displayName) {
		files[path.Join(e.project, name)] = strings.ReplaceAll(content, `"Url"`, `"ApplicationUrl"`)
	}
	_, err := e.repo.CommitTo("main", files, "change "+displayName)
	e.must(err)
}

func onlyWhatIsHealthyCounts(e *example) {
	waits := e.until(e.name, "it is verified", func(o *v1alpha1.CdkTsStack) bool {
		return because("Verifying")(o) && strings.Contains(message(o), "the check site: "+e.site.URL+"/health answers, and healthyWhen is false")
	})
	if waits.Status.Deployed != nil {
		e.Error("what is not healthy counts as deployed")
	}
	e.site.status.Store(http.StatusOK)
	e.targets("healthy")
	e.alarm("OK")
	e.hurry(30 * time.Second)
	e.until(e.name, "its alarms have to be quiet", func(o *v1alpha1.CdkTsStack) bool {
		return strings.Contains(message(o), "the check alarms (quiet for 5m0s)")
	})
	contains(e, e.logs.String(), "deployed to "+e.site.URL)
	e.hurry(5 * time.Minute)
	good := e.untilReady(e.name)
	for _, name := range []string{"site", "targetGroups", "afterDeploy", "alarms"} {
		if c := checkOf(good, name); c.Result != v1alpha1.CheckHealthy {
			e.Errorf("%s: %+v", name, c)
		}
	}
	e.site.body.Store(`{"status": "down"}`)
	asked := e.site.asked.Load()
	awstest.Eventually(e, "it is unhealthy", func() bool {
		e.hurry(5 * time.Minute)
		time.Sleep(300 * time.Millisecond) // the answer is had
		return healthIs(metav1.ConditionFalse)(e.get(e.name))
	})
	if n := e.site.asked.Load() - asked; n < 3 {
		e.Errorf("%d bad answers are enough", n)
	}
	sick := e.get(e.name)
	contains(e, health(sick).Message, "the check site: "+e.site.URL+"/health answers, and healthyWhen is false for what it says")
	if !ready(sick) {
		e.Error("it is deployed as it is wanted")
	}
}

// hurry lets time pass, and has the operator notice.
func (e *example) hurry(d time.Duration) {
	e.Helper()
	e.pass(d)
	e.edit(e.name, fmt.Sprintf(`{"metadata":{"annotations":{"noticed":"%d"}}}`, e.now().UnixNano()))
}
