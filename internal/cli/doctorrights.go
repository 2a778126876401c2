package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
)

// use is what a person may want to do with this program, the right for it, and
// the role of every cluster that has it, with what config/rbac/aggregated.yaml adds.
type use struct {
	verbs                      string
	role                       string
	verb, group, resource, sub string
}

var uses = []use{
	{verbs: "list", role: "view", verb: "list", group: v1alpha1.GroupVersion.Group, resource: "cdktsstacks"},
	{verbs: "status, plan, why, history, drift, doctor NAME", role: "view", verb: "get", group: v1alpha1.GroupVersion.Group, resource: "cdktsstacks"},
	{verbs: "deploy, rollback, suspend, resume, approve, acknowledge, override", role: "edit", verb: "patch", group: v1alpha1.GroupVersion.Group, resource: "cdktsstacks"},
	{verbs: "apply what init writes", role: "edit", verb: "create", group: v1alpha1.GroupVersion.Group, resource: "cdktsstacks"},
	{verbs: "destroy", role: "edit", verb: "delete", group: v1alpha1.GroupVersion.Group, resource: "cdktsstacks"},
	{verbs: "approve and acknowledge, where the policy for that is bound", role: "admin", verb: "approve", group: v1alpha1.GroupVersion.Group, resource: "cdktsstacks"},
	{verbs: "override, where the policy for that is bound", role: "admin", verb: "override", group: v1alpha1.GroupVersion.Group, resource: "cdktsstacks"},
	{verbs: "events", role: "view", verb: "list", group: "events.k8s.io", resource: "events"},
	{verbs: "logs", role: "view", verb: "get", resource: "pods", sub: "log"},
	{verbs: "have doctor NAME look at Secrets", role: "edit", verb: "get", resource: "secrets"},
}

// ownRights asks what you may do in the namespace.
func (d *doctor) ownRights(ctx context.Context) []advice {
	var may []string
	lacking := map[string][]string{}
	for _, u := range uses {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: d.namespace, Verb: u.verb, Group: u.group, Resource: u.resource, Subresource: u.sub,
		}}}
		if err := d.c.Create(ctx, review); err != nil {
			return []advice{unsure("they are not known: "+err.Error(), "kubectl auth can-i --list -n "+shellWord(d.namespace))}
		}
		if review.Status.Allowed {
			may = append(may, u.verbs)
			continue
		}
		what := strings.TrimSuffix(u.resource+"/"+u.sub, "/")
		lacking[u.role] = append(lacking[u.role], fmt.Sprintf("%s (%s %s)", u.verbs, u.verb, what))
	}
	var all []advice
	if len(may) > 0 {
		all = append(all, fine("in %s you may: %s", d.namespace, strings.Join(may, "; ")))
	}
	for _, role := range []string{"view", "edit", "admin"} {
		if len(lacking[role]) > 0 {
			all = append(all, unsure(fmt.Sprintf("in %s you may not: %s; whoever may, types", d.namespace, strings.Join(lacking[role], "; ")),
				fmt.Sprintf("kubectl create rolebinding cdk-%s -n %s --clusterrole=%s --user=%s", role, shellWord(d.namespace), role, shellWord(d.whoAmI(ctx)))))
		}
	}
	return all
}

func (d *doctor) whoAmI(ctx context.Context) string {
	if name := whoAmI(ctx, d.c); name != nil && *name != "" {
		return *name
	}
	return "YOU"
}

// enforcing are the policies without which a right is only a word.
var enforcing = []string{"awscdk-operator-approvals", "awscdk-operator-status"}

// policies says whether who may approve is enforced.
func (d *doctor) policies(ctx context.Context) []advice {
	var policies admissionregistrationv1.ValidatingAdmissionPolicyList
	var bindings admissionregistrationv1.ValidatingAdmissionPolicyBindingList
	err := d.c.List(ctx, &policies)
	if err == nil {
		err = d.c.List(ctx, &bindings)
	}
	if err != nil {
		return []advice{unsure("whether the right to approve is enforced is not known: "+err.Error(), "kubectl get validatingadmissionpolicies,validatingadmissionpolicybindings")}
	}
	bound := func(policy string) bool {
		there := slices.ContainsFunc(policies.Items, func(p admissionregistrationv1.ValidatingAdmissionPolicy) bool { return p.Name == policy })
		return there && slices.ContainsFunc(bindings.Items, func(b admissionregistrationv1.ValidatingAdmissionPolicyBinding) bool {
			return b.Spec.PolicyName == policy && slices.Contains(b.Spec.ValidationActions, admissionregistrationv1.Deny)
		})
	}
	var open, others []string
	for _, policy := range enforcing {
		if !bound(policy) {
			open = append(open, policy)
		}
	}
	for _, p := range policies.Items {
		if strings.HasPrefix(p.Name, "awscdk-operator-") && bound(p.Name) && !slices.Contains(enforcing, p.Name) {
			others = append(others, strings.TrimPrefix(p.Name, "awscdk-operator-"))
		}
	}
	if len(open) > 0 {
		return []advice{unsure("whoever may change an object may approve its plans and open its windows: not bound is "+strings.Join(open, ", "),
			"kubectl apply -f config/policies/approvals.yaml   # then bind both, as config/policies/example/bindings.yaml does")}
	}
	return []advice{fine("approve and override are enforced%s", also(others))}
}

func also(others []string) string {
	if len(others) == 0 {
		return ""
	}
	return "; bound, too: " + strings.Join(others, ", ")
}
