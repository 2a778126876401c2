package decide

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
)

// clockSkew is by how much our clock and AWS's may differ.
const clockSkew = 5 * time.Minute

// claim notes what the object has to do with a stack.
func (p *pass) claim(stackID string, c v1alpha1.StackClaim) {
	p.st.StackID, p.st.StackClaim = stackID, c
}

// Claim says what an object has to do with the stack of its status, "" when it
// has none. A status of an earlier version does not say: then the stack counts
// as deployed if something tells of an execution, and otherwise as only made.
func Claim(st *v1alpha1.CdkTsStackStatus) v1alpha1.StackClaim {
	switch {
	case st.StackClaim != "" || st.StackID == "":
		return st.StackClaim
	case lastExecution(st).IsZero():
		return v1alpha1.ClaimMade
	}
	return v1alpha1.ClaimDeployed
}

// lastExecution is the last time of which a status tells that something of the
// object was deployed, well or not; zero for never.
func lastExecution(st *v1alpha1.CdkTsStackStatus) time.Time {
	var last time.Time
	if st.Deployed != nil {
		last = st.Deployed.At.Time
	}
	if st.LastDeploy != nil && st.LastDeploy.Time.After(last) {
		last = st.LastDeploy.Time.Time
	}
	for _, e := range st.History {
		if e.Kind == v1alpha1.OperationDeploy && executed(e) && e.EndedAt.After(last) {
			last = e.EndedAt.Time
		}
	}
	return last
}

// executed says whether a deployment that ended had begun to be executed.
func executed(e v1alpha1.HistoryEntry) bool {
	switch e.Reason {
	case errDeploymentFailed.Reason, errExportInUse.Reason, errTakenOver.Reason:
		return true
	}
	return failedVerification(e) || e.Outcome == v1alpha1.OutcomeSucceeded || e.Outcome == v1alpha1.OutcomeUnchanged
}

// claimOn is Claim with the stack in sight: one that was created after the last
// execution that the status tells of is another than the one that was deployed.
func (p *pass) claimOn(stack Stack) v1alpha1.StackClaim {
	c := Claim(p.st)
	if p.st.StackClaim == "" && c == v1alpha1.ClaimDeployed && stack.CreatedAt.After(lastExecution(p.st).Add(clockSkew)) {
		return v1alpha1.ClaimMade
	}
	return c
}

// strangersByName says whether a stack that was found by its name only, as one of
// the earlier operator, was created after that had deployed last: then it is
// somebody else's of the same name.
func strangersByName(st *v1alpha1.CdkTsStackStatus, stack Stack) bool {
	return st.StackID == "" && st.LastDeploy != nil && !st.LastDeploy.IsZero() &&
		stack.CreatedAt.After(st.LastDeploy.Add(clockSkew))
}

// notOurs says why a stack that is there is not to be deleted with the object,
// "" when it is.
func (p *pass) notOurs(stack Stack) string {
	switch rival := p.seen.Rival.Name; {
	case rival != "":
		return fmt.Sprintf("the CdkTsStack %s deploys it", rival)
	case strangersByName(p.st, stack):
		return fmt.Sprintf("it was created at %s, after the last deployment of this object", stack.CreatedAt.UTC().Format(time.RFC3339))
	case stack.Status == statusReview || stack.Status == statusDeleting:
	case p.claimOn(stack) == v1alpha1.ClaimMade:
		return fmt.Sprintf("it was empty when a change set of this object made it, none was executed, and somebody else has deployed into it since (%s)", stack.Status)
	}
	return ""
}

// OwnChangeSet says whether a change set of that name is of a deployment of
// the object.
func OwnChangeSet(obj *v1alpha1.CdkTsStack, name string) bool {
	return strings.HasPrefix(name, "cdk-") && strings.HasSuffix(name, "-"+identityOf(obj))
}

// Place is where a stack is or will be. Of all stacks in one place at most one
// is not deleted.
type Place struct{ Account, Region, StackName string }

// PlaceOf is the place of the stack with that ARN; ok is false for what is no
// ARN of a stack.
func PlaceOf(arn string) (place Place, ok bool) {
	// arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/UUID
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 {
		return Place{}, false
	}
	path := strings.Split(parts[5], "/")
	if len(path) != 3 || path[0] != "stack" {
		return Place{}, false
	}
	return Place{Account: parts[4], Region: parts[3], StackName: path[1]}, true
}

// String tells places apart.
func (p Place) String() string { return p.Account + "/" + p.Region + "/" + p.StackName }

// planned is the place that a plan deploys to; ok is false when the plan does
// not say it all.
func planned(plan *v1alpha1.Plan) (place Place, ok bool) {
	if plan == nil || plan.Account == "" || plan.Region == "" {
		return Place{}, false
	}
	return Place{plan.Account, plan.Region, plan.StackName}, true
}

// Places are those of the stacks that an object deployed, made, is deploying or
// has a plan for that waits.
func Places(obj *v1alpha1.CdkTsStack) []Place {
	var all []Place
	add := func(place Place, ok bool) {
		if ok && !slices.Contains(all, place) {
			all = append(all, place)
		}
	}
	if Claim(&obj.Status) != v1alpha1.ClaimReleased {
		add(PlaceOf(obj.Status.StackID))
	}
	for _, op := range []*v1alpha1.Operation{obj.Status.Operation, obj.Status.Held} {
		if op != nil {
			add(PlaceOf(op.StackID))
			add(planned(op.Plan))
		}
	}
	return all
}

// Deploys says whether an object deployed the stack in a place.
func Deploys(obj *v1alpha1.CdkTsStack, place Place) bool {
	own, ok := PlaceOf(obj.Status.StackID)
	return ok && own == place && Claim(&obj.Status) == v1alpha1.ClaimDeployed
}
