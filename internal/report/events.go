package report

import (
	"fmt"
	"slices"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/problem"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Event is one thing that happened, by the reason that people filter on.
type Event struct {
	Warning bool
	Reason  string
	Action  string
	Note    string
}

// Between lists what happened between two saved states of an object, in the
// order in which it did.
func Between(before, after *v1alpha1.CdkTsStack) []Event {
	all := hookEvents(before, after)
	for _, entry := range newEntries(before, after) {
		all = append(all, ended(before, entry))
	}
	all = append(all, sourceEvents(before, after)...)
	all = append(all, sourceTrouble(before, after)...)
	all = append(all, driftEvents(before, after)...)
	all = append(all, healthEvents(before, after)...)
	all = append(all, started(before, after)...)
	all = append(all, planned(before, after)...)
	all = append(all, freezePassed(before, after)...)
	all = append(all, policyWarnings(before, after)...)
	all = append(all, hookStarts(before, after)...)
	return append(all, troubles(before, after)...)
}

// newEntries are the operations that ended since, oldest first.
func newEntries(before, after *v1alpha1.CdkTsStack) []v1alpha1.HistoryEntry {
	var last string
	if len(before.Status.History) > 0 {
		last = before.Status.History[0].Operation
	}
	var entries []v1alpha1.HistoryEntry
	for _, e := range after.Status.History {
		if e.Operation == last {
			break
		}
		entries = append(entries, e)
	}
	slices.Reverse(entries)
	return entries
}

// ended names the end of an operation; a deployment that nobody asked for has
// reasons of its own.
func ended(before *v1alpha1.CdkTsStack, e v1alpha1.HistoryEntry) Event {
	subject := "StackDeploy"
	if e.Kind == v1alpha1.OperationDestroy {
		subject = "StackDestroy"
	} else if automatic(before.Status.Operation) {
		subject = "AutoRedeploy"
	}
	n := Event{Reason: subject + "Success", Action: string(e.Kind), Note: e.Message}
	if e.Kind == v1alpha1.OperationDestroy && e.Outcome == v1alpha1.OutcomeUnchanged {
		n.Reason = e.Reason // nothing was deleted
	}
	switch e.Outcome {
	case v1alpha1.OutcomeFailed, v1alpha1.OutcomeRefused:
		n.Warning, n.Reason = true, subject+"Failure"
		n.Note = e.Reason + ": " + e.Message
	case v1alpha1.OutcomeSuperseded:
		n.Reason = subject + "Superseded"
	}
	return n
}

// automatic says whether an operation, or the attempt before it, was started
// for a new commit without being asked.
func automatic(op *v1alpha1.Operation) bool {
	return op != nil && op.Target != nil && op.Target.Automatic
}

// started tells of an operation that began. A deployment that goes on after its
// plan had to wait began before.
func started(before, after *v1alpha1.CdkTsStack) []Event {
	op := after.Status.Operation
	if op == nil || same(before.Status.Operation, op) || same(before.Status.Held, op) {
		return nil
	}
	switch op.Kind {
	case v1alpha1.OperationDriftCheck:
		if decide.Unsaved(&after.Spec, op) {
			return nil // it is told with its end, if that brings news
		}
		return []Event{driftCheckStart("Looking for drift")}
	case v1alpha1.OperationGitSync:
		return []Event{{Reason: "GitSyncCheckStart", Action: "GitSync", Note: "Looking at " + decide.Tracked(&after.Spec)}}
	case v1alpha1.OperationDestroy:
		if op.Reason == decide.ReasonRetained {
			return nil // nothing is deleted; the start of its hook is an event
		}
		note := "Deleting the stack " + op.StackID
		if op.Reason == decide.ReasonDeletedFirst {
			note += " first, of several objects that depend on one another in a circle and are all deleted"
		}
		return []Event{{Reason: "StackDestroyStart", Action: "Destroy", Note: note}}
	}
	reason := "StackDeployStart"
	if automatic(op) {
		reason = "AutoRedeployStart"
	}
	return []Event{{Reason: reason, Action: "Deploy", Note: fmt.Sprintf("%s: deploying revision %s, attempt %d", op.Reason, op.Target.Revision, op.Attempt)}}
}

// same says whether two operations are one; the first is nil for none.
func same(op, other *v1alpha1.Operation) bool { return op != nil && op.ID == other.ID }

// planned tells of a new plan what it will do, the worst by name.
func planned(before, after *v1alpha1.CdkTsStack) []Event {
	was, is := before.Status.Changes, after.Status.Changes
	if is == nil || was != nil && was.Operation == is.Operation {
		return nil
	}
	note := is.Summary
	for _, r := range is.Resources[:min(len(is.Resources), maxNamedChanges)] {
		note += fmt.Sprintf("; %s %s (%s)", strings.ToLower(string(r.Action)), r.LogicalID, r.Type)
	}
	if more := int(is.Omitted) + len(is.Resources) - maxNamedChanges; more > 0 {
		note += fmt.Sprintf("; and %d more", more)
	}
	return []Event{{Warning: is.DataLoss > 0, Reason: "ChangesPlanned", Action: "Deploy", Note: note}}
}

// policyWarnings tells once of the rules that a plan breaks without being held:
// of a plan that was not judged before, or by other policies.
func policyWarnings(before, after *v1alpha1.CdkTsStack) []Event {
	is := after.Status.Changes
	if is == nil || is.Policies == nil || is.Policies.Warned == 0 {
		return nil
	}
	if was := before.Status.Changes; was != nil && was.Operation == is.Operation && was.Policies != nil && was.Digest == is.Digest && was.Policies.Digest == is.Policies.Digest {
		return nil
	}
	var words []string
	for _, f := range is.Policies.Findings {
		if f.Enforcement == v1alpha1.EnforcementWarn && len(words) < maxNamedChanges {
			words = append(words, strings.TrimSuffix(fmt.Sprintf("rule %s of policy %s at %s", f.Rule, f.Policy, f.LogicalID), " at ")+": "+f.Message)
		}
	}
	note := fmt.Sprintf("the plan breaks %d rules that only warn", is.Policies.Warned)
	if len(words) > 0 {
		note += ": " + strings.Join(words, "; ")
	}
	return []Event{{Warning: true, Reason: "PolicyWarning", Action: "Deploy", Note: note}}
}

// maxNamedChanges is how many changes an event names.
const maxNamedChanges = 5

// sourceEvents tells of a commit that was not there before.
func sourceEvents(before, after *v1alpha1.CdkTsStack) []Event {
	was, is := before.Status.Source, after.Status.Source
	if is == nil || is.Revision == "" || (was != nil && was.Revision == is.Revision) {
		return nil
	}
	all := []Event{{Reason: "GitSyncCheckStart", Action: "GitSync", Note: "Looked at " + is.Ref}}
	if revisionMoved(before, after) {
		all = append(all, Event{Reason: "GitChangesDetected", Action: "GitSync", Note: fmt.Sprintf("%s moved from %s to %s", is.Ref, was.Revision, is.Revision)})
	}
	return all
}

// revisionMoved says whether the ref, seen before, points elsewhere now. When
// another is followed, nothing moved.
func revisionMoved(before, after *v1alpha1.CdkTsStack) bool {
	was, is := before.Status.Source, after.Status.Source
	return was != nil && was.Revision != "" && is != nil && was.Ref == is.Ref && is.Revision != "" && was.Revision != is.Revision
}

// sourceTrouble tells of a repository that can no longer be read although the
// stack is as it should be; for others troubles tells of it.
func sourceTrouble(before, after *v1alpha1.CdkTsStack) []Event {
	was, is := before.Status.Source, after.Status.Source
	if is == nil || is.Error == "" || (was != nil && was.Error != "") || !isReady(&after.Status) {
		return nil
	}
	reason := "SourceUnavailable"
	if c := meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionSourceAvailable); c != nil {
		reason = c.Reason
	}
	return []Event{{Warning: true, Reason: reason, Action: "GitSync", Note: is.Error}}
}

// troubles tells of a problem that keeps an object from being ready and that
// no operation's end tells of.
func troubles(before, after *v1alpha1.CdkTsStack) []Event {
	is := meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionReady)
	was := meta.FindStatusCondition(before.Status.Conditions, v1alpha1.ConditionReady)
	if is == nil || is.Status == metav1.ConditionTrue || problem.Named(is.Reason).Nature == problem.Silent {
		return nil
	}
	if was != nil && was.Reason == is.Reason && was.Message == is.Message || retryQueued(after, is.Reason) {
		return nil
	}
	if e := newEntries(before, after); len(e) > 0 && e[len(e)-1].Reason == is.Reason {
		if is.Reason == "InvalidProjectPath" { // users filter on it
			return []Event{{Warning: true, Reason: is.Reason, Action: "Build", Note: is.Message}}
		}
		return nil
	}
	if was != nil && was.Reason == is.Reason && meta.IsStatusConditionTrue(after.Status.Conditions, v1alpha1.ConditionReconciling) {
		return nil
	}
	return []Event{{Warning: problem.Named(is.Reason).Nature == problem.Alarming, Reason: is.Reason, Action: "Reconcile", Note: is.Message}}
}

// retryQueued says whether Ready shows the failure of an earlier attempt, which
// was told when that ended, while another waits for its turn.
func retryQueued(obj *v1alpha1.CdkTsStack, reason string) bool {
	op, history := obj.Status.Operation, obj.Status.History
	return op != nil && op.RunStep == decide.StepQueued && len(history) > 0 && history[0].Reason == reason
}
