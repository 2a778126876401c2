package decide

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
)

// ExportFault is what CloudFormation says of an export that stands in the way.
type ExportFault struct {
	Name string
	// InUseBy are the stacks that import it; nil when nobody exports it.
	InUseBy []string
}

const (
	// maxInUseBy bounds the importers that are kept.
	maxInUseBy = 20
	// maxExportTries is how often one target is tried while an export is in use:
	// each failure rolls the stack back.
	maxExportTries = 10
)

// failExport ends a deployment that an export stood in the way of. When stacks
// of ours import it, it goes on after them, and no attempt is used.
func (p *pass) failExport(x *ExportFault, message string) bool {
	message = strings.TrimRight(message, ". ")
	if len(x.InUseBy) == 0 {
		hint := ""
		if needs := p.st.Operation.Plan.DependsOn; len(needs) > 0 {
			hint = fmt.Sprintf(" (the app says that this stack needs %s)", strings.Join(needs[:min(len(needs), maxListed)], ", "))
		}
		return p.fail(errExportMissing.New("%s. No stack of this account and region exports %s: deploy the one that does first, and name its CdkTsStack in spec.dependsOn%s", message, x.Name, hint))
	}
	users := x.InUseBy[:min(len(x.InUseBy), maxInUseBy)]
	p.fail(errExportInUse.New("%s. %s", message, twoSteps(x.Name, users)))
	p.st.History[0].InUseBy, p.st.LastDeployment.InUseBy = users, slices.Clone(users)
	return false
}

// twoSteps is the way out of an export that is in use.
func twoSteps(export string, users []string) string {
	return fmt.Sprintf(
		"An export that is imported can be neither changed nor removed, so it takes two steps: first keep %s (this.exportValue(...) in the stack that exports it) and deploy %s without the import; then take it out",
		export, strings.Join(users, ", "))
}

// Importers are the stacks that an object's last attempt at its target failed
// for, since they import an export of its stack; nil while it tries again.
func Importers(st *v1alpha1.CdkTsStackStatus) []string {
	if st.Target == nil || reached(st) || st.Operation != nil && !background(st.Operation.Kind) {
		return nil
	}
	failed := failures(st, v1alpha1.OperationDeploy, st.Target.Digest)
	if len(failed) == 0 || failed[0].Reason != errExportInUse.Reason {
		return nil
	}
	return failed[0].InUseBy
}

// awaitImporters tries a deployment again that failed since other stacks import
// an export, when every object of theirs has deployed since. So each of their
// deployments allows one attempt. Where none is ours, a person has to.
func (p *pass) awaitImporters(last v1alpha1.HistoryEntry) bool {
	o := p.seen.Others
	switch {
	case o.Err != nil:
		return p.unseen(o.Err)
	case !o.Seen:
		p.say(waiting, errExportInUse, last.Message)
		p.wakeAt(p.now) // this pass was about something else
		return false
	case len(o.Importers) == 0:
		p.say(stalled, errExportInUse, last.Message+fmt.Sprintf(". No CdkTsStack of this namespace deploys %s: request a deployment when that is done: %s", strings.Join(last.InUseBy, ", "), p.orderCommand()))
		return false
	}
	if last.Waited >= maxExportTries {
		p.say(stalled, errExportInUse, fmt.Sprintf("%s. It was tried %d times: request a deployment when the import is gone: %s", last.Message, last.Waited, p.orderCommand()))
		return false
	}
	var waits []string
	for _, n := range o.Importers {
		if n.At.Before(last.EndedAt.Truncate(time.Second)) {
			waits = append(waits, n.importing())
		}
	}
	if len(waits) == 0 {
		return p.redeploy()
	}
	p.say(waiting, errExportInUse, last.Message+". This object goes on by itself after the next deployment of "+strings.Join(waits, ", "))
	return false
}

// importing says how an importer stands.
func (n Neighbour) importing() string {
	switch {
	case n.Suspended:
		return n.Name + " (is suspended)"
	case n.Ready == "False":
		return n.Name + " (is not ready: " + n.Reason + ")"
	case n.Pending != "":
		return fmt.Sprintf("%s (%s waits there for a person: request its deployment)", n.Name, short(n.Pending))
	}
	return n.Name
}
