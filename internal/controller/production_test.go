package controller_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/test/seed/customer"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// form is one way to write down how a production stack is guarded. The same must
// hold for all of them; they differ in how a refusal shows.
type form struct {
	title, file string
	// prepare, if set, makes ready what the form needs.
	prepare func(*example)
	// says is what the message says of a closed window and of an incident.
	says map[guard]string
	// gates are those of the fields, nil for scripts.
	gates map[guard]string
	// overrides is what is said of an emergency, and where.
	overrides string
	said      func(*example) string
}

// guard is what may keep a stack from being deployed.
type guard string

const (
	window   guard = "window"
	incident guard = "incident"
)

var (
	// document is the production document's own script. What it does after a deployment needs its app: test/seed plays
	// that.
	document = form{
		title: "the document's script", file: filepath.Join("..", "..", "test", "seed", "testdata", "manifest.yaml"),
		prepare:   func(e *example) { e.spec.LifecycleHooks.AfterDeploy = "" },
		says:      map[guard]string{window: "Production deployment blocked outside business hours", incident: "Active incidents detected: 2"},
		overrides: "Emergency override enabled", said: (*example).logged,
	}
	script = form{
		title: "our script", file: filepath.Join(examples, "08-production-ready.yaml"),
		says:      map[guard]string{window: "outside of the deployment window", incident: "open incidents: 2"},
		overrides: "EMERGENCY outside of the window: CVE-2023-12345", said: (*example).logged,
	}
	fields = form{
		title: "fields", file: filepath.Join(examples, "12-production-native.yaml"),
		says:      map[guard]string{window: "no window allows it; the next opening is at", incident: `the freeze "incidents" is on`},
		gates:     map[guard]string{window: "window", incident: "freeze"},
		overrides: "emergency: CVE-2023-12345", said: func(e *example) string { return e.get(e.name).Status.LastDeployment.Override },
	}
)

// production is one form in a world with a clock.
type production struct {
	*example
	form
	tools customer.Tools
}

// scenarios are what every form has to do alike.
var scenarios = []struct {
	name string
	play func(*production)
}{
	{"inside of the window it is deployed", func(p *production) {
		p.clock(time.Tuesday, "10:00")
		p.apply()
		p.deployed()
	}},
	{"outside of it waits for Monday", func(p *production) {
		p.clock(time.Saturday, "03:00")
		p.apply()
		p.refused(window)
		p.later("54h")
		p.deployed()
	}},
	{"an emergency goes around the window", func(p *production) {
		p.clock(time.Saturday, "03:00")
		p.apply()
		p.refused(window)
		p.edit(p.name, `{"metadata":{"annotations":{"emergency-reason":"CVE-2023-12345","emergency-deployment":"true"}}}`)
		p.deployed()
		contains(p, p.said(p.example), p.overrides)
	}},
	{"an open incident blocks until it is over", func(p *production) {
		p.clock(time.Tuesday, "10:00")
		p.told.incidents.Store(2)
		p.apply()
		p.refused(incident)
		p.told.incidents.Store(0)
		p.later("5h")
		p.deployed()
	}},
}

// TestEveryFormOfAProductionStackDoesTheSame plays each scenario with scripts and
// with fields, on one clock: that of the operator, which date shows to scripts.
func TestEveryFormOfAProductionStackDoesTheSame(t *testing.T) {
	tools := customer.WrapTools(t, "")
	t.Setenv("TZ", "America/New_York") // of the operator's pod, which the document's script takes for granted
	for _, s := range scenarios {
		for _, f := range []form{document, script, fields} {
			t.Run(s.name+"/"+f.title, func(t *testing.T) { s.play(newProduction(t, f, tools)) })
		}
	}
}

// TestFieldsHoldWhatTheDocumentsScriptLetsThrough: its last hour has 59 minutes more
// than it says, its clock is that of the pod, and no answer is no incident.
func TestFieldsHoldWhatTheDocumentsScriptLetsThrough(t *testing.T) {
	tools := customer.WrapTools(t, "")
	for name, c := range map[string]struct {
		podZone, at string
		down        bool
		by, says    string
	}{
		"a minute to six":               {podZone: "America/New_York", at: "17:59", by: "WindowClosed", says: "no window allows it"},
		"five in the morning, UTC pod":  {podZone: "UTC", at: "05:00", by: "WindowClosed", says: "no window allows it"},
		"nobody tells of the incidents": {podZone: "America/New_York", at: "10:00", down: true, by: "FreezeUnknown", says: "503 Service Unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TZ", c.podZone)
			for _, f := range []form{document, fields} {
				p := newProduction(t, f, tools)
				p.clock(time.Tuesday, c.at)
				p.told.down.Store(c.down)
				p.apply()
				if f.gates == nil {
					p.deployed()
					continue
				}
				contains(p, message(p.until(p.name, "the plan waits", because(c.by))), c.says)
				p.executions(0)
			}
		})
	}
}

func (e *example) logged() string { return e.logs.String() }

func newProduction(t *testing.T, f form, tools customer.Tools) *production {
	t.Helper()
	p := &production{example: newExample(t, f.file), form: f, tools: tools}
	if f.prepare != nil {
		f.prepare(p.example)
	}
	return p
}

// apply starts the operator, with the variables that the document's scripts want
// of it, and creates the objects.
func (p *production) apply() {
	p.Helper()
	p.manageEvery("@every 1s", often, func(o *managerOptions) {
		o.drift = "0 0 30 2 *"
		o.hookEnv = map[string]string{"INCIDENT_API_URL": p.told.URL, "INCIDENT_API_TOKEN": incidentToken}
	})
	for _, o := range p.objects {
		p.must(p.client.Create(p.Context(), o))
	}
}

// clock sets the time, in New York, for operator and scripts.
func (p *production) clock(day time.Weekday, at string) {
	p.Helper()
	p.setClock(newYork(p, day, at))
	p.show()
}

// later lets time pass, and has the operator notice.
func (p *production) later(d string) {
	p.Helper()
	passes, err := time.ParseDuration(d)
	p.must(err)
	p.pass(passes)
	p.show()
	p.edit(p.name, `{"metadata":{"annotations":{"noticed":"true"}}}`)
}

// show has the scripts' date show the operator's time.
func (p *production) show() { p.tools.Clock(p.TB, fmt.Sprintf("@%d", p.now().Unix())) }

// refused waits until the object says what keeps it from being deployed. A script
// has used an attempt for it, fields show a plan that waits.
func (p *production) refused(by guard) {
	p.Helper()
	held := p.until(p.name, string(by)+" keeps it from being deployed", func(o *v1alpha1.CdkTsStack) bool {
		return strings.Contains(message(o), p.says[by])
	})
	st := held.Status
	failed := slices.ContainsFunc(st.History, func(e v1alpha1.HistoryEntry) bool { return e.Reason == "BeforeDeployFailed" })
	waits := st.Held != nil && st.Changes != nil && slices.ContainsFunc(st.Gates, func(g v1alpha1.GateStatus) bool { return g.Name == p.gates[by] })
	if script := p.gates == nil; failed != script || waits == script {
		p.Errorf("an attempt was used: %t, a plan waits: %t; the reason is %s", failed, waits, reason(held))
	}
	p.executions(0)
}

func (p *production) deployed() {
	p.Helper()
	p.untilReady(p.name)
	p.executions(1)
}

func (p *production) executions(want int) {
	p.Helper()
	if n := p.aws.Succeeded(p.TB, "ExecuteChangeSet"); n != want {
		p.Errorf("%d change sets were executed, want %d", n, want)
	}
}

// newYork is the last time that clocks in New York showed that on such a day.
func newYork(tb testing.TB, day time.Weekday, clock string) time.Time {
	tb.Helper()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		tb.Fatal(err)
	}
	at, err := time.Parse("15:04", clock)
	if err != nil {
		tb.Fatal(err)
	}
	now := time.Now().In(zone)
	for back := range 8 {
		then := time.Date(now.Year(), now.Month(), now.Day()-back, at.Hour(), at.Minute(), 0, 0, zone)
		if then.Weekday() == day && !then.After(now) {
			return then
		}
	}
	tb.Fatalf("no %s at %s within a week", day, clock)
	return now
}

// setClock sets the manager's clock.
func (w *world) setClock(now time.Time) { w.ahead.Store(int64(time.Until(now))) }

// fieldsGuardProduction is what the fields do beyond what the scripts did.
func fieldsGuardProduction(e *example) {
	deployed := e.untilReady(e.name)
	if got := e.configMap("web-production-outputs")["ApplicationUrl"]; got != e.told.URL {
		e.Errorf("the output is %q", got)
	}
	contains(e, e.told.heard("/alert"), "WebApp-Production is deployed at v2.1.0")
	if c := checkOf(deployed, "http"); c.Result != v1alpha1.CheckHealthy || len(c.Baseline) != 1 || !healthIs(metav1.ConditionTrue)(deployed) {
		e.Errorf("what the check found is %+v", c)
	}
	e.parameter("/web/level", "hacked")
	awstest.Eventually(e, "an incident is made", func() bool { return e.told.heard("/incidents") != "" })
	contains(e, e.told.heard("/incidents"), "Drift in WebApp-Production: ", "Level MODIFIED")

	// A release that removes something, and makes a table without backups.
	e.release("v2.2.0", map[string]any{"Topic": topic("two"), "Orders": table(nil)})
	denied := e.until(e.name, "the release breaks a rule", because("PolicyDenied"))
	contains(e, message(denied), "rule table-backups of policy backups at Orders")
	if got := gatesOf(denied); !slices.Contains(got, "limits") || !slices.Contains(got, "approval") {
		e.Errorf("it waits for %v", got)
	}
	e.release("v2.2.1", map[string]any{"Topic": topic("two"), "Orders": table(ptr.To(true))})
	waits := e.until(e.name, "the next release waits for people", func(o *v1alpha1.CdkTsStack) bool {
		return o.Status.Held != nil && o.Status.Changes.Operation != denied.Status.Changes.Operation && len(o.Status.Gates) == 2
	})
	digest := waits.Status.Changes.Digest
	e.edit(e.name, `{"metadata":{"annotations":{"awscdk.dev/approve":"`+digest+`","awscdk.dev/approved-by":"ada","awscdk.dev/acknowledge":"`+digest+` limits"}}}`)
	after := e.until(e.name, "it is deployed", func(o *v1alpha1.CdkTsStack) bool {
		return ready(o) && o.Status.Deployed.Target.Revision != deployed.Status.Deployed.Target.Revision
	})
	if got := after.Status.LastDeployment.ApprovedBy; got != "ada" {
		e.Errorf("it was approved by %q", got)
	}
}

func gatesOf(obj *v1alpha1.CdkTsStack) (names []string) {
	for _, g := range obj.Status.Gates {
		names = append(names, g.Name)
	}
	return names
}

// table is a DynamoDB table, with point-in-time recovery if that is said.
func table(recovery *bool) map[string]any {
	properties := map[string]any{
		"AttributeDefinitions": []any{map[string]any{"AttributeName": "id", "AttributeType": "S"}},
		"KeySchema":            []any{map[string]any{"AttributeName": "id", "KeyType": "HASH"}},
		"BillingMode":          "PAY_PER_REQUEST",
	}
	if recovery != nil {
		properties["PointInTimeRecoverySpecification"] = map[string]any{"PointInTimeRecoveryEnabled": *recovery}
	}
	return map[string]any{"Type": "AWS::DynamoDB::Table", "Properties": properties}
}

// release tags a template of these resources, and points the object at it.
func (e *example) release(tag string, resources map[string]any) {
	e.Helper()
	data, err := json.Marshal(map[string]any{"Resources": resources, "Outputs": map[string]any{"ApplicationUrl": map[string]any{"Value": e.told.URL}}})
	e.must(err)
	commit, err := e.repo.CommitTo("main", map[string]string{filepath.Join(e.project, "template.json"): string(data)}, "Release "+tag)
	e.must(err)
	e.must(e.repo.AnnotatedTag(tag, commit, "release"))
	e.edit(e.name, `{"spec":{"source":{"git":{"ref":"`+tag+`"}}}}`)
}
