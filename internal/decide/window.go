package decide

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/windows"
)

// recordWindow notes how the windows stand, and wakes the object when that
// changes.
func recordWindow(p *pass) {
	p.st.Window = nil
	if p.obj.Spec.Windows == nil || p.deleting() {
		return
	}
	_, s, err := p.windows()
	if err != nil {
		return // refuseSpec says it
	}
	p.st.Window = &v1alpha1.WindowStatus{Open: s.Open, Reason: s.Reason, NextOpening: momentOf(s.Opening), NextClosing: momentOf(s.Closing)}
	for _, change := range []time.Time{s.Opening, s.Closing} {
		if !change.IsZero() {
			p.wakeAt(change)
		}
	}
}

func momentOf(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	at := metav1.NewTime(t)
	return &at
}

// windows are those of the spec and how they stand, which is worked out once in a
// pass.
func (p *pass) windows() (windows.Windows, windows.State, error) {
	if p.window == nil {
		w, err := windows.Parse(p.obj.Spec.Windows)
		if err != nil {
			return w, windows.State{}, err
		}
		s := w.At(p.now)
		p.windowsOf, p.window = w, &s
	}
	return p.windowsOf, *p.window, nil
}

// windowOpen holds a plan while the windows are closed.
func windowOpen(p *pass, op *v1alpha1.Operation) *hold {
	if p.obj.Spec.Windows == nil {
		return nil
	}
	w, s, err := p.windows()
	if err != nil {
		return &hold{reason: problem.InvalidSpec, message: err.Error(), parks: true}
	}
	if s.Open {
		return nil
	}
	if p.obj.Spec.Windows.Overrun == v1alpha1.OverrunFinish && op.HeldSince == nil && w.At(op.StartedAt.Time).Open {
		return nil
	}
	return &hold{reason: stateWindowClosed, message: closed(s), parks: true, yields: true}
}

// closed says what the plan waits for.
func closed(s windows.State) string {
	when := "no window opens within a year: edit spec.windows"
	if !s.Opening.IsZero() {
		when = "the next opening is at " + s.Opening.UTC().Format(time.RFC3339)
	}
	return s.Reason + "; " + when
}
