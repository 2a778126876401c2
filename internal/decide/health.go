package decide

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// watched says whether the checks of an object are asked after its deployment:
// it has been deployed, verified or not, and nothing is being done about it.
func watched(obj *v1alpha1.CdkTsStack, st *v1alpha1.CdkTsStackStatus) bool {
	return obj.DeletionTimestamp.IsZero() && !obj.Spec.Suspend && st.LastDeploy != nil && (st.Operation == nil || background(st.Operation.Kind))
}

// dueAt is when a check was due last, and next when it is due again. Those of
// one object are due together, and those of others at other times.
func (c check) dueAt(obj *v1alpha1.CdkTsStack, now time.Time) (last, next time.Time) {
	every := interval{max(c.spec.Every.Duration, time.Second), string(obj.UID)}
	next = every.Next(now)
	return next.Add(-every.every), next
}

// neededAfterwards are the checks that are asked after the deployment.
func neededAfterwards(obj *v1alpha1.CdkTsStack, now time.Time) []NeededCheck {
	if len(obj.Spec.Verification) == 0 || !watched(obj, &obj.Status) {
		return nil
	}
	var needed []NeededCheck
	for _, c := range checksOf(&obj.Spec) {
		if c.spec.Every != nil {
			last, _ := c.dueAt(obj, now)
			needed = append(needed, NeededCheck{Name: c.name, NotBefore: last})
		}
	}
	return needed
}

// recordHealth takes up what checks say after the deployment, and tells how the
// stack is. While a deployment is asked for, what was said before it stands.
func recordHealth(p *pass) {
	p.watch()
	p.tidyChecks()
	if p.foreground() != nil {
		return
	}
	var sick, unknown []v1alpha1.CheckStatus
	healthy := 0
	for _, c := range checksOf(&p.obj.Spec) {
		switch st := checkStatus(p.st, c.name); {
		case st == nil:
		case st.Result == v1alpha1.CheckHealthy:
			healthy++
		case st.Result == v1alpha1.CheckUnhealthy:
			sick = append(sick, *st)
		default:
			unknown = append(unknown, *st)
		}
	}
	switch {
	case len(sick) > 0:
		p.setCondition(v1alpha1.ConditionHealthy, metav1.ConditionFalse, stateUnhealthy.Reason, sayChecks(sick))
	case len(unknown) > 0:
		p.setCondition(v1alpha1.ConditionHealthy, metav1.ConditionUnknown, stateHealthUnknown.Reason, sayChecks(unknown))
	case healthy == 1:
		p.setCondition(v1alpha1.ConditionHealthy, metav1.ConditionTrue, stateHealthy.Reason, "the check is healthy")
	case healthy > 0:
		p.setCondition(v1alpha1.ConditionHealthy, metav1.ConditionTrue, stateHealthy.Reason, fmt.Sprintf("all %d checks are healthy", healthy))
	default:
		meta.RemoveStatusCondition(&p.st.Conditions, v1alpha1.ConditionHealthy)
	}
}

// sayChecks says what is wrong with the first of some checks, and how many more
// there are.
func sayChecks(all []v1alpha1.CheckStatus) string {
	message := fmt.Sprintf("the check %s: %s", all[0].Name, all[0].Message)
	if more := len(all) - 1; more > 0 {
		message += fmt.Sprintf("; and %d more", more)
	}
	return problem.Cut(message, problem.MaxMessage)
}

// watch takes up the answers of checks that are asked after the deployment, and
// has the object looked at when they are due again.
func (p *pass) watch() {
	if len(p.obj.Spec.Verification) == 0 || !watched(p.obj, p.st) {
		return
	}
	for _, c := range checksOf(&p.obj.Spec) {
		if c.spec.Every == nil {
			continue
		}
		if seen := p.seen.Checks[c.name]; seen.Known && seen.Operation == "" && p.counts(c, seen) {
			p.noteCheck(c.name, operationOf(p.st, c.name), seen)
		}
		_, next := c.dueAt(p.obj, p.now)
		p.wakeAt(next)
	}
}

// counts says whether an answer changes what is said of a check. One that is
// healthy does at once; one that is not does when there were enough in a row, and
// what it says is only taken anew when that has lasted as long.
func (p *pass) counts(c check, seen Checkup) bool {
	enough := v1alpha1.DefaultFailureThreshold
	if c.spec.FailureThreshold != nil {
		enough = int(*c.spec.FailureThreshold)
	}
	was := checkStatus(p.st, c.name)
	switch {
	case seen.Result == v1alpha1.CheckHealthy:
		return true
	case was == nil || was.Result == v1alpha1.CheckHealthy:
		return seen.Failures >= enough
	}
	return seen.Same >= enough
}

// operationOf is the deployment that a check was last asked for.
func operationOf(st *v1alpha1.CdkTsStackStatus, name string) string {
	if c := checkStatus(st, name); c != nil {
		return c.Operation
	}
	return ""
}

// maxBaseline is how many deployments latencies are compared with.
const maxBaseline = 5

// rememberLatency makes what was measured for a deployment that ended well the
// baseline of those to come.
func (p *pass) rememberLatency(op *v1alpha1.Operation) {
	if p.st.Verification == nil {
		return
	}
	for i := range p.st.Verification.Checks {
		if c := &p.st.Verification.Checks[i]; c.Operation == op.ID && c.Latency != nil {
			c.Baseline = append([]v1alpha1.Latency{*c.Latency}, c.Baseline[:min(len(c.Baseline), maxBaseline-1)]...)
		}
	}
}

// tidyChecks puts what is kept of checks in their order, and drops that of checks
// which the spec has no more.
func (p *pass) tidyChecks() {
	v := p.st.Verification
	if v == nil {
		return
	}
	order := map[string]int{}
	for i, c := range checksOf(&p.obj.Spec) {
		order[c.name] = i + 1
	}
	if len(p.obj.Spec.Verification) == 0 {
		clear(order)
	}
	v.Checks = slices.DeleteFunc(v.Checks, func(c v1alpha1.CheckStatus) bool { return order[c.Name] == 0 })
	slices.SortStableFunc(v.Checks, func(a, b v1alpha1.CheckStatus) int { return order[a.Name] - order[b.Name] })
	if len(order) == 0 && (p.reached() || p.st.Target == nil) {
		p.st.Verification = nil
	}
}

// forgetChecks says that what the checks have found of a deployment that CloudFormation
// took back is nothing about what is in service now.
func (p *pass) forgetChecks(op *v1alpha1.Operation) {
	if p.st.Verification == nil {
		return
	}
	for i := range p.st.Verification.Checks {
		if c := &p.st.Verification.Checks[i]; c.Operation == op.ID {
			c.Result, c.Measured, c.Since = v1alpha1.CheckUnknown, "", p.metaNow()
			c.Message = "not asked since revision " + short(op.Target.Revision) + " was taken back"
		}
	}
}

// verificationEdited says whether spec.verification is another than that by which
// a deployment failed: then it is verified again at once.
func (p *pass) verificationEdited(last v1alpha1.HistoryEntry) bool {
	v := p.st.Verification
	return failedVerification(last) && v != nil && v.Digest != verificationDigest(&p.obj.Spec)
}

func verificationDigest(spec *v1alpha1.CdkTsStackSpec) string { return digest(spec.Verification) }
