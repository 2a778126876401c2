package decide

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"

	"github.com/cockroachdb/datadriven"
	"github.com/robfig/cron/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// TestTranscripts plays the life stories of testdata. The commands are:
//
//	new             the spec as YAML; a new object
//	edit            YAML laid over the object, as a user's patch
//	see WHAT k=v …  what the world shows from now on: head, run, stack,
//	                changeset, events, drift, bootstrap, credentials, rival, freeze, policies,
//	                check, inputs, dependencies, dependents, importers, cycle; `err=`, with `reason=` and `permanent`, is a failure to see
//	wait D          time passes
//	pass [err=…]    one pass; with err the action fails (temporary unless
//	                `permanent` or `counted`), with id it brings an id back
//	status PATH     prints one part of the status as YAML
//
// A pass prints what it asked to look at, the action, and what users see.
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		if !strings.HasSuffix(path, ".txt") {
			return // an input of a fuzz target, which the fuzzer keeps here
		}
		story := newStory(t)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			return story.play(t, d)
		})
	})
}

type story struct {
	obj   *v1alpha1.CdkTsStack
	world Observed
	now   time.Time
	cfg   Settings
}

func newStory(t *testing.T) *story {
	t.Helper()
	drift, err := cron.ParseStandard("*/10 * * * *")
	if err != nil {
		t.Fatal(err)
	}
	sync, err := cron.ParseStandard("*/5 * * * *")
	if err != nil {
		t.Fatal(err)
	}
	return &story{now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), cfg: Settings{Drift: drift, GitSync: sync}}
}

func (s *story) play(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	switch d.Cmd {
	case "new":
		return s.create(t, d.Input)
	case "edit":
		return s.edit(t, d.Input)
	case "see":
		s.see(t, d)
		return ""
	case "wait":
		return s.wait(t, d)
	case "pass":
		return s.pass(t, d)
	case "status":
		return s.status(t, d)
	}
	t.Fatalf("unknown command %q", d.Cmd)
	return ""
}

func (s *story) create(t *testing.T, spec string) string {
	t.Helper()
	s.obj = &v1alpha1.CdkTsStack{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: "u1", Generation: 1}}
	s.obj.Spec.AWSRegion, s.obj.Spec.Path, s.obj.Spec.Source.Git.Ref = "us-east-1", ".", "main"
	if err := yaml.UnmarshalStrict([]byte(spec), &s.obj.Spec); err != nil {
		t.Fatal(err)
	}
	return ""
}

// edit lays YAML over the object; a spec that changed is a new generation.
func (s *story) edit(t *testing.T, patch string) string {
	t.Helper()
	before := s.obj.DeepCopy()
	if err := yaml.UnmarshalStrict([]byte(patch), s.obj); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprintf("%+v", before.Spec) != fmt.Sprintf("%+v", s.obj.Spec) || strings.Contains(patch, "spec:") {
		s.obj.Generation++
	}
	return ""
}

func (s *story) wait(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	span, err := time.ParseDuration(d.CmdArgs[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	s.now = s.now.Add(span)
	return s.now.Format("15:04:05")
}

func (s *story) pass(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	needs := Look(s.obj, s.now, s.cfg)
	seen := only(s.world, needs)
	s.judge(&seen)
	decision := Decide(s.obj, seen, s.now, s.cfg)
	s.obj.Status = decision.Status
	out := []string{"look: " + strings.Join(asked(needs), " "), "act: " + describeAction(decision)}
	if acted := actedOn(d, decision.Action); acted != nil {
		seen.Acted = acted
		decision = Decide(s.obj, seen, s.now, s.cfg)
		s.obj.Status = decision.Status
		if acted.Err != nil || acted.DetectionID != "" {
			out = append(out, "then: "+describeAction(decision))
		}
	}
	checkHealth(t, s.obj)
	return strings.Join(append(out, s.faces()...), "\n") + "\n"
}

func describeAction(d Decision) string {
	action := string(d.Action)
	if action == "" {
		action = "nothing"
	}
	switch {
	case d.After == 0:
		return action
	case d.After < time.Microsecond:
		return action + ", look again at once"
	}
	return fmt.Sprintf("%s, look again in %s", action, d.After.Round(time.Millisecond))
}

// faces are what users see.
func (s *story) faces() []string {
	out := []string{"phase: " + string(s.obj.Status.Phase)}
	for _, c := range s.obj.Status.Conditions {
		out = append(out, fmt.Sprintf("%s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message))
	}
	return out
}

func asked(n Needs) []string {
	var all []string
	for _, q := range []struct {
		name string
		on   bool
	}{
		{"head", n.Head}, {"run", n.Run != ""}, {"stack", n.Stack != ""}, {"changeset", n.ChangeSet != ""},
		{"policies", n.Policies}, {"events" + step(n.Events), n.Events != ""}, {"drift", n.Drift != ""}, {"bootstrap", n.Bootstrap != ""},
		{"freeze", n.Freezes},
	} {
		if q.on {
			all = append(all, q.name)
		}
	}
	for _, c := range n.Checks {
		all = append(all, "check:"+c.Name)
	}
	return all
}

// step is which step of an operation a token is of, if not the main one.
func step(token string) string {
	for _, suffix := range []string{"-clear", "-continue"} {
		if strings.HasSuffix(token, suffix) {
			return suffix
		}
	}
	return ""
}

// only hides what was not asked for, as the controller does.
func only(w Observed, n Needs) Observed {
	var seen Observed
	if n.Head {
		seen.Head = w.Head
	}
	if n.Freezes {
		seen.Freezes = w.Freezes
	}
	for _, c := range n.Checks {
		if seen.Checks == nil {
			seen.Checks = map[string]Checkup{}
		}
		seen.Checks[c.Name] = w.Checks[c.Name]
	}
	if n.Run != "" {
		seen.Run = w.Run
	}
	if n.Inputs {
		seen.Inputs = w.Inputs
	}
	if n.Others {
		seen.Others = w.Others
		seen.Others.Seen = w.Others.Err == nil
	}
	if n.Credentials && w.Credentials != nil {
		seen.Credentials = w.Credentials
		return seen
	}
	if n.Stack != "" {
		seen.Stack = w.Stack
	}
	if n.ChangeSet != "" {
		seen.ChangeSet = w.ChangeSet
	}
	if n.Events != "" {
		seen.Events = w.Events
	}
	if n.Drift != "" {
		seen.Drift = w.Drift
	}
	if n.Bootstrap != "" {
		seen.Bootstrap = w.Bootstrap
	}
	if n.Policies {
		seen.Policies = Policies{Seen: true, Digest: w.Policies.Digest, Err: w.Policies.Err}
	}
	if n.Rival {
		seen.Rival = w.Rival
		seen.Rival.Seen = w.Rival.Err == nil
	}
	return seen
}

func actedOn(d *datadriven.TestData, action Action) *Acted {
	if !d.HasArg("err") && !d.HasArg("id") && (!action.Tells() || action == ActDetectDrift) {
		return nil
	}
	return &Acted{Action: action, DetectionID: text(d, "id"), Err: problemArg(d)}
}

func (s *story) status(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	data, err := yaml.Marshal(s.obj.Status)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := yaml.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	data, err = yaml.Marshal(all[d.CmdArgs[0].Key])
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func text(d *datadriven.TestData, key string) string {
	for _, a := range d.CmdArgs {
		if a.Key == key && len(a.Vals) > 0 {
			return strings.Join(a.Vals, ",")
		}
	}
	return ""
}

// problemArg reads err=, reason=, permanent and counted; nil without err.
func problemArg(d *datadriven.TestData) error {
	if !d.HasArg("err") {
		return nil
	}
	reason := text(d, "reason")
	if reason == "" {
		return errors.New(text(d, "err"))
	}
	return &problem.Problem{Reason: reason, Message: text(d, "err"), Outlook: outlook(d, problem.Waits)}
}
