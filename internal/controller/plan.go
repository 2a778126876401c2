package controller

import (
	"context"
	"fmt"
	"sync"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/redact"
	"awscdk.dev/operator/internal/report"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// maxPlanDetails bounds the details of a plan in a ConfigMap, in bytes. One of
// more than 1 MiB is refused by the API server.
const maxPlanDetails = 900 << 10

// plans remembers which plan of an object was last kept, and the last message
// of a failure to do so.
type plans struct {
	mu   sync.Mutex
	kept map[types.NamespacedName]string
	told map[types.NamespacedName]string
}

// isKept says whether a plan is the one that was last kept.
func (p *plans) isKept(name types.NamespacedName, plan string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.kept[name] == plan
}

// note notes how it went, and says whether a failure is news.
func (p *plans) note(name types.NamespacedName, plan string, err error) (news bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept == nil {
		p.kept, p.told = map[types.NamespacedName]string{}, map[types.NamespacedName]string{}
	}
	p.kept[name] = plan
	if err == nil {
		delete(p.told, name)
		return false
	}
	news = p.told[name] != err.Error()
	p.told[name] = err.Error()
	return news
}

func (p *plans) forget(name types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.kept, name)
	delete(p.told, name)
}

// keepPlan writes the whole of a plan that was read in this pass into its
// ConfigMap, once for each plan, and before the status that names it is saved: a
// manager that is killed between the two writes the same again. People can do
// without it, so a failure holds nothing up.
func (p *pass) keepPlan(ctx context.Context, d decide.Decision, seen decide.Observed) {
	op, sum := p.obj.Status.Operation, d.Status.Changes
	planned := op != nil && op.Step == v1alpha1.StepPlanning && op.Plan != nil && seen.ChangeSet.Exists
	if !planned || sum == nil || sum.Operation != op.ID || sum.DetailsConfigMap == "" || !p.obj.DeletionTimestamp.IsZero() {
		return
	}
	name, plan := client.ObjectKeyFromObject(p.obj), sum.Operation+" "+sum.Digest+" "+sum.ProtectDigest
	if p.plans.isKept(name, plan) {
		return
	}
	text, err := planText(op, sum, seen.ChangeSet, p.obj.Spec.Protect)
	if err == nil {
		m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: p.obj.Namespace, Name: sum.DetailsConfigMap}}
		_, err = p.keep(ctx, p.obj, m, ofPlan, func() { m.Data, m.BinaryData = map[string]string{v1alpha1.PlanDetailsKey: text}, nil })
	}
	if p.plans.note(name, plan, err) {
		p.reporter().Send(p.obj, report.Event{Warning: true, Reason: "PlanNotKept", Action: "Plan", Note: err.Error()})
	}
}

// planText is the details of a plan as YAML, with as much as fits.
func planText(op *v1alpha1.Operation, sum *v1alpha1.Changes, cs decide.ChangeSet, protect []string) (string, error) {
	for most := maxPlanDetails; ; most /= 2 {
		data, err := yaml.Marshal(decide.Details(op, sum, cs, protect, most))
		if err != nil {
			return "", fmt.Errorf("write the plan: %w", err)
		}
		if len(data) <= maxPlanDetails {
			return redact.New().String(string(data)), nil
		}
	}
}
