package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/cloudformation"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/policy"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// PolicyLabel with the value "true" makes a ConfigMap of the operator's own
// namespace a policy for all objects, where Options.PolicyNamespace asks for such.
const PolicyLabel = "awscdk.dev/plan-policy"

// Policies that hold for all objects are listed in the operator's own namespace,
// which may be one that is not watched.
//
// +kubebuilder:rbac:groups="",namespace=awscdk-operator-system,resources=configmaps,verbs=list

// policies reads and compiles the policies of all objects, each text once.
type policies struct {
	policy.Compiler
	mu   sync.Mutex
	kept map[types.NamespacedName]keptPolicy
}

// keptPolicy is what was read of a ConfigMap, or of those of the operator, which
// are kept under no name.
type keptPolicy struct {
	sources []policy.Source
	err     error
	read    time.Time
}

// maxKeptPolicies is how many are kept at most.
const maxKeptPolicies = 1024

// get gives what was read since a time, and otherwise reads it.
func (k *policies) get(ctx context.Context, name types.NamespacedName, notBefore, now time.Time, read func(context.Context) ([]policy.Source, error)) ([]policy.Source, error) {
	k.mu.Lock()
	kept, is := k.kept[name]
	k.mu.Unlock()
	if is && kept.read.After(notBefore) {
		return kept.sources, kept.err
	}
	sources, err := read(ctx)
	if ctx.Err() != nil {
		return sources, err // that is of this pass alone
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kept == nil || len(k.kept) >= maxKeptPolicies {
		k.kept = map[types.NamespacedName]keptPolicy{} // those in use are read again
	}
	k.kept[name] = keptPolicy{sources, err, now}
	return sources, err
}

// policySet are the policies that hold for the object, read not before a time.
func (p *pass) policySet(ctx context.Context, notBefore time.Time) (*policy.Set, decide.Policies) {
	seen := decide.Policies{Seen: true}
	sources, err := p.policySources(ctx, notBefore)
	if err != nil {
		seen.Err = err
		return nil, seen
	}
	set, err := p.policies.Compile(sources)
	if err != nil {
		seen.Err = decide.ErrPolicyInvalid.New("the policies cannot be read: %v. The plan is judged when that is corrected", err)
		return nil, seen
	}
	seen.Digest = set.Digest(p.obj)
	return set, seen
}

func (p *pass) policySources(ctx context.Context, notBefore time.Time) ([]policy.Source, error) {
	var all []policy.Source
	for _, named := range p.obj.Spec.Policies {
		of, err := p.policySource(ctx, named, notBefore)
		if err != nil {
			return nil, err
		}
		of.Warns = named.Enforcement == v1alpha1.EnforcementWarn
		all = append(all, of)
	}
	all = append(all, p.BuiltInPolicies...)
	if p.PolicyNamespace == "" {
		return all, nil
	}
	operators, err := p.policies.get(ctx, types.NamespacedName{}, notBefore, p.Now(), p.listPolicies)
	return append(all, operators...), err
}

// policySource is the text of one policy of the spec. A ConfigMap is read in the
// object's own namespace only.
func (p *pass) policySource(ctx context.Context, named v1alpha1.Policy, notBefore time.Time) (policy.Source, error) {
	if named.ConfigMapRef == nil {
		files, err := policy.BuiltIn(named.BuiltIn)
		if err != nil {
			return policy.Source{}, decide.ErrPolicyInvalid.New("spec.policies %s: %v", named.Name, err)
		}
		return policy.Source{Name: named.Name, Where: "the built-in policy " + named.BuiltIn, Files: files}, nil
	}
	name := types.NamespacedName{Namespace: p.obj.Namespace, Name: named.ConfigMapRef.Name}
	found, err := p.policies.get(ctx, name, notBefore, p.Now(), func(ctx context.Context) ([]policy.Source, error) {
		data, err := p.configMap(ctx, name.Name, "spec.policies "+named.Name)
		return []policy.Source{{Where: "ConfigMap " + name.String(), Files: data}}, policyProblem(err)
	})
	if err != nil {
		return policy.Source{}, err
	}
	of := found[0]
	of.Name = named.Name
	return of, nil
}

// ParseBuiltInPolicies reads which built-in policies hold for all objects: names,
// each with "=Warn" behind it if it is to tell only. One that this version does not
// know is an error.
func ParseBuiltInPolicies(names []string) ([]policy.Source, error) {
	var all []policy.Source
	for _, text := range names {
		name, enforcement, _ := strings.Cut(text, "=")
		switch v1alpha1.Enforcement(enforcement) {
		case "", v1alpha1.EnforcementDeny, v1alpha1.EnforcementWarn:
		default:
			return nil, fmt.Errorf("%q: the enforcement of a policy is Deny or Warn, as in %s=Warn", text, name)
		}
		files, err := policy.BuiltIn(name)
		if err != nil {
			return nil, err
		}
		all = append(all, policy.Source{
			Name: "operator/" + name, Where: "the built-in policy " + name, Files: files,
			Warns: enforcement == string(v1alpha1.EnforcementWarn),
		})
	}
	return all, nil
}

// policyProblem has a ConfigMap that is missing told as what it is missing for.
func policyProblem(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errConfigMapNotFound):
		return decide.ErrPolicyNotFound.New("%v, or take the policy out of the spec", err)
	}
	return decide.ErrPolicyUnreadable.New("%v", err)
}

// listPolicies reads the policies that hold for all objects.
func (r *Reconciler) listPolicies(ctx context.Context) ([]policy.Source, error) {
	var found corev1.ConfigMapList
	if err := r.Live.List(ctx, &found, client.InNamespace(r.PolicyNamespace), client.MatchingLabels{PolicyLabel: "true"}); err != nil {
		why := ""
		if apierrors.IsForbidden(err) {
			why = ": apply config/rbac, or start the operator without --plan-policies"
		}
		return nil, decide.ErrPolicyUnreadable.New("the policies in the operator's namespace %s cannot be listed: %v%s", r.PolicyNamespace, err, why)
	}
	slices.SortFunc(found.Items, func(a, b corev1.ConfigMap) int { return strings.Compare(a.Name, b.Name) })
	var all []policy.Source
	for _, c := range found.Items {
		all = append(all, policy.Source{Name: "operator/" + c.Name, Where: fmt.Sprintf("ConfigMap %s/%s", c.Namespace, c.Name), Files: c.Data})
	}
	return all, nil
}

// judge has the policies judge the plan that stands at the gates, unless the
// status has what they say of it.
func (p *pass) judge(ctx context.Context, aws *cloudformation.Client, needs decide.Needs, seen *decide.Observed) {
	if !needs.Policies || !decide.AtGates(p.obj, *seen) {
		return // a change set in the making has nothing to be judged yet
	}
	var set *policy.Set
	if set, seen.Policies = p.policySet(ctx, needs.PoliciesNotBefore); set == nil || !decide.ToJudge(p.obj, *seen) {
		return
	}
	op, cs := p.obj.Status.Operation, seen.ChangeSet
	of := op.ID
	if cs.Empty {
		of = "" // nothing changes: the template is that of the stack
	}
	template, err := aws.Template(ctx, cs.StackID, of)
	if err != nil {
		seen.Policies.TemplateErr = judged(err)
		return
	}
	findings, err := set.Evaluate(ctx, planOf(p.obj, *seen, template))
	switch {
	case ctx.Err() != nil:
		seen.Policies.TemplateErr = ctx.Err()
	case errors.Is(err, policy.ErrSlow):
		seen.Policies.Err = decide.ErrPolicySlow.New("%v: make the rules simpler, or the operator's machine is too busy", err)
	case err != nil:
		seen.Policies.TemplateErr = decide.ErrPolicyInvalid.New("%v", err)
	default:
		seen.Policies.Judged, seen.Policies.Findings = true, findings
	}
}

// planOf is the plan that stands at the gates, as policies see it.
func planOf(obj *v1alpha1.CdkTsStack, seen decide.Observed, template string) policy.Plan {
	op := obj.Status.Operation
	plan := policy.Plan{
		StackName: op.Plan.StackName, Account: op.Plan.Account, Region: op.Plan.Region, Revision: op.Target.Revision,
		Parameters: op.Plan.Parameters, Tags: op.Plan.Tags, TerminationProtection: op.Plan.TerminationProtection,
		Creates: seen.Stack.Unborn(), Unseen: seen.ChangeSet.Unseen, Template: []byte(template), Object: obj,
	}
	for _, c := range seen.ChangeSet.Changes {
		action, places := decide.Judged(c)
		plan.Changes = append(plan.Changes, policy.Change{
			LogicalID: c.LogicalID, Path: decide.ConstructPath(c, op.Plan), Type: c.Type, Action: action, Changed: places,
			Before: c.Before, After: c.After,
		})
	}
	return plan
}
