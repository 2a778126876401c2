package decide

import (
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// Writers are who changed the resources that have drifted.
type Writers struct {
	// Asked says that CloudTrail is being asked, or was.
	Asked bool
	// Known is false while CloudTrail is being asked.
	Known bool
	// Digest and Look say of which drift they are, and how often it was asked
	// before.
	Digest string
	Look   int32
	// By are the writers by the logical ids of the resources.
	By map[string]v1alpha1.ResourceWriter
	// Err is why CloudTrail could not be asked.
	Err error
}

// wantWriters has CloudTrail asked who changed what has drifted, when that is
// another drift than the one before: a state that lasts asks nothing. Who is known
// to have made the same difference is kept.
func (p *pass) wantWriters(before *v1alpha1.DriftStatus) {
	d := p.st.Drift
	if len(d.Resources) == 0 || !slices.Contains(CauseSources(&p.obj.Spec, p.cfg), v1alpha1.CauseCloudTrail) {
		return
	}
	sum := digest(withoutWriters(d.Resources))
	if before != nil && before.Writers != nil && before.Writers.Digest == sum {
		d.Resources, d.Writers = before.Resources, before.Writers
		return
	}
	if before != nil {
		keepWriters(d.Resources, before.Resources)
	}
	d.Writers = &v1alpha1.WriterLookup{Digest: sum, Since: p.metaNow()}
}

func withoutWriters(all []v1alpha1.DriftedResource) []v1alpha1.DriftedResource {
	plain := slices.Clone(all)
	for i := range plain {
		plain[i].ChangedBy = nil
	}
	return plain
}

func keepWriters(is, was []v1alpha1.DriftedResource) {
	for i := range is {
		for _, old := range was {
			if digest(withoutWriters(is[i:i+1])) == digest(withoutWriters([]v1alpha1.DriftedResource{old})) {
				is[i].ChangedBy = old.ChangedBy
			}
		}
	}
}

// Writerless are the drifted resources of which nobody is known to have changed
// them.
func Writerless(d *v1alpha1.DriftStatus) []v1alpha1.DriftedResource {
	return slices.DeleteFunc(slices.Clone(d.Resources), func(r v1alpha1.DriftedResource) bool { return r.ChangedBy != nil })
}

// writersDue says whether CloudTrail is to be asked about the drift.
func writersDue(obj *v1alpha1.CdkTsStack, now time.Time, cfg Settings) bool {
	w := writersOf(&obj.Status)
	if w == nil || !slices.Contains(CauseSources(&obj.Spec, cfg), v1alpha1.CauseCloudTrail) {
		return false
	}
	return w.Looks == 0 || w.LookAgainAt != nil && !now.Before(w.LookAgainAt.Time)
}

func writersOf(st *v1alpha1.CdkTsStackStatus) *v1alpha1.WriterLookup {
	if st.Drift == nil || !st.DriftDetected {
		return nil
	}
	return st.Drift.Writers
}

// recordWriters notes who changed what has drifted, and asks to be woken for a
// second look.
func recordWriters(p *pass) {
	w, seen := writersOf(p.st), p.seen.Writers
	if w == nil {
		return
	}
	if seen.Known && seen.Digest == w.Digest && seen.Look == w.Looks {
		w.Looks, w.LookAgainAt, w.Error = w.Looks+1, nil, ""
		p.noteWriters(seen.By)
		again := w.Since.Add(trailDelay)
		switch {
		case seen.Err != nil:
			w.Error = problem.Cut(problem.Of(seen.Err).Message, maxSummary)
		case w.Looks == 1 && len(Writerless(p.st.Drift)) > 0 && again.After(p.now):
			w.LookAgainAt = ptrTime(again)
		}
	}
	switch {
	case w.LookAgainAt != nil && p.now.Before(w.LookAgainAt.Time):
		p.wakeAt(w.LookAgainAt.Time)
	case (w.Looks == 0 || w.LookAgainAt != nil) && !seen.Asked && slices.Contains(CauseSources(&p.obj.Spec, p.cfg), v1alpha1.CauseCloudTrail):
		p.wakeAt(p.now) // the next pass begins to ask
	}
}

// noteWriters keeps those that fit beside the drift itself.
func (p *pass) noteWriters(by map[string]v1alpha1.ResourceWriter) {
	d := p.st.Drift
	d.Resources = slices.Clone(d.Resources)
	for i := range d.Resources {
		who, known := by[d.Resources[i].LogicalID]
		if !known || d.Resources[i].ChangedBy != nil {
			continue
		}
		who.Principal, who.Event = problem.CutMiddle(who.Principal, maxPrincipal), problem.Cut(who.Event, maxPrincipal)
		d.Resources[i].ChangedBy = &who
	}
}

// maxPrincipal bounds the names of who changed a resource and of the call, in
// bytes: 50 of each are 25 KiB of a status.
const maxPrincipal = 256

// maxWrittenBy is how long what is told of it in the condition may be, in bytes.
const maxWrittenBy = 120

// writtenBy tells who changed a resource, "" when that is not known or takes too
// many words.
func writtenBy(w *v1alpha1.ResourceWriter) string {
	if w == nil {
		return ""
	}
	text := ", changed by " + shortPrincipal(w.Principal) + " (" + w.Event + ")"
	if len(text) > maxWrittenBy {
		return ""
	}
	return text
}

// shortPrincipal is the part of an ARN that people know somebody by: Admin/alice
// of arn:aws:sts::111122223333:assumed-role/Admin/alice.
func shortPrincipal(principal string) string {
	if parts := strings.SplitN(principal, ":", 6); len(parts) == 6 {
		principal = parts[5]
	}
	return strings.TrimPrefix(strings.TrimPrefix(principal, "assumed-role/"), "user/")
}
