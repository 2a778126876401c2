package decide_test

import (
	"errors"
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
	checked = cost{passes: 240, writes: 6, calls: 60, events: 1}
	atRest  = cost{passes: 120, writes: 9, calls: 80, events: 4}
	// checkedOnce is checked with the first deployment before it.
	checkedOnce = cost{passes: 240, writes: 16, calls: 240, events: 8}
	inAction    = cost{passes: 480, writes: 60, calls: 1500, events: 80}
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
		return func(h *hour) { h.cfg = decide.Settings{Drift: every(h.TB, drift), GitSync: every(h.TB, git)} }
	}
	sundays := func(s *spec) {
		s.Windows = &v1alpha1.Windows{Allow: []v1alpha1.Window{{Days: []v1alpha1.Weekday{"Sun"}}}}
	}
	dependent := func(s *spec) { s.DependsOn = []v1alpha1.Dependency{{Name: "network"}} }
	waitsFor := func(name string, ready metav1.ConditionStatus) decide.Others {
		return decide.Others{Dependencies: []decide.Neighbour{{Name: name, Exists: true, Current: true, Ready: ready, SameSource: true}}}
	}
	reads := func(s *spec) {
		s.ParametersFrom = []v1alpha1.ParameterFrom{{Parameter: "Password", SecretKeyRef: &v1alpha1.InputKey{Name: "db", Key: "password"}}}
	}
	freeze := func(s *spec) {
		s.Freeze = []v1alpha1.Freeze{{Name: "incidents", HTTP: v1alpha1.FreezeHTTP{URL: "https://incidents.example/open", DeployWhen: "body.count == 0"}}}
	}
	lawful := func(s *spec) {
		s.Policies = []v1alpha1.Policy{{Name: "team", ConfigMapRef: &v1alpha1.ConfigMapReference{Name: "rules"}}}
	}
	putsBack := func(how v1alpha1.Remediation) func(*spec) {
		return func(s *spec) { s.Drift = &v1alpha1.Drift{Remediate: how} }
	}
	rollsOut := func(state v1alpha1.RolloutState, err error, hooks ...decide.RolloutHook) func(h *hour) {
		return func(h *hour) {
			r := decide.Rollout{Seen: err == nil, State: state, Strategy: "BLUE_GREEN", Stage: "BAKE_TIME", Stays: time.Hour, Hooks: hooks, Err: err}
			r.RollingResource = decide.RollingResource{LogicalID: "Service", Type: "AWS::ECS::Service", PhysicalID: "arn:aws:ecs:us-east-1:111122223333:service/apps/web"}
			r.Kind, r.Deployment = v1alpha1.RolloutECS, "arn:aws:ecs:us-east-1:111122223333:service-deployment/apps/web/1"
			h.aws.takes, h.aws.rollouts = 2*time.Hour, []decide.Rollout{r}
		}
	}
	paused := rollsOut(v1alpha1.RolloutInProgress, nil, decide.RolloutHook{ID: "h1", Awaits: true, TimeoutAction: "ROLLBACK"})
	answered := func(h *hour) {
		paused(h)
		h.spend(time.Minute)
		h.obj.Annotations = map[string]string{v1alpha1.AbortAnnotation: h.obj.Status.Rollouts[0].Digest}
		h.aws.answerErr = refused("AccessDenied")
	}
	touchesRule := func(h *hour) {
		const rule = "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener-rule/app/web/1/2/3"
		side := []byte(`{"Properties": {"Actions": [{"TargetGroupArn": "blue"}]}}`)
		h.aws.changeSet.Changes = []decide.Change{{
			Action: "Modify", LogicalID: "Rule", Type: "AWS::ElasticLoadBalancingV2::ListenerRule", PhysicalID: rule, Values: decide.Values{Before: side, After: side},
		}}
		h.aws.traffic = decide.Traffic{Seen: true, Live: map[string]decide.Weights{rule: {"green": 100}}}
	}
	monitored := func(s *spec) {
		s.Rollback = &v1alpha1.Rollback{Alarms: []v1alpha1.RollbackAlarm{{Name: "web-errors"}}, MonitoringTime: &metav1.Duration{Duration: 3 * time.Hour}, OnUnhealthy: v1alpha1.UnhealthyCancel}
	}
	verified := func(s *spec) { s.LifecycleHooks = &v1alpha1.LifecycleHooks{AfterDeploy: "a"} }
	lastGood := func(s *spec) { s.Rollback = &v1alpha1.Rollback{OnUnhealthy: v1alpha1.UnhealthyLastGood} }
	never := schedules("0 0 30 2 *", "0 0 30 2 *")
	checkDrift := func(h *hour) {
		h.obj.Annotations = map[string]string{v1alpha1.CheckDriftAnnotation: "now"}
	}
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
		"drift is ignored":                        {spec: func(s *spec) { s.Drift = &v1alpha1.Drift{Ignore: []v1alpha1.DriftIgnore{{LogicalID: "Topic"}}} }, then: (*hour).drifts, most: checked},
		"drift every minute": {then: func(h *hour) {
			h.edit(func(s *spec) { s.Drift = &v1alpha1.Drift{Interval: &metav1.Duration{Duration: time.Minute}} })
		}, most: cost{passes: 500, writes: 62, calls: 600, events: 3}},
		"the rules of drift are edited, and a check gets no answer": {then: func(h *hour) {
			h.edit(func(s *spec) { s.Drift = &v1alpha1.Drift{Ignore: []v1alpha1.DriftIgnore{{LogicalID: "Topic"}}} })
			h.aws.detectErr = refused("AccessDenied")
		}, most: atRest},
		"the rules of drift were edited, and the stack is gone": {then: func(h *hour) {
			h.edit(func(s *spec) { s.Drift = &v1alpha1.Drift{Ignore: []v1alpha1.DriftIgnore{{LogicalID: "Topic"}}} })
			h.aws.stack = decide.Stack{ID: arn, Name: "Web"}
		}, most: cost{passes: 60, writes: 10, calls: 10, events: 2}},
		"a plan that puts drift back is shown": {spec: putsBack(v1alpha1.RemediatePlan), then: (*hour).drifts, most: cost{passes: 240, writes: 12, calls: 80, events: 8}},
		"a plan that puts drift back is shown, and updates are monitored": {spec: func(s *spec) {
			monitored(s)
			putsBack(v1alpha1.RemediatePlan)(s)
			s.Rollback.Alarms, s.Rollback.MonitoringTime = nil, &metav1.Duration{Duration: time.Minute}
		}, then: (*hour).drifts, most: cost{passes: 240, writes: 8, calls: 80, events: 5}},
		"a plan that puts drift back has to wait for a newer commit": {spec: func(s *spec) {
			dependent(s)
			putsBack(v1alpha1.RemediatePlan)(s)
			s.Actions = &v1alpha1.Actions{AutoRedeploy: ptr.To(true)}
		}, then: func(h *hour) {
			h.drifts()
			h.spend(15 * time.Minute)
			h.head, h.others = decide.Head{Known: true, Revision: other}, waitsFor("network", metav1.ConditionFalse)
		}, most: cost{passes: 240, writes: 12, calls: 80, events: 8}},
		"putting drift back is refused": {spec: putsBack(v1alpha1.RemediateAuto), then: func(h *hour) {
			h.drifts()
			h.aws.changeSet.Changes[0].Replacement = "True"
		}, most: cost{passes: 240, writes: 14, calls: 80, events: 8}},
		"putting drift back has no effect": {spec: putsBack(v1alpha1.RemediateAuto), then: (*hour).drifts, most: cost{passes: 240, writes: 20, calls: 220, events: 12}},
		"putting drift back fails": {spec: putsBack(v1alpha1.RemediateAuto), then: func(h *hour) {
			h.drifts()
			h.aws.final = "UPDATE_ROLLBACK_COMPLETE"
		}, most: cost{passes: 240, writes: 20, calls: 220, events: 12}},
		"nothing can be put back": {spec: putsBack(v1alpha1.RemediateAuto), then: func(h *hour) {
			h.drifts()
			h.aws.changeSet.Status, h.aws.changeSet.Empty = "FAILED", true
		}, most: cost{passes: 240, writes: 14, calls: 80, events: 8}},
		"a plan that puts drift back cannot be asked for": {spec: putsBack(v1alpha1.RemediateAuto), then: func(h *hour) {
			h.drifts()
			h.aws.writeErr = passing("Throttled")
		}, most: cost{passes: 400, writes: 200, calls: 500, events: 8}},
		"a plan that puts drift back may not be asked for": {spec: putsBack(v1alpha1.RemediateAuto), then: func(h *hour) {
			h.drifts()
			h.aws.writeErr = refused("AccessDenied")
		}, most: cost{passes: 240, writes: 16, calls: 80, events: 8}},
		"drifted, and CloudTrail knows nothing": {then: func(h *hour) {
			h.cfg.CauseSources = allSources
			h.aws.drift.Drifted, h.aws.drift.Resources = true, []v1alpha1.DriftedResource{{LogicalID: "Topic", PhysicalID: "t", Type: "AWS::SNS::Topic", Change: "MODIFIED"}}
		}, most: cost{passes: 130, writes: 9, calls: 100, events: 4}},
		"a drift check is ordered":                 {then: checkDrift, most: atRest},
		"a drift check is ordered, and never due":  {then: func(h *hour) { never(h); checkDrift(h) }, most: cost{passes: 10, writes: 1, calls: 10, events: 1}},
		"an ordered drift check gets no answer":    {then: func(h *hour) { checkDrift(h); h.aws.detectErr = refused("AccessDenied") }, most: atRest},
		"a drift check is ordered while suspended": {then: func(h *hour) { checkDrift(h); h.edit(func(s *spec) { s.Suspend = true }) }, most: atRest},
		"suspended, with an edit":                  {then: func(h *hour) { h.edit(func(s *spec) { s.Suspend, s.Path = true, "x" }) }, most: atRest},
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
		"a plan waits at every gate":    {spec: gated, first: true, then: (*hour).closeAllGates, most: cost{passes: 200, writes: 9, calls: 80, events: 6}},
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
		"a rollout goes on":                           {first: true, then: rollsOut(v1alpha1.RolloutInProgress, nil), most: cost{passes: 480, writes: 9, calls: 1800, events: 4}},
		"a rollout is paused":                         {first: true, then: paused, most: cost{passes: 140, writes: 9, calls: 480, events: 5}},
		"an answer to a pause is refused":             {first: true, then: answered, most: cost{passes: 140, writes: 40, calls: 480, events: 6}},
		"a rollout cannot be looked at":               {first: true, then: rollsOut("", refused("AccessDenied")), most: cost{passes: 480, writes: 9, calls: 1300, events: 5}},
		"a rollout is not shown for now":              {first: true, then: rollsOut("", passing("Throttled")), most: cost{passes: 480, writes: 9, calls: 1800, events: 4}},
		"a plan would move live traffic":              {first: true, then: touchesRule, most: cost{passes: 160, writes: 9, calls: 90, events: 4}},
		"a plan is frozen":                            {spec: freeze, first: true, then: func(h *hour) { h.frozen = true }, most: cost{passes: 140, writes: 9, calls: 80, events: 4}},
		"a plan is frozen, and what is said ticks":    {spec: freeze, first: true, then: func(h *hour) { h.frozen, h.ticking = true, true }, most: cost{passes: 140, writes: 20, calls: 80, events: 4}},
		"a plan is frozen, of a commit":               {spec: func(s *spec) { freeze(s); s.Source.Git.Ref = commit }, first: true, then: func(h *hour) { h.frozen = true }, most: cost{passes: 60, writes: 9, calls: 80, events: 4}},
		"a freeze gives no answer":                    {spec: freeze, first: true, then: func(h *hour) { h.freezeErr = errors.New("it hangs") }, most: cost{passes: 140, writes: 9, calls: 80, events: 4}},
		"a freeze cannot be asked":                    {spec: freeze, first: true, then: func(h *hour) { h.freezeErr = passing("SecretNotFound") }, most: cost{passes: 140, writes: 9, calls: 80, events: 4}},
		"a freeze is off and the window closed":       {spec: func(s *spec) { freeze(s); sundays(s) }, first: true, most: atRest},
		"a freeze gives no answer, which is let pass": {spec: func(s *spec) { freeze(s); s.Freeze[0].OnError = "Allow" }, first: true, then: func(h *hour) { h.freezeErr = errors.New("it hangs") }, most: checkedOnce},
		"at rest, with a freeze":                      {spec: freeze, most: checked},
		"the stack is busy": {first: true, then: func(h *hour) {
			h.aws.stack = decide.Stack{Exists: true, ID: arn, Name: "Web", Status: "UPDATE_IN_PROGRESS"}
		}, most: inAction},
		"an execution takes an hour": {first: true, then: func(h *hour) { h.aws.takes = 2 * time.Hour }, most: inAction},
		"an execution fails for good, and CloudTrail knows nothing": {first: true, spec: func(s *spec) { s.Retry = &v1alpha1.Retry{Limit: ptr.To[int32](0)} }, then: func(h *hour) {
			h.cfg.CauseSources, h.aws.final = allSources, "ROLLBACK_COMPLETE"
		}, most: cost{passes: 160, writes: 20, calls: 180, events: 12}},
		"an execution fails again and again, with causes": {first: true, then: func(h *hour) {
			h.cfg.CauseSources, h.aws.final = allSources, "UPDATE_ROLLBACK_COMPLETE"
			h.background.found = []v1alpha1.Cause{{Source: v1alpha1.CauseCloudTrail, Message: "refused"}}
		}, most: inAction},
		"an execution fails":                         {first: true, then: func(h *hour) { h.aws.final = "UPDATE_ROLLBACK_COMPLETE" }, most: inAction},
		"AWS does not answer during an execution":    {first: true, then: func(h *hour) { h.spend(70 * time.Second); h.aws.err = passing("AWSUnreachable") }, most: cost{passes: 300, writes: 30, calls: 600, events: 20}},
		"the credentials vanish during an execution": {first: true, then: func(h *hour) { h.spend(70 * time.Second); h.aws.credentials = passing("SecretNotFound") }, most: cost{passes: 300, writes: 10, calls: 600, events: 10}},
		"a verification fails": {spec: func(s *spec) { s.LifecycleHooks = &v1alpha1.LifecycleHooks{AfterDeploy: "a"} }, first: true, then: func(h *hour) {
			h.result = &decide.RunResult{Plan: plan(), Failure: nil}
			h.spend(50 * time.Second)
			h.result = failed("HookFailed")
		}, most: cost{passes: 400, writes: 90, calls: 200, events: 90}},
		"an update is monitored":              {then: func(h *hour) { h.update(monitored); h.aws.takes = 3 * time.Hour }, most: inAction},
		"an update is monitored and verified": {then: func(h *hour) { h.update(monitored, verified); h.aws.takes = 3 * time.Hour }, most: inAction},
		"an update is monitored, not healthy, and its cancellation does not end": {then: func(h *hour) {
			h.update(monitored, verified)
			h.aws.takes = 3 * time.Hour
			h.spend(50 * time.Second)
			h.result = failed("HookFailed")
		}, most: inAction},
		"an update was rolled back for an alarm": {then: func(h *hour) {
			h.update(monitored)
			h.aws.final, h.aws.cause = "UPDATE_ROLLBACK_COMPLETE", &decide.Failure{Reason: "alarm " + webErrors}
		}, most: cost{passes: 200, writes: 30, calls: 300, events: 20}},
		"the last good deployment was put back": {then: func(h *hour) {
			h.update(verified, lastGood)
			h.spend(90 * time.Second)
			h.result = failed("HookFailed")
			h.aws.changeSet.ExecutionStatus, h.aws.changeSet.Exists = "AVAILABLE", false
		}, most: cost{passes: 250, writes: 40, calls: 300, events: 30}},
		"the last good deployment cannot be put back": {then: func(h *hour) {
			h.update(verified, lastGood)
			h.spend(90 * time.Second)
			h.result, h.aws.writeErr = failed("HookFailed"), refused("RefusedByAWS")
			h.aws.changeSet.Exists = false
		}, most: cost{passes: 250, writes: 90, calls: 200, events: 40}},
		"an alarm holds a plan": {spec: monitored, first: true, then: func(h *hour) {
			h.aws.triggers.ByName = map[string]decide.Trigger{"web-errors": {ARN: webErrors, Firing: true}}
		}, most: cost{passes: 200, writes: 9, calls: 160, events: 4}},
		"the alarms cannot be looked at": {spec: monitored, first: true, then: func(h *hour) { h.aws.triggers = decide.Triggers{Err: passing("AWSUnreachable")} }, most: cost{passes: 200, writes: 9, calls: 600, events: 4}},
		"an alarm does not exist":        {spec: monitored, first: true, then: func(h *hour) { h.aws.triggers.ByName = nil }, most: cost{passes: 300, writes: 80, calls: 100, events: 60}},
		"a failure is kept":              {spec: func(s *spec) { s.Rollback = &v1alpha1.Rollback{OnFailure: v1alpha1.FailureNone} }, first: true, then: func(h *hour) { h.aws.final = "CREATE_FAILED" }, most: cost{passes: 200, writes: 20, calls: 200, events: 12}},
		"a dependency is not ready":      {spec: dependent, first: true, then: func(h *hour) { h.others = waitsFor("network", metav1.ConditionFalse) }, most: atRest},
		"a new commit waits for a dependency": {spec: dependent, then: func(h *hour) {
			h.head.Revision, h.result = other, touched
			h.edit(func(s *spec) { s.Actions = &v1alpha1.Actions{AutoRedeploy: ptr.To(true)} })
			h.others = waitsFor("network", metav1.ConditionUnknown)
		}, most: cost{passes: 120, writes: 16, calls: 80, events: 8}},
		"a plan waits for a dependency": {spec: dependent, first: true, then: func(h *hour) {
			h.spend(10 * time.Second)
			h.others = waitsFor("network", metav1.ConditionFalse)
		}, most: atRest},
		"a failure waits for a dependency": {spec: dependent, first: true, then: func(h *hour) {
			h.result = failed("SynthFailed")
			h.spend(25 * time.Second)
			h.others = waitsFor("network", metav1.ConditionFalse)
		}, most: atRest},
		"dependencies are a circle":        {spec: dependent, then: func(h *hour) { h.others.Cycle = []string{"web", "network", "web"} }, most: atRest},
		"dependencies cannot be seen":      {spec: dependent, first: true, then: func(h *hour) { h.others.Err = passing("Error") }, most: cost{passes: 200, writes: 10, calls: 20, events: 10}},
		"others depend on what is deleted": {then: func(h *hour) { deleted(h); h.others.Dependents = []decide.Dependent{{Name: "app", Stack: true}} }, most: cost{passes: 3, writes: 2, calls: 3, events: 2}},
		"at rest, with inputs":             {spec: reads, most: checked},
		"an input is missing":              {spec: reads, then: func(h *hour) { h.inputs = decide.Inputs{Seen: true, Missing: problem.Of(passing("SecretNotFound"))} }, most: cost{passes: 180, writes: 16, calls: 80, events: 4}},
		"checks that go on are healthy":    {spec: checkedEvery, then: never, most: cost{passes: 40}},
		"checks that go on find it unhealthy": {spec: checkedEvery, then: func(h *hour) {
			never(h)
			says(v1alpha1.CheckUnhealthy, "https://web.example answers 503")(h)
		}, most: cost{passes: 40, writes: 1, events: 1}},
		"checks that go on find something else wrong each time": {spec: checkedEvery, then: func(h *hour) {
			never(h)
			says(v1alpha1.CheckUnhealthy, "it answers ")(h)
			h.checks.flaps = true
		}, most: cost{passes: 40, writes: 1, events: 1}},
		"checks that go on cannot be asked":        {spec: checkedEvery, then: func(h *hour) { never(h); says(v1alpha1.CheckUnknown, "no right")(h) }, most: cost{passes: 40, writes: 1, events: 1}},
		"checks that go on, while it is suspended": {spec: checkedEvery, then: func(h *hour) { never(h); h.edit(func(s *spec) { s.Suspend = true }) }, most: cost{passes: 4, writes: 1, events: 1}},
		"a deployment is not healthy":              {spec: checkedEvery, first: true, then: says(v1alpha1.CheckUnhealthy, "it answers 503"), most: cost{passes: 240, writes: 60, calls: 160, events: 30}},
		"a deployment cannot be verified":          {spec: checkedEvery, first: true, then: says(v1alpha1.CheckUnknown, "no right"), most: cost{passes: 240, writes: 60, calls: 160, events: 30}},
		"a check has long to become healthy":       {spec: patient, first: true, then: says(v1alpha1.CheckUnhealthy, "it answers 503"), most: cost{passes: 240, writes: 16, calls: 160, events: 8}},
		"alarms have to be quiet for hours":        {spec: quietFor(3 * time.Hour), first: true, most: cost{passes: 360, writes: 16, calls: 160, events: 8}},
		"the first input is missing":               {spec: reads, first: true, then: func(h *hour) { h.inputs = decide.Inputs{Seen: true, Missing: problem.Of(passing("SecretNotFound"))} }, most: cost{passes: 200, writes: 6, calls: 60, events: 3}},
		"inputs cannot be read":                    {spec: reads, then: func(h *hour) { h.inputs = decide.Inputs{Err: passing("Error")} }, most: checked},
		"the first inputs cannot be read":          {spec: reads, first: true, then: func(h *hour) { h.inputs = decide.Inputs{Err: passing("Error")} }, most: cost{passes: 200, writes: 6, calls: 60, events: 3}},
		"a plan waits, with inputs":                {spec: func(s *spec) { reads(s); sundays(s) }, first: true, most: atRest},
		"an input changes after a failure, and the repository is away": {spec: reads, first: true, then: func(h *hour) {
			h.result = failed("SynthFailed")
			h.spend(30 * time.Second)
			h.headErr = passing("RepositoryUnreachable")
			h.spend(10 * time.Minute)
			h.inputs.Digest = "d2"
		}, most: cost{passes: 300, writes: 60, calls: 20, events: 60}},
		"an input changes while a plan waits, and the repository is away": {spec: func(s *spec) { reads(s); sundays(s) }, first: true, then: func(h *hour) {
			h.spend(time.Minute)
			h.headErr = passing("RepositoryUnreachable")
			h.spend(10 * time.Minute)
			h.inputs.Digest = "d2"
		}, most: cost{passes: 200, writes: 20, calls: 20, events: 10}},
		"an export is in use by an object": {then: func(h *hour) {
			h.edit(func(s *spec) { s.Path = "x" })
			h.aws.changeSet.Export = &decide.ExportFault{Name: "Vpc", InUseBy: []string{"App"}}
			h.aws.changeSet.Status = "FAILED"
			h.others.Importers = []decide.Neighbour{{Name: "app", Exists: true}}
		}, most: cost{passes: 120, writes: 16, calls: 90, events: 8}},
		"an export is in use by an object that is deployed all the time": {then: func(h *hour) {
			h.edit(func(s *spec) { s.Path = "x" })
			h.aws.changeSet.Export = &decide.ExportFault{Name: "Vpc", InUseBy: []string{"App"}}
			h.aws.changeSet.Status = "FAILED"
			h.others.Importers = []decide.Neighbour{{Name: "app", Exists: true, At: h.now.Add(48 * time.Hour)}}
		}, most: cost{passes: 200, writes: 80, calls: 120, events: 60}},
		"an export is in use by a stranger": {then: func(h *hour) {
			h.edit(func(s *spec) { s.Path = "x" })
			h.aws.changeSet.Export = &decide.ExportFault{Name: "Vpc", InUseBy: []string{"App"}}
			h.aws.changeSet.Status = "FAILED"
		}, most: cost{passes: 120, writes: 20, calls: 90, events: 8}},
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
		"@every 1m":              func(h *hour) { h.cfg.GitSync = every(h.TB, "@every 1m") },
		"* * * * *":              func(h *hour) { h.cfg.GitSync = every(h.TB, "* * * * *") },
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

const webErrors = "arn:aws:cloudwatch:us-east-1:111122223333:alarm:web-errors"

// update has a deployed stack updated after edits.
func (h *hour) update(edits ...func(*v1alpha1.CdkTsStackSpec)) {
	h.edit(func(s *v1alpha1.CdkTsStackSpec) {
		s.Path = "x"
		for _, edit := range edits {
			edit(s)
		}
	})
	h.aws.changeSet.Exists, h.aws.changeSet.ExecutionStatus = false, "AVAILABLE"
	h.aws.updating, h.aws.began, h.aws.final = true, time.Time{}, "UPDATE_COMPLETE"
}
