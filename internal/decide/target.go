package decide

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Reasons why an operation is started.
const (
	ReasonFirstDeployment = "FirstDeployment"
	ReasonSpecChanged     = "SpecChanged"
	ReasonNewCommit       = "NewCommit"
	ReasonOrdered         = "Ordered"
	ReasonRetry           = "Retry"
	ReasonScheduled       = "Scheduled"
	ReasonDrifted         = "Drifted"
	ReasonDeleted         = "Deleted"
	// ReasonDeletedFirst: of several objects that depend on one another and are
	// all deleted, this one begins.
	ReasonDeletedFirst = "DeletedFirst"
	// ReasonRetained: the object is deleted and its stack is to stay; only the
	// hook that guards the object is asked.
	ReasonRetained = "Retained"
)

// SpecDigest is of the fields that change what is built or how it is
// deployed. An edit of any other field (suspend, retry, what may be done) does
// not deploy anything.
func SpecDigest(spec *v1alpha1.CdkTsStackSpec) string {
	before, after := hooksOf(spec, v1alpha1.OperationDeploy)
	git := spec.Source.Git
	return digest(identity{
		StackName: spec.StackName, Region: spec.AWSRegion, Credentials: spec.CredentialsSecretName,
		ServiceAccount: spec.ServiceAccountName, RoleARN: spec.RoleARN,
		Path: spec.Path, Repository: git.Repository, Ref: git.Ref, Semver: git.Semver, Verify: git.Verify,
		SourceRef: spec.Source.SourceRef, Context: spec.CDKContext,
		BeforeDeploy: before.Script, AfterDeploy: after.Script, Hooks: spec.Hooks, Build: spec.Build, FullHistory: git.FullHistory,
		ContextFrom:    inOrder(spec.ContextFrom, func(c v1alpha1.ContextFrom) string { return c.Key }),
		ParametersFrom: inOrder(spec.ParametersFrom, func(f v1alpha1.ParameterFrom) string { return f.Parameter }),
	})
}

// identity is what SpecDigest is of. What is not set is left out, so that a
// new version of the operator, which knows more fields, gives an old spec the
// digest that it had: an upgrade deploys nothing.
type identity struct {
	StackName      string                 `json:"stackName"`
	Region         string                 `json:"region"`
	Credentials    string                 `json:"credentials,omitempty"`
	ServiceAccount string                 `json:"serviceAccount,omitempty"`
	RoleARN        string                 `json:"roleARN,omitempty"`
	Path           string                 `json:"path"`
	Repository     string                 `json:"repository,omitempty"`
	Ref            string                 `json:"ref,omitempty"`
	Semver         string                 `json:"semver,omitempty"`
	Verify         *v1alpha1.Verify       `json:"verify,omitempty"`
	SourceRef      *v1alpha1.SourceRef    `json:"sourceRef,omitempty"`
	Context        []apiextensionsv1.JSON `json:"context,omitempty"`
	BeforeDeploy   string                 `json:"beforeDeploy,omitempty"`
	AfterDeploy    string                 `json:"afterDeploy,omitempty"`
	Hooks          *v1alpha1.Hooks        `json:"hooks,omitempty"`
	Build          *v1alpha1.Build        `json:"build,omitempty"`
	FullHistory    bool                   `json:"fullHistory,omitempty"`

	ContextFrom    []v1alpha1.ContextFrom   `json:"contextFrom,omitempty"`
	ParametersFrom []v1alpha1.ParameterFrom `json:"parametersFrom,omitempty"`
}

// newTarget is a target; inputs is "" for a spec that reads nothing from
// elsewhere, and then no part of its digest.
func newTarget(revision, specDigest, order, inputs string) *v1alpha1.Target {
	parts := []any{revision, specDigest, order}
	if inputs != "" {
		parts = append(parts, inputs)
	}
	return &v1alpha1.Target{
		Digest:     digest(parts...),
		Revision:   revision,
		SpecDigest: specDigest,
		Order:      order,
		Inputs:     inputs,
	}
}

// digest is of the JSON of parts: 16 hex digits, enough to tell the targets of
// one object apart.
func digest(parts ...any) string {
	data, err := json.Marshal(parts)
	if err != nil { // only raw JSON that the API server never stores
		data = fmt.Append(nil, parts...)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

// takeOrders notes edits of the spec and the two orders that users give: a new
// restartedAt annotation, and the phase set to "". It never speaks: an order
// changes the target, and the rules below do the rest.
func takeOrders(p *pass) bool {
	first := p.st.ObservedGeneration == 0 && p.st.Orders == nil
	if p.st.Orders == nil {
		p.st.Orders = &v1alpha1.OrdersStatus{}
	}
	o := p.st.Orders
	restartedAt := problem.Head(p.obj.Annotations[v1alpha1.RestartedAtAnnotation], 256)
	emergency := problem.Head(p.obj.Annotations[v1alpha1.EmergencyAnnotation], 256)
	switch {
	case first:
	case emergency == "true" && o.Emergency != "true" && p.st.Target != nil && !p.reached():
		p.order("emergency")
	case restartedAt != "" && restartedAt != o.RestartedAt:
		p.order("restartedAt")
		o.By = p.orderedBy()
	case p.st.Phase == v1alpha1.PhaseNone:
		p.order("phase")
	case p.edited() && p.failedForWant():
		p.order("edit")
	case p.st.Target != nil && p.st.Target.SpecDigest != SpecDigest(&p.obj.Spec) && p.edited():
		p.freshLook()
	}
	if src := p.st.Source; src != nil && src.IrrelevantRevision != "" && p.edited() {
		// What is followed may be what was edited.
		src.InspectedRevision, src.IrrelevantRevision = "", ""
	}
	o.RestartedAt, o.Emergency = restartedAt, emergency
	p.st.ObservedGeneration = p.obj.Generation
	return false
}

// failedForWant says whether the target failed for want of what an edit gives
// and what is no part of the target: time, memory, disk, a pod that can start.
func (p *pass) failedForWant() bool {
	if p.st.Target == nil || p.reached() || p.st.Operation != nil {
		return false
	}
	failed := failures(p.st, v1alpha1.OperationDeploy, p.st.Target.Digest)
	return len(failed) > 0 && problem.Named(failed[0].Reason).OfRoom
}

// order notes a user's order, named so that two orders are two targets.
func (p *pass) order(kind string) {
	p.st.Orders.EmergencyTarget, p.st.Orders.By = "", ""
	p.st.Orders.Current = fmt.Sprintf("%s-%d", kind, p.now.UnixMilli())
	p.freshLook()
}

// freshLook makes every look at the repository before now too old.
func (p *pass) freshLook() {
	at := metav1.NewMicroTime(p.now)
	p.st.Orders.At = &at
}

// wanted is the target that should be brought about now and why, when it is
// another than the present one. What is read from elsewhere changes without an
// order for a new commit, so it is deployed with the commit that was.
func (p *pass) wanted(revision, inputs string) (target *v1alpha1.Target, reason string) {
	spec, cur := SpecDigest(&p.obj.Spec), p.st.Target
	target = newTarget(revision, spec, p.st.Orders.Current, inputs)
	switch {
	case cur == nil:
		return target, ReasonFirstDeployment
	case cur.SpecDigest != spec:
		return target, ReasonSpecChanged
	case cur.Order != p.st.Orders.Current:
		return target, ReasonOrdered
	case cur.Revision != revision && p.followsHead() && p.relevant(revision) && !p.heldBack(revision):
		target.Automatic = p.st.Deployed != nil
		return target, ReasonNewCommit
	case cur.Inputs != inputs && !p.keptBack(cur):
		return newTarget(cur.Revision, spec, cur.Order, inputs), ReasonInputChanged
	}
	return nil, ""
}

// followsHead says whether new commits are deployed without being asked: when
// the user says so, and as long as the first deployment is still owed.
func (p *pass) followsHead() bool {
	return AutoRedeploy(&p.obj.Spec) || p.st.Deployed == nil
}

// MayDeploy says whether deployments are allowed.
func MayDeploy(s *v1alpha1.CdkTsStackSpec) bool {
	return s.Actions == nil || s.Actions.Deploy == nil || *s.Actions.Deploy
}

// MayDestroy says whether the stack may be deleted with its object.
func MayDestroy(s *v1alpha1.CdkTsStackSpec) bool {
	return s.Actions == nil || s.Actions.Destroy == nil || *s.Actions.Destroy
}

// MayCheckDrift says whether drift is looked for.
func MayCheckDrift(s *v1alpha1.CdkTsStackSpec) bool {
	return s.Actions == nil || s.Actions.DriftDetection == nil || *s.Actions.DriftDetection
}

// AutoRedeploy says whether new commits are deployed without being asked.
func AutoRedeploy(s *v1alpha1.CdkTsStackSpec) bool {
	return s.Actions != nil && s.Actions.AutoRedeploy != nil && *s.Actions.AutoRedeploy
}
