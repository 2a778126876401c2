package decide

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/verification"

	"github.com/cockroachdb/datadriven"
)

const arn = "arn:aws:cloudformation:us-east-1:111122223333:stack/Web/6f5c"

// see sets one part of the world; what is not said of it is zero.
func (s *story) see(t *testing.T, d *datadriven.TestData) {
	t.Helper()
	err := problemArg(d)
	switch what := d.CmdArgs[0].Key; what {
	case "head":
		s.world.Head = Head{Known: text(d, "rev") != "", Revision: revision(text(d, "rev")), SeenAt: s.now, Err: err}
	case "run":
		s.world.Run = s.run(d)
	case "stack":
		s.world.Stack = Stack{Seen: err == nil, Exists: text(d, "status") != "", ID: arn, Name: "Web", Status: text(d, "status"), StatusReason: text(d, "why"), TerminationProtection: d.HasArg("protected"), Err: err}
		if id := text(d, "id"); id != "" {
			s.world.Stack.ID = strings.TrimSuffix(arn, "6f5c") + id
		}
		if at := text(d, "created"); at != "" {
			s.world.Stack.CreatedAt = moment(t, at)
		}
		s.world.Stack.Template = text(d, "template")
		if d.HasArg("updated") {
			s.world.Stack.UpdatedAt = s.now
		}
		if v := text(d, "out"); v != "" {
			s.world.Stack.Outputs = map[string]string{"Url": v}
		}
	case "changeset":
		s.world.ChangeSet = ChangeSet{Seen: err == nil, Exists: text(d, "status") != "", StackID: arn, Status: text(d, "status"), ExecutionStatus: text(d, "exec"), Reason: text(d, "why"), Empty: d.HasArg("empty"), Changes: changesSeen(t, d), Export: exportSeen(d), Err: err}
	case "events":
		s.world.Events = Events{Seen: err == nil, Started: d.HasArg("started"), Final: text(d, "final"), Done: number(d, "done"), Current: text(d, "at"), Err: err}
		if cause := text(d, "cause"); cause != "" {
			s.world.Events.RootCause = &Failure{LogicalID: "Bucket", ResourceType: "AWS::S3::Bucket", Status: "CREATE_FAILED", Reason: cause, Export: exportSeen(d)}
		}
	case "drift":
		s.world.Drift = driftSeen(d, err)
	case "bootstrap":
		s.world.Bootstrap = Bootstrap{Seen: err == nil, Version: number(d, "version"), Err: err}
	case "rival":
		s.world.Rival = Rival{Name: text(d, "name"), Leaving: d.HasArg("leaving"), Err: err}
	case "inputs", "dependencies", "dependents", "importers", "cycle":
		s.seeOthers(t, what, d)
	case "freeze":
		if s.world.Freezes == nil {
			s.world.Freezes = map[string]Freeze{}
		}
		s.world.Freezes[text(d, "name")] = Freeze{Known: !d.HasArg("unknown"), Frozen: d.HasArg("on"), Why: text(d, "why"), SeenAt: s.now, Err: err}
	case "check":
		s.seeCheck(d)
	case "policies":
		s.world.Policies = policiesSeen(t, d, err)
	case "credentials":
		s.world.Credentials = err
	default:
		t.Fatalf("cannot see %q", what)
	}
}

// changesSeen reads changes=N, resources that are added, and below the command
// a line each of others: the action, the replacement or the policy, the id, the
// type, the properties; and "before ID JSON" and "after ID JSON".
func changesSeen(t *testing.T, d *datadriven.TestData) []Change {
	t.Helper()
	var all []Change
	for n := range number(d, "changes") {
		all = append(all, Change{Action: "Add", LogicalID: fmt.Sprintf("New%d", n+1), Type: "AWS::SNS::Topic"})
	}
	for line := range strings.Lines(d.Input) {
		words := strings.Fields(line)
		if len(words) > 1 && (words[0] == "before" || words[0] == "after") {
			value(t, all, words[0], words[1], strings.TrimSpace(line[strings.Index(line, words[1])+len(words[1]):]))
			continue
		}
		if len(words) < 4 {
			t.Fatalf("want ACTION HOW ID TYPE [PROPERTY...], got %q", line)
		}
		c := Change{Action: words[0], LogicalID: words[2], Type: words[3], Properties: words[4:]}
		switch how := words[1]; how {
		case "-":
		case "True", "Conditional", "False":
			c.Replacement = how
			if how != "False" {
				c.Because = words[4:]
			}
		default:
			c.PolicyAction = how
			if strings.HasPrefix(how, "ReplaceAnd") {
				c.Replacement, c.Because = "True", words[4:]
			}
		}
		all = append(all, c)
	}
	return all
}

// seeCheck reads name=, result=, why=, measured=, p50= and p95=, failures= and
// quiet=, how long ago the last alarm changed: an answer of now for the operation
// in flight.
func (s *story) seeCheck(d *datadriven.TestData) {
	if s.world.Checks == nil {
		s.world.Checks = map[string]Checkup{}
	}
	c := Checkup{Known: true, At: s.now, Failures: number(d, "failures"), Same: number(d, "same")}
	c.Verdict = verification.Verdict{Result: v1alpha1.CheckResult(text(d, "result")), Message: text(d, "why"), Measured: text(d, "measured")}
	if op := s.obj.Status.Operation; op != nil {
		c.Operation = op.ID
	}
	if text(d, "p50") != "" {
		c.Latency = &v1alpha1.Latency{P50MS: int64(number(d, "p50")), P95MS: int64(number(d, "p95"))}
	}
	if quiet, err := time.ParseDuration(text(d, "quiet")); err == nil {
		c.QuietSince = s.now.Add(-quiet)
	}
	s.world.Checks[text(d, "name")] = c
}

// policiesSeen reads digest=, and below the command a line for each finding: the
// enforcement, the policy, the rule, the resource and its type or -, the message.
func policiesSeen(t *testing.T, d *datadriven.TestData, err error) Policies {
	t.Helper()
	seen := Policies{Digest: text(d, "digest"), Err: err}
	for line := range strings.Lines(d.Input) {
		words := strings.Fields(line)
		if len(words) < 6 {
			t.Fatalf("want ENFORCEMENT POLICY RULE ID TYPE MESSAGE, got %q", line)
		}
		f := v1alpha1.PolicyFinding{Enforcement: v1alpha1.Enforcement(words[0]), Policy: words[1], Rule: words[2], LogicalID: words[3], Type: words[4], Message: strings.Join(words[5:], " ")}
		if f.LogicalID == "-" {
			f.LogicalID, f.Type = "", ""
		}
		seen.Findings = append(seen.Findings, f)
	}
	return seen
}

// judge adds what the policies say of a plan that has to be judged.
func (s *story) judge(seen *Observed) {
	if ToJudge(s.obj, *seen) && seen.Policies.Err == nil {
		seen.Policies.Judged, seen.Policies.Findings = true, s.world.Policies.Findings
	}
}

// value sets one side of a change.
func value(t *testing.T, all []Change, side, id, text string) {
	t.Helper()
	i := slices.IndexFunc(all, func(c Change) bool { return c.LogicalID == id })
	if i < 0 || !json.Valid([]byte(text)) {
		t.Fatalf("want the id of a change and its JSON, got %q %s", id, text)
	}
	if side == "before" {
		all[i].Before = json.RawMessage(text)
		return
	}
	all[i].After = json.RawMessage(text)
}

func moment(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func (s *story) run(d *datadriven.TestData) Run {
	r := Run{State: RunState(text(d, "state")), Step: text(d, "step"), Ahead: number(d, "ahead"), Stale: d.HasArg("stale")}
	if reason := text(d, "reason"); reason != "" && r.State == RunRunning {
		r.Waiting = &problem.Problem{Reason: reason, Message: text(d, "why"), Outlook: problem.Waits}
	}
	if r.State != RunDone {
		return r
	}
	hooks := hooksRan(d)
	switch reason := text(d, "reason"); {
	case reason != "":
		r.Result = &RunResult{Hooks: hooks, Failure: &problem.Problem{Reason: reason, Message: text(d, "why"), Outlook: outlook(d, problem.Retries)}}
		return r
	case d.HasArg("touched") || d.HasArg("untouched"):
		commit := v1alpha1.Commit{Hash: revision(text(d, "rev")), Author: "Ada", Subject: "Fix"}
		r.Result = &RunResult{Inspection: &Inspection{Commit: commit, Touched: d.HasArg("touched")}}
		return r
	}
	plan := &v1alpha1.Plan{
		StackName: "Web", Account: "111122223333", Region: "us-east-1", TemplateURL: "https://b/t.json", TemplateDigest: "d1",
		BootstrapVersion: 6, BootstrapParameter: "/cdk-bootstrap/hnb659fds/version",
		ConstructPaths: map[string]string{"Bucket": "Web/Data/Bucket"},
	}
	if inputs := text(d, "inputs"); inputs != "" {
		plan.Inputs = strings.Split(inputs, ",")
	}
	if name := text(d, "name"); name != "" {
		plan.StackName = name
	}
	if account := text(d, "account"); account != "" {
		plan.Account = account
	}
	if p := text(d, "protect"); p != "" {
		on := p == "true"
		plan.TerminationProtection = &on
	}
	r.Result = &RunResult{Plan: plan, Hooks: hooks}
	return r
}

// hooksRan reads hook=NAME and exit=CODE.
func hooksRan(d *datadriven.TestData) []HookResult {
	name := text(d, "hook")
	if name == "" {
		return nil
	}
	code := int32(number(d, "exit"))
	return []HookResult{{Name: name, Succeeded: code == 0, ExitCode: &code, Message: text(d, "why"), Duration: 2 * time.Second}}
}

func driftSeen(d *datadriven.TestData, err error) Drift {
	seen := Drift{Seen: err == nil, Status: text(d, "status"), Reason: text(d, "why"), Drifted: d.HasArg("drifted"), Err: err}
	if name := text(d, "unchecked"); name != "" {
		seen.Unchecked = []v1alpha1.UncheckedResource{{LogicalID: name, Type: "AWS::SQS::Queue", Reason: text(d, "why")}}
	}
	seen.Undecided = text(d, "undecided")
	if seen.Drifted {
		seen.Resources = []v1alpha1.DriftedResource{{
			LogicalID: "Topic", Type: "AWS::SNS::Topic", Change: "MODIFIED",
			Properties: []v1alpha1.DriftedProperty{{Path: "/DisplayName", Change: "NOT_EQUAL", Expected: "web", Actual: "hacked"}},
		}}
	}
	return seen
}

// revision spells a commit hash from a letter: a is aaaa….
func revision(s string) string {
	if len(s) == 1 {
		return strings.Repeat(s, 40)
	}
	return s
}

func number(d *datadriven.TestData, key string) int {
	n, err := strconv.Atoi(text(d, key))
	if err != nil {
		return 0
	}
	return n
}

// outlook reads permanent, temporary and counted; without them it is usual.
func outlook(d *datadriven.TestData, usual problem.Outlook) problem.Outlook {
	switch {
	case d.HasArg("permanent"):
		return problem.Stalls
	case d.HasArg("temporary"):
		return problem.Waits
	case d.HasArg("counted"):
		return problem.Retries
	}
	return usual
}
