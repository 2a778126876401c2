package decide

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// etcdLimit is what etcd takes as one object, and lastApplied what kubectl
// apply may add of it in an annotation.
const (
	etcdLimit   = 1536 << 10
	lastApplied = 256 << 10
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
	if size := jsonSize(st); size+maxSpec+lastApplied > etcdLimit {
		t.Errorf("a status of %d KiB, a spec of %d KiB and kubectl's copy of %d KiB are more than %d KiB", kib(size), kib(maxSpec), kib(lastApplied), kib(etcdLimit))
	}
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
