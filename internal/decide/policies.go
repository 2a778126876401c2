package decide

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// Policies is what the policies that hold for an object say.
type Policies struct {
	// Seen is true when they were looked at, with or without Err.
	Seen bool
	// Digest is of the policies and of what they can read of the object, "" when
	// there are none.
	Digest string
	// Judged is true when Findings are of the plan that stands at the gates. It is
	// false when the status has those of the same plan and digest already.
	Judged   bool
	Findings []v1alpha1.PolicyFinding
	// Err is why they cannot be applied.
	Err error
	// TemplateErr is why the template that they look at cannot be read.
	TemplateErr error
}

// policyLook is how often the policies are looked at while one of them holds a
// plan, or cannot be applied. A watch would see an edit sooner. It would hold the
// metadata of all ConfigMaps of the cluster, or take a label on each policy that
// is forgotten without a word; a look costs one read a minute of each ConfigMap,
// whatever the number of objects that name it.
const policyLook = time.Minute

// The bounds of what is kept of findings.
const (
	maxPolicyFindings = 20
	maxFindingMessage = 512
	// namedFindings is how many of them a message names.
	namedFindings = 3
)

// needPolicies says whether the policies are looked at: when a plan stands at the gates
// or waits, and before there is a plan, so that a mistake is told at once. A
// look older than the time does not count.
func needPolicies(obj *v1alpha1.CdkTsStack, now time.Time, cfg Settings) (need bool, notBefore time.Time) {
	if !policed(&obj.Spec, cfg) || !obj.DeletionTimestamp.IsZero() {
		return false, now
	}
	st := &obj.Status
	switch op := st.Operation; {
	case op != nil:
		return op.Step == v1alpha1.StepPlanning && op.Kind == v1alpha1.OperationDeploy, now
	case st.ObservedGeneration != obj.Generation:
		return true, now
	}
	return st.Held != nil || !reached(st) || policyTrouble(st) != "", now.Add(-policyLook)
}

// policed says whether there may be policies for an object.
func policed(spec *v1alpha1.CdkTsStackSpec, cfg Settings) bool {
	return len(spec.Policies) > 0 || cfg.PoliciesForAll
}

// policyTrouble is the message of an object that waits for policies which cannot
// be applied, before there is a plan.
func policyTrouble(st *v1alpha1.CdkTsStackStatus) string {
	c := meta.FindStatusCondition(st.Conditions, v1alpha1.ConditionReady)
	if c == nil || !isOneOf(c.Reason, policyTroubles) {
		return ""
	}
	return c.Message
}

// tellPolicies says at once when the policies cannot be applied. Nothing is begun
// that they would hold; the rest goes on.
func tellPolicies(p *pass) bool {
	if p.st.Operation != nil || p.st.Held != nil || !policed(&p.obj.Spec, p.cfg) {
		return false
	}
	said := policyTrouble(&p.obj.Status)
	switch err := p.seen.Policies.Err; {
	case err != nil:
		pr := problem.Of(err)
		p.say(waiting, problem.Named(pr.Reason), pr.Message)
	case !p.seen.Policies.Seen && said != "":
		// An operation ended in this pass, which did not look at them.
		c := meta.FindStatusCondition(p.obj.Status.Conditions, v1alpha1.ConditionReady)
		p.say(waiting, problem.Named(c.Reason), said)
	default:
		return false
	}
	p.lawless = true
	p.wakeAt(p.now.Add(policyLook))
	return false
}

// Judged is what becomes of a resource, in one word, and which places of it change.
func Judged(c Change) (action v1alpha1.ChangeAction, places []string) {
	places, _ = c.places()
	return actionOf(c), places
}

// AtGates says whether the gates are going to be asked about a plan: its change
// set can be executed, or is empty and still means something.
func AtGates(obj *v1alpha1.CdkTsStack, seen Observed) bool {
	op, cs := obj.Status.Operation, seen.ChangeSet
	switch {
	case op == nil || op.Step != v1alpha1.StepPlanning || op.Plan == nil || !seen.Stack.Seen || !cs.Exists:
		return false
	case cs.Status == changeSetFailed:
		return cs.Empty && gatesEmpty(obj, op, seen.Stack)
	}
	return cs.Status == changeSetComplete && cs.ExecutionStatus == executionAvailable
}

// ToJudge says whether the policies have to be asked about the plan that stands at
// the gates. They are not when there are none, or when the status has what they
// say of it.
func ToJudge(obj *v1alpha1.CdkTsStack, seen Observed) bool {
	op, by := obj.Status.Operation, seen.Policies.Digest
	return by != "" && AtGates(obj, seen) && known(obj.Status.Changes, op, planDigest(op.Plan, seen.ChangeSet.Changes, seen.Stack), by) == nil
}

// known is what the policies of a digest were found to say of a plan.
func known(c *v1alpha1.Changes, op *v1alpha1.Operation, digest, policies string) *v1alpha1.PolicyResults {
	if c == nil || c.Operation != op.ID || c.Digest != digest || c.Policies == nil || c.Policies.Digest != policies {
		return nil
	}
	return c.Policies
}

// policyResults are what the policies say of the plan in status.changes, nil when
// there are none or they could not be applied. Was is what the status had of an
// earlier look at it.
func (p *pass) policyResults(op *v1alpha1.Operation, was *v1alpha1.Changes) *v1alpha1.PolicyResults {
	s := p.seen.Policies
	if !s.Judged {
		return known(was, op, p.st.Changes.Digest, s.Digest)
	}
	r := &v1alpha1.PolicyResults{Digest: s.Digest}
	for _, f := range s.Findings {
		if f.Enforcement == v1alpha1.EnforcementWarn {
			r.Warned++
		} else {
			r.Denied++
		}
		if len(r.Findings) < maxPolicyFindings {
			f.LogicalID, f.Type, f.Path = problem.CutMiddle(f.LogicalID, maxChangedName), problem.CutMiddle(f.Type, maxChangedName), problem.CutMiddle(f.Path, maxChangedName)
			f.Message = problem.Cut(f.Message, maxFindingMessage)
			r.Findings = append(r.Findings, f)
		}
	}
	r.Omitted = int32(len(s.Findings) - len(r.Findings))
	return r
}

// policiesMoved says whether a plan that waits is to be judged anew, since the
// policies are others than those that it was judged by.
func (p *pass) policiesMoved(c *v1alpha1.Changes) bool {
	s, by := p.seen.Policies, ""
	if c.Policies != nil {
		by = c.Policies.Digest
	}
	if !policed(&p.obj.Spec, p.cfg) {
		return by != ""
	}
	return s.Seen && s.Err == nil && s.Digest != by
}

// lawful holds a plan that breaks a rule of a policy, or that cannot be judged.
// An emergency does not open it.
func lawful(p *pass, op *v1alpha1.Operation) *hold {
	c, s := p.changesOf(op), p.seen.Policies
	if c == nil || !policed(&p.obj.Spec, p.cfg) {
		return nil
	}
	switch {
	case s.Err != nil:
		pr := problem.Of(s.Err)
		return &hold{reason: problem.Named(pr.Reason), message: pr.Message, after: policyLook, parks: true}
	case c.Policies == nil && s.Digest != "":
		return &hold{after: p.poll(op.StepStartedAt)} // it is judged when it is looked at next
	case c.Policies == nil || c.Policies.Denied == 0:
		return nil
	}
	return &hold{reason: statePolicyDenied, message: denied(c.Policies), after: policyLook, parks: true}
}

// denied names the rules that hold a plan, and what breaks them.
func denied(r *v1alpha1.PolicyResults) string {
	var words []string
	for _, f := range r.Findings[:min(len(r.Findings), namedFindings, int(r.Denied))] {
		at := ""
		if f.LogicalID != "" {
			at = fmt.Sprintf(" at %s (%s)", f.LogicalID, strings.Join(slices.DeleteFunc([]string{f.Type, f.Path}, func(s string) bool { return s == "" }), ", "))
		}
		words = append(words, fmt.Sprintf("it breaks rule %s of policy %s%s: %s", f.Rule, f.Policy, at, f.Message))
	}
	if more := int(r.Denied) - len(words); more > 0 {
		words = append(words, fmt.Sprintf("and %d more: see status.changes.policies", more))
	}
	return strings.Join(words, "; ") + " (change the app, or the policy)"
}
