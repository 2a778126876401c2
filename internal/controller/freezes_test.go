package controller_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// loopback is where the endpoints of these tests are.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// oftenAsked is how often endpoints are asked in most of these tests: more often
// than by the command.
const oftenAsked = 300 * time.Millisecond

func often(o *managerOptions) { o.freezes = oftenAsked }

// endpoint knows of incidents.
type endpoint struct {
	*httptest.Server
	mu       sync.Mutex
	body     string
	requests int
	header   http.Header
}

// serveIncidents answers with a body that may be changed.
func serveIncidents(tb testing.TB, body string) *endpoint {
	tb.Helper()
	e := &endpoint{body: body}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.requests++
		e.header = r.Header.Clone()
		fmt.Fprint(w, e.body)
	}))
	tb.Cleanup(e.Close)
	return e
}

func (e *endpoint) says(body string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.body = body
}

func (e *endpoint) asked() (requests int, last http.Header) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.requests, e.header
}

// frozen is an object that asks an endpoint, not created yet.
func (w *world) frozen(name, address, deployWhen string) *v1alpha1.CdkTsStack {
	obj := w.stack(name)
	obj.Spec.Freeze = []v1alpha1.Freeze{{Name: "incidents", HTTP: v1alpha1.FreezeHTTP{URL: address, DeployWhen: deployWhen}}}
	return obj
}

// TestAFreezeHoldsAPlanUntilTheIncidentIsOver, writes nothing meanwhile, and asks
// nobody when nobody waits.
func TestAFreezeHoldsAPlanUntilTheIncidentIsOver(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	incidents := serveIncidents(t, `{"count": 1}`)
	w.secret("incidents", map[string]string{"Authorization": "Bearer incident-token-7", "X-Team": "web\n"})
	r := w.manageEvery("@every 1h", often, func(o *managerOptions) { o.drift = "0 0 30 2 *" })
	obj := w.frozen("web", incidents.URL+"/incidents?status=open", "body.count == 0")
	obj.Spec.Freeze[0].HTTP.HeadersFrom = &v1alpha1.HeadersFrom{SecretName: "incidents"}
	w.create(obj)
	held := w.until("web", "the plan is frozen", because("Frozen"))
	contains(t, message(held), `the freeze "incidents" is on`, "1 to add")
	if _, header := incidents.asked(); header.Get("Authorization") != "Bearer incident-token-7" || header.Get("X-Team") != "web" {
		t.Errorf("it was asked with %v", header)
	}
	if got := gateWaiting(t, r, "freeze"); got != 1 {
		t.Errorf("the metric of the gate is %v", got)
	}
	first, _ := incidents.asked()
	awstest.Eventually(t, "it is asked again", func() bool { n, _ := incidents.asked(); return n > first+3 })
	if now := w.get("web"); now.ResourceVersion != held.ResourceVersion {
		t.Error("the object was written while nothing changed")
	}
	if n := w.aws.Succeeded(t, "ExecuteChangeSet"); n != 0 {
		t.Errorf("%d executions during an incident", n)
	}
	incidents.says(`{"count": 0}`)
	w.untilReady("web")
	if got := gateWaiting(t, r, "freeze"); got != 0 {
		t.Errorf("the metric of the gate is %v", got)
	}
	if n := w.aws.Succeeded(t, "ExecuteChangeSet"); n != 1 {
		t.Errorf("%d executions", n)
	}
	contains(t, eventNotes(w, "web"), `Frozen`)
	after, _ := incidents.asked()
	time.Sleep(2 * time.Second)
	if n, _ := incidents.asked(); n > after+1 {
		t.Errorf("%d requests although nothing waits", n-after)
	}
	if strings.Contains(w.logs.String(), "incident-token-7") {
		t.Error("the log has the token")
	}
}

// eventNotes are the events of an object in one text.
func eventNotes(w *world, name string) (all string) {
	for _, e := range w.events(name) {
		all += e.Reason + ": " + e.Note + "\n"
	}
	return all
}

func gateWaiting(t *testing.T, r *running, gate string) float64 {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "cdktsstack_gate_waiting" {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "gate" && l.GetValue() == gate {
					return m.GetGauge().GetValue()
				}
			}
		}
	}
	return -1
}

// TestAFreezeSaysWhichIncidentsAreOpen, as the endpoint calls them, and gives none of
// the secrets away that it is asked with.
func TestAFreezeSaysWhichIncidentsAreOpen(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	incidents := serveIncidents(t, `{"incidents": [{"id": "INC-7", "title": "checkout\nis down for incident-token-7"}]}`)
	w.secret("incidents", map[string]string{"Authorization": "Bearer incident-token-7"})
	w.manageEvery("@every 1h", often, func(o *managerOptions) { o.drift = "0 0 30 2 *" })
	obj := w.frozen("web", incidents.URL+"/incidents?status=open", "body.incidents == []")
	obj.Spec.Freeze[0].HTTP.HeadersFrom = &v1alpha1.HeadersFrom{SecretName: "incidents"}
	obj.Spec.Freeze[0].HTTP.MessageExpression = "body.incidents.map(i, i.id + ' ' + i.title).join(', ')"
	w.create(obj)
	held := w.until("web", "the plan is frozen", because("Frozen"))
	contains(t, message(held), `the freeze "incidents" is on: INC-7 checkout is down for `, " (127.0.0.1:")
	w.seenNowhere("incident-token-7")
	// Texts that change all the time cause no writes.
	for i := range 5 {
		incidents.says(fmt.Sprintf(`{"incidents": [{"id": "INC-7", "title": "open for %d s"}]}`, i))
		asked, _ := incidents.asked()
		awstest.Eventually(t, "it is asked again", func() bool { n, _ := incidents.asked(); return n > asked+1 })
	}
	if now := w.get("web"); now.ResourceVersion != held.ResourceVersion {
		t.Error("the object was written while the freeze went on")
	}
	incidents.says(`{"incidents": []}`)
	w.untilReady("web")
}

// TestEndpointsThatMisbehaveHoldTheirPlansAndNothingElse: each is told with what
// is wrong, and nothing is executed.
func TestEndpointsThatMisbehaveHoldTheirPlansAndNothingElse(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	block := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hangs":
			select {
			case <-block:
			case <-r.Context().Done():
			}
		case "/signin":
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<html>Sign in</html>")
		case "/other":
			fmt.Fprint(w, `{"total": 0}`)
		case "/down":
			http.Error(w, `{"count": 0}`, http.StatusBadGateway)
		case "/large":
			for range 160 {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		case "/metadata":
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/iam/security-credentials/", http.StatusFound)
		}
	}))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(block) })
	w.manageEvery("@every 1h", often)
	cases := map[string]struct{ address, expression, reason, says string }{
		"hangs":    {s.URL + "/hangs", "body.count == 0", "FreezeUnknown", "does not answer within 1s"},
		"signin":   {s.URL + "/signin", "body.count == 0", "FreezeUnknown", "(200, not JSON)"},
		"other":    {s.URL + "/other", "body.count == 0", "FreezeUnknown", "no such key: count"},
		"down":     {s.URL + "/down", "body.count == 0", "FreezeUnknown", "it answers 502 Bad Gateway"},
		"large":    {s.URL + "/large", "body.count == 0", "FreezeUnknown", "more than 1 MiB"},
		"dear":     {s.URL + "/other", "[1,2,3,4,5,6,7,8,9].all(a, " + nested(9) + ")", "FreezeUnknown", "costs too much"},
		"metadata": {s.URL + "/metadata", "body.count == 0", "EndpointRefused", "169.254.169.254 is an address that is never asked"},
		"private":  {"http://10.0.0.1/", "body.count == 0", "EndpointRefused", "--allow-internal-checks"},
	}
	for name, c := range cases {
		obj := w.frozen(name, c.address, c.expression)
		obj.Spec.Freeze[0].HTTP.Timeout = &metav1.Duration{Duration: time.Second}
		w.create(obj)
	}
	for name, c := range cases {
		held := w.until(name, "its plan waits", because(c.reason))
		contains(t, message(held), c.says)
	}
	w.create(w.stack("well"))
	w.untilReady("well")
	if n := w.aws.Succeeded(t, "ExecuteChangeSet"); n != 1 {
		t.Errorf("%d executions, want that of the object without a freeze", n)
	}
}

// nested is an expression of n loops within one another.
func nested(n int) string {
	if n == 0 {
		return "a > 0"
	}
	return fmt.Sprintf("[1,2,3,4,5,6,7,8,9].all(a%d, %s)", n, nested(n-1))
}

func TestAFreezeThatMayBeWithoutAnswerIsToldAndRecorded(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer s.Close()
	w.manageEvery("@every 1h", often)
	obj := w.frozen("web", s.URL, "body.count == 0")
	obj.Spec.Freeze[0].OnError = v1alpha1.FreezeAllows
	w.create(obj)
	deployed := w.untilReady("web")
	if got := deployed.Status.History[0].FreezeErrors; got != "incidents: it answers 503 Service Unavailable" {
		t.Errorf("the history has %q", got)
	}
	w.hasEvent("web", "FreezeUnanswered")
}

// TestWhatAFreezeNeedsIsWaitedFor although its endpoint may be without answer: a
// Secret that is missing is no fault of the endpoint.
func TestWhatAFreezeNeedsIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	incidents := serveIncidents(t, `{"count": 0}`)
	w.manageEvery("@every 1s", often)
	obj := w.frozen("web", incidents.URL, "body.count == 0")
	obj.Spec.Freeze[0].OnError = v1alpha1.FreezeAllows
	obj.Spec.Freeze[0].HTTP.HeadersFrom = &v1alpha1.HeadersFrom{SecretName: "later"}
	w.create(obj)
	contains(t, message(w.until("web", "its Secret is missed", because("SecretNotFound"))), "spec.freeze.http.headersFrom", "create it")
	w.secret("later", map[string]string{"Host": "other.example"})
	w.edit("web", `{"metadata":{"annotations":{"poke":"1"}}}`)
	contains(t, message(w.until("web", "the header is refused", because("EndpointRefused"))), "the header Host cannot be set")
	if n, _ := incidents.asked(); n > 0 {
		t.Errorf("it was asked %d times", n)
	}
	w.edit("web", `{"spec":{"freeze":[{"name":"incidents","http":{"url":"`+incidents.URL+`","deployWhen":"body.count == 0"}}]}}`)
	w.untilReady("web")
}

// TestObjectsThatAskTheSameCauseOneRequest within each half minute.
func TestObjectsThatAskTheSameCauseOneRequest(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	incidents := serveIncidents(t, `{"count": 1}`)
	w.manageEvery("@every 1h")
	const objects = 8
	for i := range objects {
		w.create(w.frozen(fmt.Sprint("web-", i), incidents.URL, "body.count == 0"))
	}
	began := time.Now()
	for i := range objects {
		w.until(fmt.Sprint("web-", i), "the plan is frozen", because("Frozen"))
	}
	if n, _ := incidents.asked(); n > 2+int(time.Since(began)/(30*time.Second)) || n == 0 {
		t.Errorf("%d requests for %d objects", n, objects)
	}
}

// serveFreezes stands for the services that examples ask: PagerDuty, which has
// an incident, and that of the production stack.
func (e *example) serveFreezes() {
	e.Helper()
	for i := range e.spec.Freeze {
		f := &e.spec.Freeze[i]
		authorization := "Bearer " + incidentToken
		if f.Name == "pagerduty" {
			e.incidents = serveIncidents(e, `{"incidents": [{"id": "PT4KHLK", "type": "incident", "title": "The server is on fire.", "status": "triggered", "urgency": "high"}], "limit": 1, "offset": 0, "total": null, "more": false}`)
			f.HTTP.URL, authorization = e.incidents.URL+"/incidents?statuses[]=triggered", "Token token=y_NbAkKc66ryYTWUXYEu"
		} else {
			f.HTTP.URL = strings.Replace(f.HTTP.URL, "https://incidents.example.com", e.told.URL, 1)
		}
		e.secret(f.HTTP.HeadersFrom.SecretName, map[string]string{"Authorization": authorization})
	}
}

// freezesKnow says whether a Secret is one that a freeze reads.
func (e *example) freezesKnow(secret string) bool {
	return slices.ContainsFunc(e.spec.Freeze, func(f v1alpha1.Freeze) bool { return f.HTTP.HeadersFrom.SecretName == secret })
}

func theIncidentIsWaitedFor(e *example) {
	waits := e.until(e.name, "the plan waits", because("Frozen"))
	contains(e, message(waits), `the freeze "pagerduty" is on: The server is on fire. (`, waits.Status.Changes.Summary)
	if _, header := e.incidents.asked(); header.Get("Authorization") != "Token token=y_NbAkKc66ryYTWUXYEu" {
		e.Errorf("asked with %v", header)
	}
	e.edit(e.name, `{"metadata":{"annotations":{"emergency-reason":"the fix of INC-7","emergency-deployment":"true"}}}`)
	e.untilReady(e.name)
	if got := e.get(e.name).Status.LastDeployment.Override; got != "emergency: the fix of INC-7" {
		e.Errorf("the override of the last deployment is %q", got)
	}
	// What comes next waits for the end of the incident.
	next := e.change("main", "two")
	e.until(e.name, "the next plan waits", func(o *v1alpha1.CdkTsStack) bool {
		return reason(o) == "Frozen" && o.Status.Held != nil && o.Status.Held.Target.Revision == next
	})
	e.incidents.says(`{"incidents": [], "limit": 1, "offset": 0, "total": null, "more": false}`)
	e.untilDeployed(next)
}
