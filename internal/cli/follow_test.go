package cli_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/cli"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// terminal is what a command that goes on has written so far.
type terminal struct {
	t    *testing.T
	mu   sync.Mutex
	text bytes.Buffer
	code chan int
	stop context.CancelFunc
}

// Write is for the command.
func (s *terminal) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *terminal) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// start runs a command that goes on, on a terminal of so many columns, or on none.
func start(t *testing.T, columns int, args ...string) *terminal {
	return startTyping(t, strings.NewReader(""), columns, args...)
}

func startTyping(t *testing.T, typed io.Reader, columns int, args ...string) *terminal {
	ctx, stop := context.WithCancel(t.Context())
	s := &terminal{t: t, code: make(chan int, 1), stop: stop}
	go func() {
		s.code <- cli.Run(ctx, cli.Options{
			Streams: genericiooptions.IOStreams{In: typed, Out: s, ErrOut: s},
			Now:     func() time.Time { return now }, Width: func() int { return columns },
		}, args)
	}()
	return s
}

// shows waits until something was written.
func (s *terminal) shows(text string) {
	s.t.Helper()
	for range 600 {
		if strings.Contains(s.String(), text) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.t.Fatalf("it never showed %q, only:\n%s", text, s)
}

// ends waits for the end of the command.
func (s *terminal) ends(code int) {
	s.t.Helper()
	select {
	case got := <-s.code:
		if got != code {
			s.t.Errorf("exit code %d, want %d, after:\n%s", got, code, s)
		}
	case <-time.After(30 * time.Second):
		s.t.Fatalf("it does not end:\n%s", s)
	}
}

// change gives an object another status, as the operator does.
func (s *session) change(name string, change func(*v1alpha1.CdkTsStackStatus)) {
	s.t.Helper()
	var o v1alpha1.CdkTsStack
	s.must(cluster.Get(s.t.Context(), client.ObjectKey{Namespace: "default", Name: name}, &o))
	change(&o.Status)
	s.must(cluster.Status().Update(s.t.Context(), &o))
}

const building = `
metadata: {name: web}
spec: {stackName: Shop}
status:
  conditions: [{type: Ready, status: Unknown, reason: Deploying, message: building, lastTransitionTime: "2026-03-02T11:00:00Z"}]
  message: building
  operation: {id: cdk-deploy-5-web, kind: Deploy, step: Building, runStep: Cloning, startedAt: "2026-03-02T11:59:00Z", stepStartedAt: "2026-03-02T11:59:00Z"}
`

const stagesOf = `
metadata: {name: cdk-deploy-5-web-a1, labels: {awscdk.dev/run: cdk-deploy-5-web}}
spec: {initContainers: [{name: clone}], containers: [{name: synth}]}
status:
`

// TestLogsAreFollowedOverTheStages follows a build whose connection breaks twice,
// then its verification, to the end of the deployment.
func TestLogsAreFollowedOverTheStages(t *testing.T) {
	s := &session{t: t}
	t.Cleanup(clearStacks)
	s.object(building)
	s.pod(stagesOf + `
  initContainerStatuses: [{name: clone, state: {running: {}}}]
  containerStatuses: [{name: synth, state: {waiting: {}}}]
`)
	clone, synth, after := "cdk-deploy-5-web-a1/clone", "cdk-deploy-5-web-a1/synth", "cdk-deploy-5-web-after-b2/hook"
	node.mu.Lock()
	node.breaks = 2
	node.mu.Unlock()
	node.write(clone, "2026-03-02T11:59:01.1Z [Cloning] one\n2026-03-02T11:59:01.1Z [Cloning] two of the same time")
	got := start(t, 0, "logs", "web", "-f")
	got.shows("two of the same time")
	node.write(clone, "2026-03-02T11:59:01.2Z [Cloning] three")
	got.shows("three")
	node.setOpen(clone, false)
	node.write(synth, "2026-03-02T11:59:05Z [Synthesizing] four")
	s.pod(stagesOf + `
  initContainerStatuses: [{name: clone, state: {terminated: {exitCode: 0}}}]
  containerStatuses: [{name: synth, state: {running: {}}}]
`)
	got.shows("four")
	s.pod(stagesOf + `
  initContainerStatuses: [{name: clone, state: {terminated: {exitCode: 0}}}]
  containerStatuses: [{name: synth, state: {terminated: {exitCode: 0}}}]
`)
	s.change("web", func(st *v1alpha1.CdkTsStackStatus) {
		st.Operation.Step, st.Operation.RunStep = v1alpha1.StepAfterHook, ""
	})
	node.write(after, "2026-03-02T11:59:09Z [afterDeploy] five")
	s.pod(`
metadata: {name: cdk-deploy-5-web-after-b2, labels: {awscdk.dev/run: cdk-deploy-5-web-after}}
spec: {containers: [{name: hook}]}
status: {containerStatuses: [{name: hook, state: {terminated: {exitCode: 1}}}]}
`)
	got.shows("five")
	s.change("web", func(st *v1alpha1.CdkTsStackStatus) {
		st.History = []v1alpha1.HistoryEntry{{Operation: st.Operation.ID, Kind: v1alpha1.OperationDeploy, Outcome: v1alpha1.OutcomeFailed, Message: "afterDeploy said no", StartedAt: st.Operation.StartedAt, EndedAt: metav1.NewTime(now)}}
		st.Operation = nil
	})
	got.ends(3)
	want := `# cloning
[Cloning] one
[Cloning] two of the same time
[Cloning] three
[Synthesizing] four
# running the hook after
[afterDeploy] five
# failed: afterDeploy said no
`
	if got.String() != want {
		t.Errorf("it showed:\n%s\nwant:\n%s", got, want)
	}
}

// TestLogsOfTheManagerAreFollowed follows a build beside the manager, whose plan
// then waits for a person.
func TestLogsOfTheManagerAreFollowed(t *testing.T) {
	s := &session{t: t}
	t.Cleanup(clearStacks)
	s.object(building)
	s.pod(`
metadata: {name: operator-2, namespace: awscdk-operator-system, labels: {app.kubernetes.io/name: awscdk-operator}}
spec: {containers: [{name: manager, args: [manager]}]}
status: {phase: Running, containerStatuses: [{name: manager, state: {running: {}}}]}
`)
	node.write("operator-2/manager", "2026-03-02T11:59:01Z default/web [Cloning] one\n2026-03-02T11:59:02Z default/other [Cloning] not this")
	got := start(t, 0, "logs", "web", "-f")
	got.shows("one")
	node.write("operator-2/manager", "2026-03-02T11:59:02Z default/web [Cloning] two")
	got.shows("two")
	s.change("web", func(st *v1alpha1.CdkTsStackStatus) {
		st.Held, st.Operation = st.Operation, nil
		st.Gates = []v1alpha1.GateStatus{{Name: "approval", Reason: "ApprovalPending", Message: "it needs an approval"}}
	})
	got.ends(3)
	want := "# cloning\n[Cloning] one\n[Cloning] two\n# plan waits for an approval\n"
	if got.String() != want {
		t.Errorf("it showed:\n%s\nwant:\n%s", got, want)
	}
}

// TestAWatchWritesWhatIsNew watches on a terminal, and where there is none.
func TestAWatchWritesWhatIsNew(t *testing.T) {
	s := &session{t: t}
	t.Cleanup(clearStacks)
	s.object(building)
	piped, drawn, lists := start(t, 0, "status", "-w", "web"), start(t, 70, "status", "-w", "web"), start(t, 0, "list", "-w")
	for _, got := range []*terminal{piped, drawn, lists} {
		got.shows("cloning, 60s")
	}
	s.change("web", func(st *v1alpha1.CdkTsStackStatus) {
		st.Operation.Step, st.Operation.RunStep = v1alpha1.StepExecuting, ""
		st.Progress = &v1alpha1.Progress{Done: 3, Total: 10, Percent: 30, Current: "Topic"}
		st.Changes = &v1alpha1.Changes{Operation: st.Operation.ID, Digest: "1cbc6017af0fdd98", Summary: "10 to add", ChangeCounts: v1alpha1.ChangeCounts{Add: 10}}
	})
	for _, got := range []*terminal{piped, drawn, lists} {
		got.shows("executing 3 of 10, 60s")
	}
	s.change("web", func(st *v1alpha1.CdkTsStackStatus) {
		st.Operation, st.Progress, st.Message = nil, nil, "it is stuck"
		st.Conditions[0].Status, st.Conditions[0].Message = "False", "it is stuck"
		st.Conditions = append(st.Conditions, st.Conditions[0])
		st.Conditions[1].Type, st.Conditions[1].Status = v1alpha1.ConditionStalled, "True"
	})
	piped.ends(3)
	drawn.ends(3)
	want := `default/web  ▶ cloning, 60s
├─ stack         Shop in us-east-1
├─ source        https://git.example/web.git at main
├─ live          nothing yet
└─ build         ▶ cloning, 60s

building
default/web  ▶ executing 3 of 10, 60s
├─ build         ✓ done
├─ plan          1cbc6017af0fdd98: 10 to add
└─ change set    ▶ executing, 60s
                 ██████░░░░░░░░░░░░░░ 30 %, 3 of 10, Topic
default/web  ✗ Deploying, not tried again
it is stuck
`
	if piped.String() != want {
		t.Errorf("where there is no terminal it wrote:\n%s\nwant:\n%s", piped, want)
	}
	if text := drawn.String(); strings.Count(text, "\x1b[7A\x1b[J") == 0 || strings.Count(text, "Shop in us-east-1") < 3 {
		t.Errorf("on a terminal it wrote: %q", text)
	}
	lists.shows("✗ Deploying, not tried again")
	lists.stop()
	lists.ends(0)
}

// TestEventsAreWatched sees one that comes, once.
func TestEventsAreWatched(t *testing.T) {
	s := &session{t: t}
	t.Cleanup(clearStacks)
	s.object(building)
	got := start(t, 0, "events", "web", "-w")
	s.events("web", `[{type: Warning, reason: DriftDetected, note: it drifted, eventTime: "2026-03-02T11:55:00.000000Z"}]`)
	got.shows("it drifted")
	time.Sleep(1500 * time.Millisecond) // it reads them once more
	got.stop()
	got.ends(0)
	if want := "5m  ✗  DriftDetected  it drifted\n"; got.String() != want {
		t.Errorf("it wrote %q, want %q", got, want)
	}
}

// TestADeletionIsFollowedToItsEnd has the operator let the object go.
func TestADeletionIsFollowedToItsEnd(t *testing.T) {
	s := &session{t: t}
	t.Cleanup(clearStacks)
	s.object(strings.Replace(building, "{name: web}", "{name: web, finalizers: [cdkstack.awscdk.dev/finalizer]}", 1))
	got := start(t, 0, "destroy", "web", "-y", "--wait")
	got.shows("web is being deleted")
	s.change("web", func(st *v1alpha1.CdkTsStackStatus) {
		st.Conditions[0].Status, st.Conditions[0].Reason, st.Conditions[0].Message = "False", "BeforeDestroyFailed", "the hook said no"
	})
	got.shows("✗ deletion waits: BeforeDestroyFailed: the hook said no")
	clearStacks()
	got.ends(0)
	got.shows("web is gone")
}

// TestADriftCheckIsOrderedAndWaitedFor has the operator answer.
func TestADriftCheckIsOrderedAndWaitedFor(t *testing.T) {
	s := &session{t: t}
	t.Cleanup(clearStacks)
	s.object(`
metadata: {name: web}
spec: {stackName: Shop}
status:
  deployed: {at: "2026-03-02T10:57:00Z", target: {digest: d, revision: aaaa, specDigest: s}, plan: {stackName: Shop, templateURL: u, templateDigest: d}}
`)
	got := start(t, 0, "drift", "web", "--check")
	got.shows("# ordered; it waits for its answer")
	s.change("web", func(st *v1alpha1.CdkTsStackStatus) {
		checked := metav1.NewTime(now)
		st.Orders = &v1alpha1.OrdersStatus{CheckDrift: "2026-03-02T12:00:00Z"}
		st.Drift = &v1alpha1.DriftStatus{CheckedAt: &checked, AttemptedAt: &checked}
		st.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionDrifted, Status: "False", Reason: "InSync", LastTransitionTime: checked}}
	})
	got.ends(0)
	if want := "# ordered; it waits for its answer\n✓ none, checked 0s ago\n"; got.String() != want {
		t.Errorf("it wrote %q, want %q", got, want)
	}
	if given := s.annotations("web"); given != "awscdk.dev/check-drift: \"2026-03-02T12:00:00Z\"\n" {
		t.Errorf("annotations %s", given)
	}
}

// TestARevertIsOrderedWithACheckBeforeIt has the operator find drift, and make the
// plan that puts it back.
func TestARevertIsOrderedWithACheckBeforeIt(t *testing.T) {
	s := &session{t: t}
	t.Cleanup(clearStacks)
	s.object(`
metadata: {name: web}
spec: {stackName: Shop}
status:
  deployed: {at: "2026-03-02T10:57:00Z", target: {digest: d, revision: aaaa, specDigest: s}, plan: {stackName: Shop, templateURL: u, templateDigest: d}}
`)
	got := start(t, 0, "drift", "web", "--revert")
	got.shows("# ordered; it waits for its answer")
	checked := metav1.NewTime(now)
	s.change("web", func(st *v1alpha1.CdkTsStackStatus) {
		st.Orders = &v1alpha1.OrdersStatus{CheckDrift: "2026-03-02T12:00:00Z"}
		st.DriftDetected = true
		st.Drift = &v1alpha1.DriftStatus{CheckedAt: &checked, AttemptedAt: &checked, Severity: v1alpha1.SeverityMedium, Resources: []v1alpha1.DriftedResource{{
			LogicalID: "Topic", Type: "AWS::SNS::Topic", Change: "MODIFIED", Severity: v1alpha1.SeverityMedium,
		}}}
		st.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionDrifted, Status: "True", Reason: "Drifted", LastTransitionTime: checked}}
	})
	got.shows("# ordered; it waits for the plan")
	s.change("web", func(st *v1alpha1.CdkTsStackStatus) {
		st.Orders.RevertDrift = "2026-03-02T12:00:00Z"
		st.Held = &v1alpha1.Operation{ID: "cdk-revert-1", Kind: v1alpha1.OperationRevert, Step: v1alpha1.StepPlanning, StartedAt: checked, StepStartedAt: checked}
		st.Changes = &v1alpha1.Changes{Operation: "cdk-revert-1", Digest: "0123456789abcdef", Summary: "1 to modify", Resources: []v1alpha1.ResourceChange{{Action: v1alpha1.ChangeModify, LogicalID: "Topic", Type: "AWS::SNS::Topic"}}}
		st.Gates = []v1alpha1.GateStatus{{Name: "approval", Reason: "ApprovalPending", Message: "it needs an approval"}}
	})
	got.ends(3)
	for _, want := range []string{"Topic  AWS::SNS::Topic  modified, medium", "A plan that puts it back waits:", "plan 0123456789abcdef: 1 to modify", "it needs an approval"} {
		if !strings.Contains(got.String(), want) {
			t.Errorf("%q is not in %q", want, got.String())
		}
	}
	if given := s.annotations("web"); !strings.Contains(given, "awscdk.dev/revert-drift: \"2026-03-02T12:00:00Z\"\n") {
		t.Errorf("annotations %s", given)
	}
}
