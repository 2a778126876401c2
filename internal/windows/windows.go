// Package windows tells whether a deployment may be executed at a moment, and
// when that changes next. Times are wall-clock times of a zone.
package windows

import (
	"fmt"
	"slices"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
)

// Windows are the parsed spec.windows.
type Windows struct {
	zone        *time.Location
	allow, deny []window
}

// State is how things stand at a moment.
type State struct {
	Open bool
	// Reason says which window opens or closes.
	Reason string
	// Opening and Closing are the next changes; zero when there is none within
	// horizon days.
	Opening, Closing time.Time
}

// horizon is how many days ahead the next change is looked for at most.
const horizon = 370

// Parse reads spec.windows. An error names the field and what it may be.
func Parse(spec *v1alpha1.Windows) (Windows, error) {
	name := spec.TimeZone
	if name == "" {
		name = "UTC"
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return Windows{}, fmt.Errorf("windows.timeZone %q is no time zone: give its IANA name, for example America/New_York or Europe/Berlin", name)
	}
	w := Windows{zone: zone}
	for i, a := range spec.Allow {
		parsed, err := weekly(a, zone)
		if err != nil {
			return Windows{}, fmt.Errorf("windows.allow[%d]: %w", i, err)
		}
		w.allow = append(w.allow, parsed)
	}
	for i, d := range spec.Deny {
		parsed, err := denied(d, zone)
		if err != nil {
			return Windows{}, fmt.Errorf("windows.deny[%d]: %w", i, err)
		}
		w.deny = append(w.deny, parsed)
	}
	return w, nil
}

// At tells how things stand at a moment.
func (w Windows) At(now time.Time) State {
	open, reason := w.open(now)
	s := State{Open: open, Reason: reason}
	first := w.change(now, open)
	if first.IsZero() {
		return s
	}
	second := w.change(first, !open)
	s.Opening, s.Closing = first, second
	if open {
		s.Opening, s.Closing = second, first
	}
	return s
}

func (w Windows) open(at time.Time) (open bool, reason string) {
	if i := slices.IndexFunc(w.deny, func(d window) bool { return d.holds(at) }); i >= 0 {
		return false, fmt.Sprintf("denied by %s", w.deny[i].name(i))
	}
	if len(w.allow) == 0 {
		return true, "no window denies it"
	}
	if i := slices.IndexFunc(w.allow, func(a window) bool { return a.holds(at) }); i >= 0 {
		return true, fmt.Sprintf("allowed by %s", w.allow[i].name(i))
	}
	return false, "no window allows it"
}

// change is the first moment after t at which it is no longer as it was, zero
// when there is none within horizon days. It is most often near.
func (w Windows) change(t time.Time, was bool) time.Time {
	for limit := t.AddDate(0, 0, horizon); t.Before(limit); {
		if !w.deniedOnce(t) {
			for _, days := range []int{8, repeats} {
				if found := w.sweep(t, was, days); !found.IsZero() {
					return found
				}
			}
		}
		// What comes again would have come, but for what denies it once.
		t = w.nextOnce(t)
		if open, _ := w.open(t); t.IsZero() || open != was && t.Before(limit) {
			return t
		}
	}
	return time.Time{}
}

// repeats is after how many days a part of the week has come again, whatever
// the clocks do.
const repeats = 16

// deniedOnce says whether a span of time denies a moment.
func (w Windows) deniedOnce(t time.Time) bool {
	return slices.ContainsFunc(w.deny, func(d window) bool { return d.once != nil && d.once.holds(t) })
}

// nextOnce is when the next of the spans of time begins or ends, zero for never.
func (w Windows) nextOnce(t time.Time) (next time.Time) {
	for _, d := range w.deny {
		if d.once == nil {
			continue
		}
		for _, at := range []time.Time{d.once.start, d.once.end} {
			if at.After(t) && (next.IsZero() || at.Before(next)) {
				next = at
			}
		}
	}
	return next
}

// edge is a moment at which windows begin and end: by how many more, or fewer,
// allow and deny.
type edge struct {
	at          time.Time
	allow, deny int
}

// sweep goes through the edges of the next days in order.
func (w Windows) sweep(t time.Time, was bool, days int) time.Time {
	allow, deny, edges := 0, 0, []edge(nil)
	note := func(list []window, one edge, holding *int) {
		for _, x := range list {
			for _, s := range x.spans(t, -2, days) {
				if s.holds(t) {
					*holding++
				}
				if s.start.After(t) && s.start.Before(s.end) {
					edges = append(edges, edge{s.start, one.allow, one.deny})
				}
				if s.end.After(t) && s.start.Before(s.end) {
					edges = append(edges, edge{s.end, -one.allow, -one.deny})
				}
			}
		}
	}
	note(w.allow, edge{allow: 1}, &allow)
	note(w.deny, edge{deny: 1}, &deny)
	slices.SortFunc(edges, func(a, b edge) int { return a.at.Compare(b.at) })
	// What begins on the first day that was not looked at may follow upon what ends there.
	limit, _ := instants(day(t, w.zone).AddDate(0, 0, days), w.zone)
	for i, e := range edges {
		if !e.at.Before(limit) {
			break
		}
		allow, deny = allow+e.allow, deny+e.deny
		if i+1 < len(edges) && edges[i+1].at.Equal(e.at) {
			continue
		}
		if is := deny == 0 && (len(w.allow) == 0 || allow > 0); is != was {
			return e.at
		}
	}
	return time.Time{}
}
