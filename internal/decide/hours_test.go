package decide_test

import (
	"fmt"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/problem"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

var (
	other   = "b" + commit[1:]
	touched = &decide.RunResult{Inspection: &decide.Inspection{Touched: true, Commit: v1alpha1.Commit{Hash: other}}}
)

func refused(reason string) error {
	return &problem.Problem{Reason: reason, Message: reason, Outlook: problem.Retries}
}

func passing(reason string) error {
	return &problem.Problem{Reason: reason, Message: reason, Outlook: problem.Waits}
}

// What an hour may cost. At rest there are twelve looks at the repository and
// six drift checks, each of which is one write and, while it finds what it found
// before, no event; what is in flight is looked at every ten seconds.
var (
	checked  = cost{passes: 240, writes: 6, calls: 60, events: 1}
	atRest   = cost{passes: 120, writes: 9, calls: 80, events: 4}
	inAction = cost{passes: 480, writes: 60, calls: 1500, events: 80}
)

// TestAnHourCostsLittle drives every state that lasts through an hour: whatever
// an object is doing or waiting for, it must not be busy with it.
func TestAnHourCostsLittle(t *testing.T) {
	type spec = v1alpha1.CdkTsStackSpec
	hooks := func(s *spec) {
		s.LifecycleHooks = &v1alpha1.LifecycleHooks{BeforeGitSync: "b", AfterGitSync: "a", BeforeDriftDetection: "b", AfterDriftDetection: "a"}
	}
	paths := func(s *spec) {
		s.Source.Git.Include, s.Actions = []string{"infra/**"}, &v1alpha1.Actions{AutoRedeploy: ptr.To(true)}
	}
	missingRef := func(h *hour) {
		h.edit(func(s *spec) { s.Source.Git.Ref = "no-such-branch" })
		h.head, h.headErr = decide.Head{}, passing("RefNotFound")
	}
	schedules := func(drift, git string) func(h *hour) {
		return func(h *hour) { h.cfg = decide.Settings{Drift: every(h.T, drift), GitSync: every(h.T, git)} }
	}
	sundays := func(s *spec) {
		s.Windows = &v1alpha1.Windows{Allow: []v1alpha1.Window{{Days: []v1alpha1.Weekday{"Sun"}}}}
	}
	lawful := func(s *spec) {
		s.Policies = []v1alpha1.Policy{{Name: "team", ConfigMapRef: &v1alpha1.ConfigMapReference{Name: "rules"}}}
	}
	never := schedules("0 0 30 2 *", "0 0 30 2 *")
	deleted := func(h *hour) { h.obj.DeletionTimestamp = ptr.To(metav1.NewTime(h.now)) }
	for name, c := range map[string]struct {
		spec  func(*spec)
		first bool // it begins before the first deployment
		then  func(*hour)
		most  cost
	}{
		"at rest":                                 {most: checked},
		"at rest, every minute and every ten":     {then: schedules("@every 10m", "@every 1m"), most: checked},
		"at rest, with schedules that are rare":   {then: schedules("0 0 1 1 *", "0 0 29 2 *"), most: cost{passes: 2}},
		"at rest, with schedules that never fire": {then: never, most: cost{passes: 2}},
		"hooks, with schedules that never fire":   {spec: hooks, then: never, most: cost{passes: 10, writes: 4, events: 4}},
		"at rest, without schedules":              {then: func(h *hour) { h.cfg = decide.Settings{} }, most: cost{passes: 2}},
		"at rest, of a commit":                    {spec: func(s *spec) { s.Source.Git.Ref = commit }, most: atRest},
		"at rest, every ten seconds":              {spec: func(s *spec) { s.Source.Git.Interval = &metav1.Duration{Duration: 10 * time.Second} }, most: cost{passes: 900, writes: 6, calls: 60, events: 1}},
		"at rest, with an interval of no length":  {spec: func(s *spec) { s.Source.Git.Interval = &metav1.Duration{Duration: 1} }, most: cost{passes: 900, writes: 6, calls: 60, events: 1}},
		"at rest, with an interval of centuries":  {spec: func(s *spec) { s.Source.Git.Interval = &metav1.Duration{Duration: 1<<63 - 1} }, most: atRest},
		"drifted":                                 {then: func(h *hour) { h.aws.drift.Drifted = true }, most: atRest},
		"suspended, with an edit":                 {then: func(h *hour) { h.edit(func(s *spec) { s.Suspend, s.Path = true, "x" }) }, most: atRest},
		"deployments are off, with an edit": {then: func(h *hour) {
			h.edit(func(s *spec) { s.Path, s.Actions = "x", &v1alpha1.Actions{Deploy: ptr.To(false)} })
		}, most: atRest},
		"the context became invalid":                  {then: func(h *hour) { h.edit(func(s *spec) { s.CDKContext = []apiextensionsv1.JSON{{Raw: []byte("1")}} }) }, most: atRest},
		"a commit waits for a person":                 {then: func(h *hour) { h.head.Revision, h.result = other, touched }, most: atRest},
		"the ref was edited to one that is not there": {then: missingRef, most: cost{passes: 200, writes: 30, calls: 100, events: 30}},
		"the same with hooks":                         {spec: hooks, then: missingRef, most: cost{passes: 300, writes: 60, calls: 100, events: 80}},
		"the repository cannot be reached":            {then: func(h *hour) { h.headErr = passing("RepositoryUnreachable") }, most: atRest},
		"the first listing fails":                     {first: true, then: func(h *hour) { h.headErr = passing("RepositoryUnreachable") }, most: atRest},
		"a listing does not end":                      {then: func(h *hour) { h.headHung = true }, most: atRest},
		"a commit is read and touches nothing": {spec: paths, then: func(h *hour) {
			h.head.Revision = other
			h.result = &decide.RunResult{Inspection: &decide.Inspection{}}
		}, most: atRest},
		"a commit cannot be read":                     {spec: paths, then: func(h *hour) { h.head.Revision = other; h.result = failed("RepositoryUnreachable") }, most: cost{passes: 400, writes: 200, calls: 100, events: 100}},
		"the reading of a commit cannot be started":   {spec: paths, then: func(h *hour) { h.head.Revision = other; h.startErr = passing("NoDiskSpace") }, most: cost{passes: 300, writes: 300, calls: 100, events: 100}},
		"hooks around checks":                         {spec: hooks, most: cost{passes: 400, writes: 120, calls: 100, events: 120}},
		"hooks around checks fail":                    {spec: hooks, then: func(h *hour) { h.result = failed("HookFailed") }, most: cost{passes: 400, writes: 140, calls: 100, events: 120}},
		"hooks around checks cannot be started":       {spec: hooks, then: func(h *hour) { h.startErr = passing("NoDiskSpace") }, most: cost{passes: 400, writes: 160, calls: 100, events: 120}},
		"drift may not be looked for":                 {then: func(h *hour) { h.aws.detectErr = refused("AccessDenied") }, most: atRest},
		"a drift detection fails":                     {then: func(h *hour) { h.aws.drift.Status = "DETECTION_FAILED" }, most: atRest},
		"a drift detection does not end":              {then: func(h *hour) { h.aws.detects = 24 * time.Hour }, most: cost{passes: 200, writes: 1, calls: 200, events: 2}},
		"AWS throttles the drift checks":              {then: func(h *hour) { h.aws.err = passing("Throttled") }, most: cost{passes: 200, writes: 1, calls: 100, events: 2}},
		"another drift detection is going on":         {then: func(h *hour) { h.aws.detectErr = passing("StackBusy") }, most: cost{passes: 200, writes: 1, calls: 200, events: 2}},
		"the stack was deleted by hand":               {then: func(h *hour) { h.aws.stack = decide.Stack{ID: arn, Name: "Web"} }, most: cost{passes: 60, writes: 10, calls: 10, events: 2}},
		"the stack is broken":                         {then: func(h *hour) { h.aws.stack.Status = "UPDATE_ROLLBACK_FAILED" }, most: cost{passes: 60, writes: 10, calls: 10, events: 2}},
		"somebody is at work on the stack":            {then: func(h *hour) { h.aws.stack.Status = "UPDATE_IN_PROGRESS" }, most: cost{passes: 120, writes: 10, calls: 60, events: 10}},
		"drift is not known":                          {then: func(h *hour) { h.aws.drift.Undecided = "UNKNOWN" }, most: atRest},
		"of a nested stack drift is never looked for": {then: func(h *hour) { h.aws.drift.Status = "DETECTION_PENDING" }, most: cost{passes: 200, writes: 1, calls: 400, events: 2}},
		"a plan waits for its window":                 {spec: sundays, first: true, most: atRest},
		"an update waits for its window":              {then: func(h *hour) { h.edit(func(s *spec) { sundays(s); s.Path = "x" }) }, most: cost{passes: 120, writes: 16, calls: 80, events: 8}},
		"commits outrun a plan that waits": {spec: func(s *spec) { sundays(s); s.Actions = &v1alpha1.Actions{AutoRedeploy: ptr.To(true)} }, first: true, then: func(h *hour) {
			h.spend(10 * time.Minute)
			h.head.Revision = other
		}, most: cost{passes: 300, writes: 40, calls: 100, events: 40}},
		"a plan waits for its approval": {spec: func(s *spec) { s.Approval = &v1alpha1.Approval{} }, first: true, most: atRest},
		"a plan is only shown":          {spec: func(s *spec) { s.PlanOnly = true }, first: true, most: atRest},
		"an update is only planned":     {then: func(h *hour) { h.edit(func(s *spec) { s.PlanOnly = true; s.Path = "x" }) }, most: cost{passes: 120, writes: 16, calls: 80, events: 8}},
		"only plans, over a failed stack": {spec: func(s *spec) { s.PlanOnly = true }, first: true, then: func(h *hour) {
			h.aws.stack = decide.Stack{Exists: true, ID: arn, Name: "Web", Status: "ROLLBACK_COMPLETE"}
		}, most: atRest},
		"a plan goes beyond the limits": {spec: func(s *spec) { s.Limits = &v1alpha1.Limits{MaxRemoved: ptr.To[int32](0)} }, first: true, then: func(h *hour) { h.aws.changeSet.Changes = []decide.Change{{Action: "Remove"}} }, most: atRest},
		"a policy denies the plan": {spec: lawful, first: true, then: func(h *hour) {
			h.aws.policies = decide.Policies{Digest: "p1", Findings: []v1alpha1.PolicyFinding{{Policy: "team", Rule: "none", Enforcement: v1alpha1.EnforcementDeny, Message: "no"}}}
		}, most: cost{passes: 200, writes: 9, calls: 80, events: 4}},
		"a policy cannot be read":                     {spec: lawful, first: true, then: func(h *hour) { h.aws.policies.Err = passing("PolicyInvalid") }, most: cost{passes: 200, writes: 3, events: 3}},
		"a policy of what is deployed cannot be read": {then: func(h *hour) { h.edit(lawful); h.aws.policies.Err = passing("PolicyInvalid") }, most: cost{passes: 320, writes: 9, calls: 60, events: 4}},
		"the credentials are gone":                    {then: func(h *hour) { h.aws.credentials = passing("SecretNotFound") }, most: atRest},
		"a build takes an hour":                       {first: true, then: func(h *hour) { h.runTakes = 2 * time.Hour }, most: inAction},
		"a build fails":                               {first: true, then: func(h *hour) { h.result = failed("SynthFailed") }, most: cost{passes: 200, writes: 60, calls: 20, events: 60}},
		"a build meets an outage":                     {first: true, then: func(h *hour) { h.result = failed("RegistryUnreachable"); h.result.Failure.Outlook = problem.Waits }, most: cost{passes: 200, writes: 60, calls: 20, events: 60}},
		"a build cannot be started":                   {first: true, then: func(h *hour) { h.startErr = passing("NoDiskSpace") }, most: cost{passes: 200, writes: 10, events: 10}},
		"the app has no such stack":                   {first: true, then: func(h *hour) { h.result = failed("StackNotInApp"); h.result.Failure.Outlook = problem.Stalls }, most: atRest},
		"a change set is refused":                     {first: true, then: func(h *hour) { h.aws.changeSet.Status = "FAILED" }, most: cost{passes: 300, writes: 80, calls: 100, events: 60}},
		"a change set is not made":                    {first: true, then: func(h *hour) { h.aws.writeErr = refused("AccessDenied") }, most: cost{passes: 300, writes: 80, calls: 100, events: 60}},
		"a change set cannot be asked for":            {first: true, then: func(h *hour) { h.aws.writeErr = passing("Throttled") }, most: cost{passes: 300, writes: 100, calls: 500, events: 20}},
		"the stack is another's":                      {first: true, then: func(h *hour) { h.aws.rival = "default/other" }, most: atRest},
		"the stack is busy": {first: true, then: func(h *hour) {
			h.aws.stack = decide.Stack{Exists: true, ID: arn, Name: "Web", Status: "UPDATE_IN_PROGRESS"}
		}, most: inAction},
		"an execution takes an hour":                 {first: true, then: func(h *hour) { h.aws.takes = 2 * time.Hour }, most: inAction},
		"an execution fails":                         {first: true, then: func(h *hour) { h.aws.final = "UPDATE_ROLLBACK_COMPLETE" }, most: inAction},
		"AWS does not answer during an execution":    {first: true, then: func(h *hour) { h.spend(70 * time.Second); h.aws.err = passing("AWSUnreachable") }, most: cost{passes: 300, writes: 30, calls: 600, events: 20}},
		"the credentials vanish during an execution": {first: true, then: func(h *hour) { h.spend(70 * time.Second); h.aws.credentials = passing("SecretNotFound") }, most: cost{passes: 300, writes: 10, calls: 600, events: 10}},
		"a verification fails": {spec: func(s *spec) { s.LifecycleHooks = &v1alpha1.LifecycleHooks{AfterDeploy: "a"} }, first: true, then: func(h *hour) {
			h.result = &decide.RunResult{Plan: plan(), Failure: nil}
			h.spend(50 * time.Second)
			h.result = failed("HookFailed")
		}, most: cost{passes: 400, writes: 90, calls: 200, events: 90}},
		"a deletion takes an hour":         {then: func(h *hour) { deleted(h); h.aws.takes = 2 * time.Hour }, most: inAction},
		"a deletion is refused":            {then: func(h *hour) { deleted(h); h.aws.writeErr = refused("TerminationProtected") }, most: cost{passes: 200, writes: 60, calls: 100, events: 60}},
		"a deletion without credentials":   {then: func(h *hour) { deleted(h); h.aws.credentials = passing("SecretNotFound") }, most: cost{passes: 300, writes: 10, calls: 10, events: 10}},
		"a deletion in another account":    {then: func(h *hour) { deleted(h); h.aws.err = passing("StackElsewhere") }, most: cost{passes: 200, writes: 10, calls: 300, events: 10}},
		"a deletion while suspended":       {then: func(h *hour) { deleted(h); h.edit(func(s *spec) { s.Suspend = true }) }, most: atRest},
		"a deletion that its hook forbids": {spec: func(s *spec) { s.LifecycleHooks = &v1alpha1.LifecycleHooks{BeforeDestroy: "b"} }, then: func(h *hour) { deleted(h); h.result = failed("HookFailed") }, most: cost{passes: 300, writes: 80, calls: 200, events: 80}},
		"a hook forbids that the object goes": {spec: func(s *spec) { s.LifecycleHooks = &v1alpha1.LifecycleHooks{BeforeDestroy: "b"} }, then: func(h *hour) {
			deleted(h)
			h.edit(func(s *spec) { s.Actions = &v1alpha1.Actions{Destroy: ptr.To(false)} })
			h.result = failed("HookFailed")
		}, most: cost{passes: 300, writes: 80, calls: 200, events: 80}},
	} {
		t.Run(name, func(t *testing.T) {
			var h *hour
			if c.first {
				h = newHour(t)
				if c.spec != nil {
					c.spec(&h.obj.Spec)
				}
			} else {
				h = deployed(t, c.spec)
			}
			if c.then != nil {
				c.then(h)
			}
			got := h.spend(time.Hour)
			if testing.Verbose() {
				t.Logf("%+v", got)
			}
			if got.passes > c.most.passes || got.writes > c.most.writes || got.calls > c.most.calls || got.events > c.most.events {
				t.Errorf("an hour cost %+v, and may cost %+v; the object is\n%s", got, c.most, h.face())
			}
		})
	}
}

func failed(reason string) *decide.RunResult {
	return &decide.RunResult{Failure: &problem.Problem{Reason: reason, Message: reason, Outlook: problem.Retries}}
}

// face is what a person sees of the object.
func (h *hour) face() string {
	text := fmt.Sprintf("phase %s, operation %+v", h.obj.Status.Phase, h.obj.Status.Operation)
	for _, c := range h.obj.Status.Conditions {
		text += fmt.Sprintf("\n%s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message)
	}
	return text
}

// One listing serves a whole fleet: what it answers wakes every object, so that
// no object may find it too old before the next one is due.
func TestAFleetOfOneRepositoryCostsNoMoreThanItsObjects(t *testing.T) {
	for name, change := range map[string]func(*hour){
		"@every 1m":              func(h *hour) { h.cfg.GitSync = every(h.T, "@every 1m") },
		"* * * * *":              func(h *hour) { h.cfg.GitSync = every(h.T, "* * * * *") },
		"an interval of its own": func(h *hour) { h.obj.Spec.Source.Git.Interval = &metav1.Duration{Duration: time.Minute} },
	} {
		t.Run(name, func(t *testing.T) {
			var fleet []*hour
			for i := range 40 {
				h := deployed(t, nil)
				change(h)
				h.obj.UID = types.UID(fmt.Sprint("u", i))
				if i > 0 {
					h.repository = fleet[0].repository
				}
				fleet = append(fleet, h)
			}
			if passes := spendTogether(fleet, 20*time.Minute) / len(fleet); passes > 90 {
				t.Errorf("each object had %d passes within 20 minutes, with a listing a minute", passes)
			}
		})
	}
}

// spendTogether lets time pass for objects of one repository and counts their
// passes.
func spendTogether(fleet []*hour, span time.Duration) (passes int) {
	next := map[*hour]time.Time{}
	for _, h := range fleet {
		next[h] = h.now
	}
	for end := fleet[0].now.Add(span); ; {
		first := fleet[0]
		for _, h := range fleet {
			if next[h].Before(next[first]) {
				first = h
			}
		}
		if at, listing := first.answered(); listing && at.Before(next[first]) {
			for _, h := range fleet {
				next[h] = at
			}
		}
		first.now = next[first]
		if !first.now.Before(end) || passes > 200*len(fleet) {
			return passes
		}
		passes++
		next[first] = end
		if after := first.pass(); after > 0 {
			next[first] = first.now.Add(after)
		}
	}
}
