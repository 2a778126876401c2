package config_test

import (
	"context"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// bindAlone binds a policy without parameters to the namespace, and waits until
// it refuses an attempt.
func (w *team) bindAlone(policy string, attempt func() error) {
	w.Helper()
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: w.namespace + "-" + policy},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: policy, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
			MatchResources: &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": w.namespace}}},
		},
	}
	w.must(admin.Create(w.Context(), binding))
	w.Cleanup(func() { _ = admin.Delete(context.Background(), binding) })
	for range 1200 {
		if err := attempt(); err != nil && strings.Contains(err.Error(), policy) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	w.Fatalf("%s refuses nothing", policy)
}

func annotations(pairs ...string) client.Patch {
	all := fields{}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = pairs[i+1]
	}
	return patch(fields{"metadata": fields{"annotations": all}})
}

func TestApprovals(t *testing.T) {
	w := newTeam(t, nil)
	grace := w.user("grace", "awscdk-operator-view", "awscdk-operator-edit", "awscdk-operator-admin")
	w.must(w.alice.Create(t.Context(), w.stack("web", fields{"approval": fields{"required": "Always"}, "windows": fields{"timeZone": "UTC"}})))
	try := func(c client.Client, p client.Patch) error { return c.Patch(t.Context(), w.stack("web", nil), p) }
	w.bindAlone("awscdk-operator-approvals", func() error {
		return w.alice.Patch(t.Context(), w.stack("web", nil), annotations("awscdk.dev/approve", "0123456789abcdef"), client.DryRunAll)
	})
	const noVerb = "the verb approve on cdktsstacks, and alice has not"
	w.verdict("an approval without the verb", try(w.alice, annotations("awscdk.dev/approve", "0123456789abcdef", "awscdk.dev/approved-by", "alice")), noVerb, "awscdk-operator-admin")
	w.verdict("one in another's name", try(w.alice, annotations("awscdk.dev/approve", "0123456789abcdef", "awscdk.dev/approved-by", "grace")), noVerb)
	w.verdict("an acknowledgement without the verb", try(w.alice, annotations("awscdk.dev/acknowledge", "0123456789abcdef Users")), noVerb)
	w.verdict("an abortion without the verb", try(w.alice, annotations("awscdk.dev/abort", "0123456789abcdef", "awscdk.dev/approved-by", "alice")), noVerb)
	w.verdict("pauses that nobody approves", try(w.alice, patch(fields{"spec": fields{"rollouts": fields{"approvePauses": false}}})), "spec.rollouts: only those who have the verb approve")
	w.verdict("an emergency without the verb", try(w.alice, annotations("emergency-deployment", "true", "emergency-reason", "x")), "the verb override on cdktsstacks, and alice has not")
	w.verdict("looser rules", try(w.alice, patch(fields{"spec": fields{"approval": nil, "limits": fields{"maxRemoved": 9}}})), "spec.approval, spec.limits: only those who have the verb approve")
	w.verdict("execution of what is only planned", try(w.alice, patch(fields{"spec": fields{"planOnly": true}})), "spec.planOnly: only those who have the verb approve")
	w.verdict("an order in another's name", try(w.alice, annotations("kubectl.kubernetes.io/restartedAt", "now", "awscdk.dev/ordered-by", "now grace")), "awscdk.dev/ordered-by must be who orders")
	w.verdict("an order in one's own name", try(w.alice, annotations("kubectl.kubernetes.io/restartedAt", "now", "awscdk.dev/ordered-by", "now alice")))
	w.verdict("other policies", try(w.alice, patch(fields{"spec": fields{"policies": []any{fields{"name": "baseline", "builtIn": "Baseline", "enforcement": "Warn"}}}})), "spec.policies: only those who have the verb approve")
	w.verdict("other windows", try(w.alice, patch(fields{"spec": fields{"windows": nil}})), "spec.windows: only those who have the verb override")
	w.verdict("a new object that brings its approval", w.alice.Create(t.Context(), func() client.Object {
		o := w.stack("new", nil)
		o.SetAnnotations(map[string]string{"awscdk.dev/approve": "0123456789abcdef"})
		return o
	}()), noVerb)

	w.verdict("what has nothing to do with it", try(w.alice, patch(fields{"metadata": fields{"annotations": fields{"a": "b", "kubectl.kubernetes.io/restartedAt": "now"}}, "spec": fields{"suspend": true}})))
	w.verdict("an approval in another's name", try(grace, annotations("awscdk.dev/approve", "0123456789abcdef", "awscdk.dev/approved-by", "alice")), "awscdk.dev/approved-by must be who approves: set it to grace")
	w.verdict("an approval in nobody's name", try(grace, annotations("awscdk.dev/approve", "0123456789abcdef")), "set it to grace")
	w.verdict("an abortion in nobody's name", try(grace, annotations("awscdk.dev/abort", "0123456789abcdef")), "set it to grace")
	w.verdict("an abortion", try(grace, annotations("awscdk.dev/abort", "0123456789abcdef", "awscdk.dev/approved-by", "grace")))
	w.verdict("an approval", try(grace, annotations("awscdk.dev/approve", "0123456789abcdef", "awscdk.dev/approved-by", "grace", "awscdk.dev/approve-reason", "CHG-1")))
	w.verdict("a label on what grace has approved", try(w.alice, patch(fields{"metadata": fields{"labels": fields{"a": "b"}}})))
	w.verdict("another plan under grace's name", try(w.alice, annotations("awscdk.dev/approve", "fedcba9876543210")), noVerb)
	w.verdict("an approval that is taken back", try(w.alice, patch(fields{"metadata": fields{"annotations": fields{"awscdk.dev/approve": nil}}})))
	w.verdict("an emergency", try(grace, annotations("emergency-deployment", "true", "emergency-reason", "x")))
	w.verdict("rules", try(grace, patch(fields{"spec": fields{"approval": nil, "windows": nil}})))
}

func TestStatus(t *testing.T) {
	w := newTeam(t, nil)
	w.must(w.alice.Create(t.Context(), w.stack("web", nil)))
	w.must(admin.Status().Patch(t.Context(), w.stack("web", nil), patch(fields{"status": fields{"phase": "Succeeded", "approval": fields{"digest": "d", "at": "2026-03-02T09:00:00Z", "expiresAt": "2026-03-02T09:00:00Z"}}})))
	try := func(c client.Client, status fields) error {
		return c.Status().Patch(t.Context(), w.stack("web", nil), patch(fields{"status": status}))
	}
	w.bindAlone("awscdk-operator-status", func() error {
		return w.alice.Status().Patch(t.Context(), w.stack("web", nil), patch(fields{"status": fields{"stackId": "arn"}}), client.DryRunAll)
	})
	const refused = "only the operator writes it"
	w.verdict("an order", try(w.alice, fields{"phase": "", "message": "again"}))
	w.verdict("an approval that lasts", try(w.alice, fields{"approval": fields{"expiresAt": "2099-01-01T00:00:00Z"}}), "status.approval: ", refused)
	w.verdict("no approval any more", try(w.alice, fields{"approval": nil}), "status.approval: ", refused)
	w.verdict("another stack", try(w.alice, fields{"phase": "", "stackId": "arn:aws:cloudformation:x"}), "status.stackId: ", refused)
	operator := w.user("operator", "awscdk-operator-view")
	w.grant("operator", "operator", rbacv1.PolicyRule{APIGroups: []string{"awscdk.dev"}, Resources: []string{"cdktsstacks/status"}, Verbs: []string{"patch"}})
	w.grant("operator", "owner", rbacv1.PolicyRule{APIGroups: []string{"awscdk.dev"}, Resources: []string{"cdktsstacks/finalizers"}, Verbs: []string{"update"}})
	w.verdict("the operator", try(operator, fields{"stackId": "arn:aws:cloudformation:x"}))
}
