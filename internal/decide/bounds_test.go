package decide

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// etcdLimit is what etcd takes as one object, and managed what the API server may
// add to it about who set what. What kubectl apply adds is a copy of the spec in an
// annotation: those take 256 KiB at most, so that a spec which has one takes no more
// itself.
const (
	etcdLimit = 1536 << 10
	managed   = 32 << 10
)

func TestAPlanThatDoesNotFitIsRefusedWithItsSize(t *testing.T) {
	plan := &v1alpha1.Plan{StackName: "Web", Parameters: map[string]string{}}
	for i := range 200 {
		plan.Parameters[fmt.Sprintf("Parameter%d", i)] = strings.Repeat("x", 3<<10)
	}
	err := FitPlan(plan)
	var p *problem.Problem
	if !errors.As(err, &p) || p.Reason != "PlanTooLarge" || p.Outlook != problem.Stalls {
		t.Fatalf("%v", err)
	}
	for _, part := range []string{"its parameters 6", "may take 64 KiB", "Systems Manager"} {
		if !strings.Contains(p.Message, part) {
			t.Errorf("%q does not say %q", p.Message, part)
		}
	}
	if err := FitPlan(&v1alpha1.Plan{StackName: "Web", Parameters: map[string]string{"Size": strings.Repeat("x", 4<<10)}}); err != nil {
		t.Errorf("an ordinary plan: %v", err)
	}
}

func TestOutputsThatDoNotFitAreCounted(t *testing.T) {
	all := map[string]string{"Url": "https://web", "Huge": strings.Repeat("x", maxOutputs), "Zone": "a"}
	kept, omitted := fitOutputs(all)
	if omitted != 1 || kept["Url"] == "" || kept["Zone"] == "" || len(kept) != 2 || len(all) != 3 {
		t.Errorf("%d omitted, %d kept of %d", omitted, len(kept), len(all))
	}
}

// The largest object whose parts hold their bounds can be saved.
func TestTheLargestStatusCanBeSaved(t *testing.T) {
	plan := v1alpha1.Plan{StackName: "Web", Parameters: map[string]string{}, ConstructPaths: map[string]string{"Bucket": strings.Repeat("p", 16<<10)}}
	for i := 0; ; i++ {
		next := plan
		next.Parameters = map[string]string{}
		for k, v := range plan.Parameters {
			next.Parameters[k] = v
		}
		next.Parameters[fmt.Sprintf("P%d", i)] = strings.Repeat("x", 4000)
		if FitPlan(&next) != nil {
			break
		}
		plan = next
	}
	for range 50 {
		plan.Inputs = append(plan.Inputs, strings.Repeat("d", 256))
	}
	finding := v1alpha1.Finding{Plugin: strings.Repeat("n", 64), Rule: strings.Repeat("n", 64), Severity: strings.Repeat("n", 64), Message: strings.Repeat("m", 200), Path: strings.Repeat("p", 200), Reason: strings.Repeat("r", 200)}
	plan.Validation = &v1alpha1.Validation{Findings: slices.Repeat([]v1alpha1.Finding{finding}, 30)} // as package cdk bounds them
	message := strings.Repeat("m", problem.MaxMessage)
	st := v1alpha1.CdkTsStackStatus{
		Plan: &plan, Deployed: &v1alpha1.Deployment{Plan: plan}, Operation: &v1alpha1.Operation{Plan: &plan},
		Message: message, LastDeployment: &v1alpha1.HistoryEntry{Message: message}, Source: &v1alpha1.SourceStatus{Error: message, InspectError: message},
	}
	for range maxHistory {
		st.History = append(st.History, v1alpha1.HistoryEntry{
			Message: message, Ref: strings.Repeat("r", maxTag), Author: strings.Repeat("a", maxAuthor), ApproveReason: strings.Repeat("w", maxReason),
			ApprovedBy: strings.Repeat("a", maxApprover), OrderedBy: strings.Repeat("a", maxApprover), Override: strings.Repeat("o", maxOverride), Counts: &v1alpha1.ChangeCounts{Add: 1},
		})
	}
	for range 8 {
		st.Hooks = append(st.Hooks, v1alpha1.HookStatus{Message: message})
	}
	outputs := map[string]string{}
	for i := range 200 {
		outputs[fmt.Sprintf("Output%d", i)] = strings.Repeat("x", 4<<10)
	}
	st.Outputs, st.OutputsOmitted = fitOutputs(outputs)
	var drifted []v1alpha1.DriftedResource
	for i := range 50 {
		r := v1alpha1.DriftedResource{LogicalID: fmt.Sprint(i)}
		for range 20 {
			r.Properties = append(r.Properties, v1alpha1.DriftedProperty{Path: "/A", Expected: strings.Repeat("🚀", 256), Actual: strings.Repeat("🚀", 256)})
		}
		drifted = append(drifted, r)
	}
	resources, omitted := fitDrift(drifted)
	if len(resources)+omitted != 50 || len(resources) == 0 {
		t.Errorf("%d drifted resources, %d omitted", len(resources), omitted)
	}
	st.Changes = &v1alpha1.Changes{Resources: fitChanges(huge()), Validation: fitValidation(plan.Validation)}
	st.Drift = &v1alpha1.DriftStatus{Resources: resources, Omitted: int32(omitted)}
	whatIsVerifiedAndTakenBack(&st, message)
	if size := jsonSize(st); size+maxSpec+managed > etcdLimit {
		t.Errorf("a status of %d KiB and a spec of %d KiB are more than %d KiB", kib(size), kib(maxSpec), kib(etcdLimit-managed))
	}
}

// whatIsVerifiedAndTakenBack fills a status with the largest of what verification,
// rollback, rollouts and drift leave in it.
func whatIsVerifiedAndTakenBack(st *v1alpha1.CdkTsStackStatus, message string) {
	text := func(n int) string { return strings.Repeat("x", n) }
	// The longest that AWS takes.
	name, arn, stack := text(255), text(300), text(240)
	note := text(maxNote)
	conf := &v1alpha1.RollbackConfiguration{Triggers: slices.Repeat([]v1alpha1.RollbackTrigger{{ARN: text(320)}}, 5)}
	stuck := slices.Repeat([]string{name}, maxStuck)
	st.Operation.Rollback, st.RollbackConfiguration = conf, conf
	st.Operation.Monitoring = &v1alpha1.Monitoring{Message: message, CancelDenied: note, AlarmsUnseen: note, LastGoodGone: note}
	// A plan waits while another operation is in flight, which has the plan of what
	// is deployed.
	st.Held = st.Operation.DeepCopy()
	st.Held.Monitoring.Message, st.Held.Monitoring.CancelDenied = "", ""
	for _, plan := range []*v1alpha1.Plan{st.Operation.Plan, st.Plan, &st.Deployed.Plan} {
		plan.ConstructPaths, plan.Validation = nil, nil
	}
	st.Operation.Skip, st.Stuck = stuck[:maxSkip/256], &v1alpha1.StuckRollback{Resources: stuck, Refused: note}
	st.Rollback = &v1alpha1.RollbackStatus{Message: message, Verification: message, Alarm: text(320)}
	st.Causes = &v1alpha1.CausesStatus{Summary: text(maxSummary), StackID: stack, ChangeSetID: stack}
	check := v1alpha1.CheckStatus{Name: text(63), Message: text(maxCheckMessage), Measured: text(maxMeasured), Latency: &v1alpha1.Latency{}, Baseline: make([]v1alpha1.Latency, maxBaseline)}
	st.Verification = &v1alpha1.VerificationStatus{Checks: slices.Repeat([]v1alpha1.CheckStatus{check}, 17)}
	var many []string
	for i := range maxRolloutAlarms {
		many = append(many, fmt.Sprint(i)+text(254))
	}
	alarms := few(many)
	st.Rollouts = slices.Repeat([]v1alpha1.RolloutStatus{{
		Service: name, Name: arn, Deployment: arn, Strategy: name, Stage: text(64), Alarms: alarms, Firing: alarms, Reason: text(maxRolloutReason),
		Pause: &v1alpha1.RolloutPause{HookID: arn, By: text(maxApprover)},
		Order: &v1alpha1.RolloutOrder{By: text(maxApprover), Reason: text(maxReason), Error: text(maxRolloutReason)},
	}}, maxRollouts)
	weights := slices.Repeat([]v1alpha1.TrafficWeight{{TargetGroup: text(maxGroup)}}, maxTraffic)
	st.Changes.Traffic = &v1alpha1.TrafficStatus{
		Unseen: text(maxRolloutReason), Rollouts: slices.Repeat([]v1alpha1.TrafficRollout{{LogicalID: name, ARN: arn}}, maxTraffic),
		Shifts: slices.Repeat([]v1alpha1.TrafficShift{{LogicalID: name, ARN: arn, Live: weights, Planned: weights, Deployed: weights}}, maxTraffic),
	}
	d := st.Drift
	d.Error, d.Remediation = message, &v1alpha1.DriftRemediation{Message: message}
	d.Unchecked = fitBeside(slices.Repeat([]v1alpha1.UncheckedResource{{LogicalID: name, Type: text(100), Reason: text(1 << 10)}}, 50))
	d.Unmatched = slices.Repeat([]string{text(maxRuleText)}, 50)
	d.Ignored = &v1alpha1.IgnoredDrift{Differences: fitBeside(slices.Repeat([]v1alpha1.IgnoredDifference{{LogicalID: name, Type: text(100), Path: text(512)}}, maxIgnored))}
	for i := range d.Resources {
		d.Resources[i].ChangedBy = &v1alpha1.ResourceWriter{Principal: text(maxPrincipal), Event: text(maxPrincipal)}
	}
	for _, g := range gates {
		st.Gates = append(st.Gates, v1alpha1.GateStatus{Name: g.name, Message: message})
	}
	for range 8 {
		st.Conditions = append(st.Conditions, metav1.Condition{Message: message})
	}
	st.DiscardedChangeSets = slices.Repeat([]v1alpha1.DiscardedChangeSet{{Name: text(63), Stack: stack}}, maxDiscarded)
}

func TestASpecThatLeavesNoRoomForItsStatusIsRefused(t *testing.T) {
	s := newStory(t)
	s.create(t, "stackName: Web\nsource: {git: {repository: \"https://git.example/web.git\"}}")
	long := strings.Repeat("x", 100<<10)
	s.obj.Spec.LifecycleHooks = &v1alpha1.LifecycleHooks{BeforeDeploy: long, AfterDeploy: long, BeforeDestroy: long, AfterDestroy: long, BeforeGitSync: long, AfterGitSync: long}
	d := Decide(s.obj, Observed{}, s.now, s.cfg)
	if got := d.Status.Message; d.Status.Phase != v1alpha1.PhaseFailed || !strings.Contains(got, "the spec takes 601 KiB and may take 512 KiB") {
		t.Errorf("phase %s, message %q", d.Status.Phase, got)
	}
}

// What others decide the size of is bounded, and what is left out is counted.
func TestFindingsOfPoliciesAreBounded(t *testing.T) {
	long := strings.Repeat("🚀", 4<<10)
	p := &pass{obj: &v1alpha1.CdkTsStack{}, st: &v1alpha1.CdkTsStackStatus{Changes: &v1alpha1.Changes{}}}
	p.seen.Policies = Policies{Seen: true, Digest: "p1", Judged: true}
	for i := range 1000 {
		f := v1alpha1.PolicyFinding{Policy: "team", Rule: "r", Enforcement: v1alpha1.EnforcementDeny, LogicalID: long, Type: long, Path: long, Message: long}
		if i >= 900 {
			f.Enforcement = v1alpha1.EnforcementWarn
		}
		p.seen.Policies.Findings = append(p.seen.Policies.Findings, f)
	}
	r := p.policyResults(&v1alpha1.Operation{}, nil)
	if size := jsonSize(r); size > 64<<10 || len(r.Findings) != maxPolicyFindings || r.Denied != 900 || r.Warned != 100 || r.Omitted != 980 {
		t.Errorf("%d bytes, %d findings, %d denied, %d warned, %d omitted", size, len(r.Findings), r.Denied, r.Warned, r.Omitted)
	}
	if text := denied(r); !strings.Contains(text, "and 897 more: see status.changes.policies") {
		t.Errorf("the message is %s", text)
	}
}
