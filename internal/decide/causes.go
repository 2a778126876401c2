package decide

import (
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

const (
	// trailDelay is after how long CloudTrail tells of a call at the latest.
	// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html
	trailDelay = 15 * time.Minute
	// maxSummary bounds what the status has of a cause, in bytes.
	maxSummary = 512
	// causesRead is for how long a change set that failed is kept so that its causes
	// can be read: they go with it.
	causesRead = 2 * time.Minute
)

// Causes are those of a failure, as far as they were looked for.
type Causes struct {
	// Asked says that they are being looked for, or were.
	Asked bool
	// Known is false while they are being looked for.
	Known bool
	// Operation and Look say of which failure they are, and how often it was
	// looked before.
	Operation string
	Look      int32
	// Details are what was found, and what is kept of it.
	Details v1alpha1.CauseDetails
	// TrailMayTell says that CloudTrail was asked, knew nothing and may later.
	TrailMayTell bool
}

// failsInCloudFormation are the failures that AWS may know more of.
var failsInCloudFormation = []*problem.Kind{
	errDeploymentFailed, errChangeSetFailed, errDestroyFailed, errRollbackStuck, errRolledBack, errRollbackFailed, errFailureKept, errRolloutAborted, errRolloutNotApproved,
}

// CauseSources are those that may be asked for an object.
func CauseSources(spec *v1alpha1.CdkTsStackSpec, cfg Settings) []v1alpha1.CauseSource {
	if spec.Causes == nil {
		return cfg.CauseSources
	}
	return slices.DeleteFunc(slices.Clone(spec.Causes.Sources), func(s v1alpha1.CauseSource) bool { return !slices.Contains(cfg.CauseSources, s) })
}

// wantCauses has the causes of a failure looked for, and forgets those of the one
// before when CloudFormation has done its part. That they are to be is
// saved with the end of the operation, so that a manager which is killed neither
// loses nor repeats it.
func (p *pass) wantCauses(op *v1alpha1.Operation, pr *problem.Problem) {
	if op.Kind == v1alpha1.OperationDeploy && op.Outcome != "" {
		p.st.Causes = nil // it is in place: whatever else failed, CloudFormation has not
		return
	}
	if !isOneOf(pr.Reason, failsInCloudFormation) || len(CauseSources(&p.obj.Spec, p.cfg)) == 0 {
		return
	}
	stack := op.StackID
	if stack == "" {
		stack = p.st.StackID
	}
	p.st.Causes = &v1alpha1.CausesStatus{
		Operation: op.ID, Kind: op.Kind, StackID: stack, Token: Token(op),
		StartedAt: op.StartedAt, FailedAt: p.metaNow(), ConfigMap: CausesConfigMap(p.obj),
	}
	if pr.Reason == errChangeSetFailed.Reason {
		p.st.Causes.ChangeSetID = p.seen.ChangeSet.ID
		p.deleteAt(op.ID, p.now.Add(causesRead))
	}
}

// deleteAt has a discarded change set deleted at another time.
func (p *pass) deleteAt(changeSet string, due time.Time) {
	for i := range p.st.DiscardedChangeSets {
		if d := &p.st.DiscardedChangeSets[i]; d.Name == changeSet && d.Attempts == 0 {
			d.DueAt = metav1.NewTime(due)
		}
	}
}

// causesDue says whether AWS is to be asked for the causes of the last failure.
func causesDue(obj *v1alpha1.CdkTsStack, now time.Time) bool {
	c := obj.Status.Causes
	return c != nil && (c.Looks == 0 || c.LookAgainAt != nil && !now.Before(c.LookAgainAt.Time))
}

// recordCauses notes what was found, and asks to be woken for a second look. While
// somebody looks, the object is woken by the answer.
func recordCauses(p *pass) {
	c, seen := p.st.Causes, p.seen.Causes
	if c == nil {
		return
	}
	if seen.Known && seen.Operation == c.Operation && seen.Look == c.Looks {
		c.Looks, c.LookAgainAt = c.Looks+1, nil
		if c.ChangeSetID != "" {
			p.deleteAt(c.Operation, p.now)
			p.wakeAt(p.now)
		}
		c.Found = int32(len(seen.Details.Causes)) + seen.Details.Omitted
		c.Summary = causeSummary(seen.Details.Causes)
		if again := c.FailedAt.Add(trailDelay); seen.TrailMayTell && c.Looks == 1 && again.After(p.now) {
			c.LookAgainAt = ptrTime(again)
		}
	}
	switch {
	case c.LookAgainAt != nil && p.now.Before(c.LookAgainAt.Time):
		p.wakeAt(c.LookAgainAt.Time)
	case (c.Looks == 0 || c.LookAgainAt != nil) && !seen.Asked:
		p.wakeAt(p.now) // the next pass begins to look
	}
}

func ptrTime(t time.Time) *metav1.Time {
	at := metav1.NewTime(t)
	return &at
}

// causeSummary is the likeliest cause in a sentence, "" when none was found.
func causeSummary(found []v1alpha1.Cause) string {
	if len(found) == 0 {
		return ""
	}
	c := found[0]
	text := c.Message
	if c.Remediation != "" {
		text += "; " + c.Remediation
	}
	if c.LogicalID != "" {
		text = c.LogicalID + ": " + text
	}
	return problem.Cut(strings.Join(strings.Fields(text), " "), maxSummary)
}

// CausesConfigMap names the ConfigMap that has the causes of an object's last
// failure, "" when the object keeps its outputs in one of that name.
func CausesConfigMap(obj *v1alpha1.CdkTsStack) string { return companion(obj, "-causes") }
