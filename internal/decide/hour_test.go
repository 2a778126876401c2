package decide_test

import (
	"encoding/json"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/report"

	"github.com/robfig/cron/v3"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// cost is what one object cost within a span of time.
type cost struct{ passes, writes, calls, events int }

// hour is an object with a world of its own that time passes in: a repository
// that is listed, runs that take their time, and an AWS.
type hour struct {
	testing.TB
	obj *v1alpha1.CdkTsStack
	now time.Time
	cfg decide.Settings
	cost

	*repository
	endpoint
	checks checks

	// runs are those in flight, by when they began. Each takes runTakes and
	// brings result, of which none means a good plan.
	runs     map[string]time.Time
	runTakes time.Duration
	result   *decide.RunResult
	startErr error

	aws aws

	// inputs and others are as they are set; the controller reads inputs that
	// nobody watches once a minute.
	inputs decide.Inputs
	others decide.Others
}

const arn = "arn:aws:cloudformation:us-east-1:111122223333:stack/Web/6f5c"

var commit = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

func plan() *v1alpha1.Plan {
	return &v1alpha1.Plan{StackName: "Web", Account: "111122223333", Region: "us-east-1", TemplateURL: "https://b/t.json", TemplateDigest: "d1"}
}

func every(t testing.TB, spec string) decide.Schedule {
	t.Helper()
	s, err := cron.ParseStandard(spec)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newHour(t testing.TB) *hour {
	h := &hour{
		TB: t, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC),
		cfg:        decide.Settings{Drift: every(t, "*/10 * * * *"), GitSync: every(t, "*/5 * * * *")},
		repository: &repository{head: decide.Head{Known: true, Revision: commit}},
		runs:       map[string]time.Time{}, runTakes: 20 * time.Second,
		aws: aws{
			takes: time.Minute, final: "CREATE_COMPLETE", detects: 20 * time.Second,
			changeSet: decide.ChangeSet{Status: "CREATE_COMPLETE", ExecutionStatus: "AVAILABLE", Changes: make([]decide.Change, 4), StackID: arn},
			drift:     decide.Drift{Status: "DETECTION_COMPLETE"},
		},
	}
	h.inputs = decide.Inputs{Seen: true, Digest: "d1"}
	h.obj = &v1alpha1.CdkTsStack{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: "u1", Generation: 1}}
	h.obj.Spec.StackName, h.obj.Spec.AWSRegion, h.obj.Spec.Path = "Web", "us-east-1", "."
	h.obj.Spec.Source.Git = v1alpha1.GitSource{Repository: "https://git.example/web.git", Ref: "main"}
	return h
}

// edit changes the spec as a user does.
func (h *hour) edit(change func(*v1alpha1.CdkTsStackSpec)) {
	change(&h.obj.Spec)
	h.obj.Generation++
}

// deployed is an object after its first deployment.
func deployed(t testing.TB, spec func(*v1alpha1.CdkTsStackSpec)) *hour {
	h := newHour(t)
	if spec != nil {
		spec(&h.obj.Spec)
	}
	h.spend(5 * time.Minute)
	if h.obj.Status.Deployed == nil || h.obj.Status.Operation != nil {
		t.Fatalf("it is not deployed: %+v", h.obj.Status)
	}
	return h
}

// spend lets time pass and gives what the object cost meanwhile. It ends early
// when the object costs more than anything may.
func (h *hour) spend(span time.Duration) cost {
	h.cost = cost{}
	for end := h.now.Add(span); h.now.Before(end) && h.passes < 20_000; {
		after := h.pass()
		next := end
		if after > 0 {
			next = h.now.Add(after)
		}
		for _, at := range h.wakes() {
			if at.Before(next) {
				next = at
			}
		}
		h.now = next
	}
	return h.cost
}

// wakes are the moments at which something ends that the object waits for.
func (h *hour) wakes() []time.Time {
	var all []time.Time
	if at, listing := h.answered(); listing {
		all = append(all, at)
	}
	if at, asking := h.answering(); asking {
		all = append(all, at)
	}
	if at, asking := h.checks.checking(); asking {
		all = append(all, at)
	}
	for _, began := range h.runs {
		if end := began.Add(h.runTakes); end.After(h.now) {
			all = append(all, end)
		}
	}
	return all
}

// pass is one pass as the controller makes it.
func (h *hour) pass() time.Duration {
	h.passes++
	seen := h.observe(decide.Look(h.obj, h.now, h.cfg))
	d := decide.Decide(h.obj, seen, h.now, h.cfg)
	h.save(d.Status)
	acted := decide.Acted{Action: d.Action}
	acted.DetectionID, acted.Err = h.act(d.Action, seen)
	if acted.Err == nil && !d.Action.Tells() {
		return d.After
	}
	seen.Acted = &acted
	d = decide.Decide(h.obj, seen, h.now, h.cfg)
	h.save(d.Status)
	if d.Action != decide.ActNothing {
		return time.Nanosecond
	}
	return d.After
}

// save stores a status as the API server does, which knows no parts of a
// second, and counts it and its events.
func (h *hour) save(status v1alpha1.CdkTsStackStatus) {
	before := h.obj.DeepCopy()
	if !equality.Semantic.DeepEqual(decide.Saved(&h.obj.Spec, &h.obj.Status), decide.Saved(&h.obj.Spec, &status)) {
		h.writes++
	}
	if !equality.Semantic.DeepEqual(h.obj.Status, status) {
		data, err := json.Marshal(status)
		if err != nil {
			h.Fatal(err)
		}
		h.obj.Status = v1alpha1.CdkTsStackStatus{}
		if err := json.Unmarshal(data, &h.obj.Status); err != nil {
			h.Fatal(err)
		}
	}
	h.events += len(report.Between(before, h.obj))
}

func (h *hour) observe(n decide.Needs) decide.Observed {
	var seen decide.Observed
	if n.Head {
		seen.Head = h.list(n.HeadNotBefore, h.now)
	}
	if n.Freezes {
		seen.Freezes = h.asked(h.now)
	} else {
		h.endpoint.seen = decide.Freeze{}
	}
	seen.Checks = h.checks.answer(n.Checks, h.now)
	if n.Policies {
		seen.Policies = h.aws.policies
		seen.Policies.Seen, seen.Policies.Findings = true, nil
	}
	if began, known := h.runs[n.Run]; known && n.Run != "" {
		seen.Run = decide.Run{State: decide.RunRunning, Step: "Cloning"}
		if h.now.Sub(began) >= h.runTakes {
			seen.Run = decide.Run{State: decide.RunDone, Result: h.result}
			if h.result == nil {
				seen.Run.Result = &decide.RunResult{Plan: plan()}
			}
		}
	}
	if n.Inputs {
		seen.Inputs = h.inputs
		seen.Inputs.Again = h.now.Truncate(time.Minute).Add(time.Minute)
	}
	if n.Others {
		seen.Others = h.others
		seen.Others.Seen = h.others.Err == nil
	}
	if n.Credentials && h.aws.credentials != nil {
		seen.Credentials = h.aws.credentials
		return seen
	}
	h.observeAWS(n, &seen)
	if n.Policies && seen.Policies.Err == nil && decide.ToJudge(h.obj, seen) {
		h.calls++
		seen.Policies.Judged, seen.Policies.Findings = true, h.aws.policies.Findings
	}
	return seen
}
