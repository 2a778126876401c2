package preflight

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
)

// HookIdentity names the ServiceAccount that hooks have in their namespace,
// the ClusterRole that says what they may do there, and the RoleBinding
// between the two. Whoever wants hooks to do more binds more to it.
const HookIdentity = "awscdk-operator-hooks"

// Only this one role is read. What the operator may do is asked with a right
// that every account has.
//
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=clusterroles,resourceNames=awscdk-operator-hooks,verbs=get

// hookRole checks the role of the hooks' identity. The binding to a role that
// does not exist is made without an error, and allows nothing.
func (p *Preflight) hookRole(ctx context.Context) ([]Missing, error) {
	if p.allBound(ctx) {
		return nil, nil
	}
	m := Missing{Need: "ClusterRole " + HookIdentity, concerns: hooked}
	var role rbacv1.ClusterRole
	err := p.o.Live.Get(ctx, types.NamespacedName{Name: HookIdentity}, &role)
	switch {
	case apierrors.IsNotFound(err):
		m.Message = "it does not exist, so kubectl can do nothing in hooks: kubectl apply -f config/operator/hooks.yaml"
	case apierrors.IsForbidden(err) && p.o.Ask == nil:
		m.Message = "the operator may not read it, so it is not known whether kubectl can do anything in hooks: kubectl apply -f config/rbac"
		m.concerns = nil
	case err != nil:
		return nil, fmt.Errorf("read the ClusterRole %s: %w", HookIdentity, err)
	case !slices.ContainsFunc(role.Rules, readsStacks):
		m.Message = "it does not allow a hook to read its own object (get of cdktsstacks), so that no annotation is seen in hooks: kubectl apply -f config/operator/hooks.yaml"
	default:
		return nil, nil
	}
	return []Missing{m}, nil
}

// bound says whether the hooks of a namespace have a binding of people's own, to
// another role than that which the operator binds: then what they may do is
// theirs to say, and the operator needs no right to it.
func (p *Preflight) bound(ctx context.Context, namespace string) bool {
	var binding rbacv1.RoleBinding
	err := p.o.Live.Get(ctx, types.NamespacedName{Namespace: namespace, Name: HookIdentity}, &binding)
	return err == nil && (binding.RoleRef.Kind != "ClusterRole" || binding.RoleRef.Name != HookIdentity)
}

// allBound says whether the operator watches some namespaces and the hooks of
// each have a binding of people's own.
func (p *Preflight) allBound(ctx context.Context) bool {
	return len(p.o.Namespaces) > 0 && !slices.ContainsFunc(p.o.Namespaces, func(n string) bool { return !p.bound(ctx, n) })
}

func readsStacks(r rbacv1.PolicyRule) bool {
	has := func(list []string, one string) bool { return slices.Contains(list, one) || slices.Contains(list, "*") }
	return has(r.APIGroups, v1alpha1.GroupVersion.Group) && has(r.Resources, "cdktsstacks") && has(r.Verbs, "get") && len(r.ResourceNames) == 0
}

// right is one that the operator needs.
type right struct {
	verb, group, resource, sub, name string
	purpose                          string
	concerns                         func(*v1alpha1.CdkTsStack) bool
}

const rbacGroup = rbacv1.GroupName

// rightsNeeded are those without which something stops. They are of
// config/rbac, which an upgrade may have left behind.
var rightsNeeded = []right{
	{verb: "list", group: v1alpha1.GroupVersion.Group, resource: "cdktsstacks", purpose: "nothing is looked after", concerns: everyone},
	{verb: "watch", group: v1alpha1.GroupVersion.Group, resource: "cdktsstacks", purpose: "nothing is looked after", concerns: everyone},
	{verb: "patch", group: v1alpha1.GroupVersion.Group, resource: "cdktsstacks", purpose: "no object can be taken up or let go", concerns: everyone},
	{verb: "patch", group: v1alpha1.GroupVersion.Group, resource: "cdktsstacks", sub: "status", purpose: "nothing can be done", concerns: everyone},
	{verb: "get", resource: "secrets", purpose: "no credentials can be read", concerns: everyone},
	{verb: "create", group: "events.k8s.io", resource: "events", purpose: "no events are sent", concerns: everyone},
	{verb: "get", resource: "configmaps", purpose: "outputs are not copied, and hooks and builds get no variables from ConfigMaps", concerns: usesConfigMaps},
	{verb: "create", resource: "configmaps", purpose: "outputs are not copied", concerns: copiesOutputs},
	{verb: "watch", resource: "configmaps", purpose: "copies of outputs are not put back when they are lost", concerns: copiesOutputs},
	{verb: "create", resource: "secrets", purpose: "outputs are not copied to Secrets", concerns: copiesOutputs},
	{verb: "create", resource: "serviceaccounts", purpose: "kubectl does not work in hooks", concerns: hooked},
	{verb: "create", resource: "serviceaccounts", sub: "token", name: HookIdentity, purpose: "kubectl does not work in hooks", concerns: hooked},
	{verb: "create", group: rbacGroup, resource: "rolebindings", purpose: "kubectl can do nothing in hooks", concerns: hooked},
	{verb: "get", group: rbacGroup, resource: "rolebindings", name: HookIdentity, purpose: "the access of hooks to the cluster is not put back when it is lost", concerns: hooked},
	{verb: "bind", group: rbacGroup, resource: "clusterroles", name: HookIdentity, purpose: "kubectl can do nothing in hooks", concerns: hooked},
}

// rightsForJobs are needed, too, where runs are Jobs.
var rightsForJobs = func() (all []right) {
	for _, verb := range []string{"list", "watch", "create", "patch", "delete"} {
		all = append(all, right{verb: verb, group: "batch", resource: "jobs", purpose: "no build and no hook can run", concerns: everyone})
	}
	for _, verb := range []string{"list", "watch"} {
		all = append(all, right{verb: verb, resource: "pods", purpose: "how builds and hooks end is not seen", concerns: everyone})
	}
	return append(all,
		right{verb: "create", resource: "secrets", purpose: "no build and no hook can be given its credentials", concerns: everyone},
		right{verb: "list", resource: "events", purpose: "why a pod does not start is not told", concerns: everyone},
	)
}()

func usesConfigMaps(obj *v1alpha1.CdkTsStack) bool {
	return copiesOutputs(obj) || obj.Spec.Hooks != nil || obj.Spec.Build != nil
}

func copiesOutputs(obj *v1alpha1.CdkTsStack) bool { return obj.Spec.Outputs != nil }

// rights asks the API server what the operator may do, in each namespace that
// it watches.
func (p *Preflight) rights(ctx context.Context) ([]Missing, error) {
	namespaces := p.o.Namespaces
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	needed := rightsNeeded
	if p.o.LookPath == nil { // runs have an image of their own
		needed = slices.Concat(rightsNeeded, rightsForJobs)
	}
	var missing []Missing
	for _, r := range needed {
		for _, namespace := range namespaces {
			allowed, err := p.may(ctx, r, namespace)
			if err != nil {
				return nil, err
			}
			if !allowed && !(r.binds() && p.bound(ctx, namespace)) {
				missing = append(missing, r.missing(namespace))
			}
		}
	}
	accounts, err := p.accounts(ctx)
	return append(missing, accounts...), err
}

func (p *Preflight) may(ctx context.Context, r right, namespace string) (bool, error) {
	what := authorizationv1.ResourceAttributes{
		Namespace: namespace, Verb: r.verb, Group: r.group, Resource: r.resource, Subresource: r.sub, Name: r.name,
	}
	if p.o.Ask != nil {
		return p.o.Ask(ctx, what)
	}
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &what}}
	if err := p.o.Client.Create(ctx, review); err != nil {
		return false, fmt.Errorf("ask whether %s is allowed: %w", r, err)
	}
	return review.Status.Allowed, nil
}

// binds says whether the right is for the binding of the hooks' identity.
func (r right) binds() bool {
	return r.group == rbacGroup && (r.resource == "clusterroles" || r.verb == "create")
}

func (r right) missing(namespace string) Missing {
	need, concerns := "right to "+r.String(), r.concerns
	if namespace != "" {
		need += " in " + namespace
		concerns = func(obj *v1alpha1.CdkTsStack) bool { return obj.Namespace == namespace && r.concerns(obj) }
	}
	fix := "kubectl apply -f config/rbac, and bind that role to the operator"
	if namespace != "" {
		fix += fmt.Sprintf("; where it is to have no ClusterRole, kubectl apply -n %s -f config/rbac/namespaced/watched", namespace)
	}
	return Missing{Need: need, concerns: concerns, Message: "the operator does not have it, so " + r.purpose + ": " + fix}
}

func (r right) String() string {
	what := r.verb + " " + r.resource
	if r.sub != "" {
		what += "/" + r.sub
	}
	return strings.TrimSpace(what + " " + r.name)
}
