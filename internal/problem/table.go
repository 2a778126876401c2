package problem

import (
	"cmp"
	"fmt"
	"slices"
)

// Nature says how the reason of a condition is announced.
type Nature int

const (
	// Alarming is announced by a Warning event.
	Alarming Nature = iota
	// Calm is as the user wanted it, and announced by a Normal event.
	Calm
	// Silent needs no event: another one tells of it.
	Silent
)

// table holds every Kind by its reason. It is filled while packages are
// initialised and not changed afterwards.
var table = map[string]*Kind{}

// Declare adds a kind of problem to the table. It is for package variables,
// and panics when the reason is there already.
func Declare(reason string, o Outlook) *Kind {
	return add(&Kind{Reason: reason, Outlook: o})
}

// DeclareRoom is Declare for a kind that is OfRoom.
func DeclareRoom(reason string, o Outlook) *Kind {
	return add(&Kind{Reason: reason, Outlook: o, OfRoom: true})
}

// State adds a reason that is no problem: it says how things stand.
func State(reason string, n Nature) *Kind {
	return add(&Kind{Reason: reason, Nature: n})
}

func add(k *Kind) *Kind {
	if table[k.Reason] != nil {
		panic(fmt.Sprintf("the reason %s is declared twice", k.Reason))
	}
	table[k.Reason] = k
	return k
}

// Named returns the row of a reason. One that is not in the table, such as
// that of a status that a later version wrote, is an alarming one that retries.
func Named(reason string) *Kind {
	if k := table[reason]; k != nil {
		return k
	}
	return &Kind{Reason: reason, Outlook: Retries}
}

// Kinds returns the table, ordered by reason.
func Kinds() []*Kind {
	all := make([]*Kind, 0, len(table))
	for _, k := range table {
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b *Kind) int { return cmp.Compare(a.Reason, b.Reason) })
	return all
}

// Kinds that more than one package meets; each package declares its own.
var (
	// Unnamed is an error that nobody has named.
	Unnamed = Declare("Error", Waits)
	// TimedOut is what took longer than it may.
	TimedOut = DeclareRoom("TimedOut", Retries)
	// Cancelled is what was told to stop.
	Cancelled = Declare("Cancelled", Waits)
	// InvalidSpec is a spec that the schema could not refuse.
	InvalidSpec = Declare("InvalidSpec", Stalls)
	// InvalidProjectPath is a spec.path that leaves the checkout or is no
	// folder with a project.
	InvalidProjectPath = Declare("InvalidProjectPath", Stalls)
	// CredentialsInvalid is AWS refusing the credentials, or their absence.
	CredentialsInvalid = Declare("CredentialsInvalid", Waits)
	// Throttled is AWS asking to slow down, or the operator's own bound.
	Throttled = Declare("Throttled", Waits)
	// AWSUnreachable is no answer of AWS in time, or its own failure.
	AWSUnreachable = Declare("AWSUnreachable", Waits)
	// StackBusy is another operation at work on the stack.
	StackBusy = Declare("StackBusy", Waits)
	// ChangeSetLimit is a stack that has as many change sets as it may.
	ChangeSetLimit = Declare("ChangeSetLimit", Retries)
	// StackInUse is a stack that was to be empty and is somebody else's by now.
	StackInUse = Declare("StackInUse", Waits)
	// StackElsewhere is a stack that whoever was asked cannot know, since it is in
	// another account, region or partition.
	StackElsewhere = Declare("StackElsewhere", Waits)
	// BootstrapTooOld is a bootstrap stack older than the app needs.
	BootstrapTooOld = Declare("BootstrapTooOld", Retries)
	// TemplateTooLarge is a template or an asset beyond AWS's limit.
	TemplateTooLarge = Declare("TemplateTooLarge", Stalls)
	// NotSupported is what the operator cannot do.
	NotSupported = Declare("NotSupported", Stalls)
	// NoDiskSpace is a disk without room for another run, or for a running one.
	NoDiskSpace = Declare("NoDiskSpace", Waits)
	// OutOfMemory is a run that took more memory than it may.
	OutOfMemory = DeclareRoom("OutOfMemory", Retries)
	// RunLost is a run that disappeared, with its manager, several times.
	RunLost = Declare("RunLost", Retries)
)
