package windows

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
)

// window is either a part of the week or one span of time.
type window struct {
	label string
	zone  *time.Location
	// days on which it begins, none for every day.
	days []time.Weekday
	// from and to are times of day; to is of the next day when nextDay is set.
	from, to timeOfDay
	nextDay  bool
	// once is set for a span of time.
	once *span
}

type timeOfDay struct{ hour, minute int }

// span is [start, end).
type span struct{ start, end time.Time }

func (s span) holds(t time.Time) bool { return !t.Before(s.start) && t.Before(s.end) }

// name names a window by its label or its place.
func (w window) name(i int) string {
	if w.label != "" {
		return fmt.Sprintf("%q", w.label)
	}
	return fmt.Sprintf("window %d", i+1)
}

func weekly(spec v1alpha1.Window, zone *time.Location) (window, error) {
	w := window{label: spec.Name, zone: zone}
	var err error
	if w.from, err = parseTime(spec.From, "00:00"); err != nil {
		return w, fmt.Errorf("from: %w", err)
	}
	if w.to, err = parseTime(spec.To, "24:00"); err != nil {
		return w, fmt.Errorf("to: %w", err)
	}
	if w.from == w.to {
		return w, errors.New("from and to are the same time: leave both out for whole days")
	}
	w.nextDay = w.to.minutes() < w.from.minutes()
	for _, day := range spec.Days {
		i := slices.Index(weekdays, day)
		if i < 0 {
			return w, fmt.Errorf("days: %q is no day: give Mon, Tue, Wed, Thu, Fri, Sat or Sun", day)
		}
		w.days = append(w.days, time.Weekday(i))
	}
	return w, nil
}

// weekdays are in the order of time.Weekday.
var weekdays = []v1alpha1.Weekday{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}

func denied(spec v1alpha1.DenyWindow, zone *time.Location) (window, error) {
	if spec.Start == "" {
		return weekly(spec.Window, zone)
	}
	start, err := parseMoment(spec.Start)
	if err != nil {
		return window{}, fmt.Errorf("start: %w", err)
	}
	end, err := parseMoment(spec.End)
	if err != nil {
		return window{}, fmt.Errorf("end: %w", err)
	}
	first, _ := instants(start, zone)
	_, last := instants(end, zone)
	if !first.Before(last) {
		return window{}, fmt.Errorf("it ends (%s) before it starts (%s): exchange them", spec.End, spec.Start)
	}
	return window{label: spec.Name, zone: zone, once: &span{first, last}}, nil
}

func parseTime(text, absent string) (timeOfDay, error) {
	if text == "" {
		text = absent
	}
	if text == "24:00" {
		return timeOfDay{24, 0}, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil || len(text) != len("15:04") {
		return timeOfDay{}, fmt.Errorf("%q is no time of day such as 09:00", text)
	}
	return timeOfDay{t.Hour(), t.Minute()}, nil
}

func (t timeOfDay) minutes() int { return 60*t.hour + t.minute }

// parseMoment reads a date and time, as if it were of UTC.
func parseMoment(text string) (time.Time, error) {
	t, err := time.Parse("2006-01-02T15:04", text)
	if err != nil {
		return t, fmt.Errorf("%q is no date and time such as 2026-12-20T00:00", text)
	}
	return t, nil
}

func (w window) holds(t time.Time) bool {
	// The window of yesterday may reach into today.
	return slices.ContainsFunc(w.spans(t, -1, 1), func(s span) bool { return s.holds(t) })
}

// spans are those of the window that begin on the days [from, until) from that
// of t on; one that is a span of time is always among them.
func (w window) spans(t time.Time, from, until int) []span {
	if w.once != nil {
		return []span{*w.once}
	}
	today := day(t, w.zone)
	var all []span
	for i := from; i < until; i++ {
		date := today.AddDate(0, 0, i)
		if len(w.days) > 0 && !slices.Contains(w.days, date.Weekday()) {
			continue
		}
		all = append(all, w.span(date))
	}
	return all
}

// day is the date that clocks of a zone show, as a midnight of UTC.
func day(t time.Time, zone *time.Location) time.Time {
	year, month, day := t.In(zone).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// span is the window that begins on a date.
func (w window) span(date time.Time) span {
	end := date
	if w.nextDay {
		end = end.AddDate(0, 0, 1)
	}
	first, _ := instants(date.Add(time.Duration(w.from.minutes())*time.Minute), w.zone)
	_, last := instants(end.Add(time.Duration(w.to.minutes())*time.Minute), w.zone)
	return span{first, last}
}

// instants are the first and the last moment at which clocks of a zone show
// what wall shows in UTC. Where clocks skip it, both are the moment at which
// they do.
func instants(wall time.Time, zone *time.Location) (first, last time.Time) {
	// No zone changes twice within two days.
	before, after := offset(wall.Add(-24*time.Hour), zone), offset(wall.Add(24*time.Hour), zone)
	early, late := wall.Add(-before), wall.Add(-after)
	if late.Before(early) {
		early, late = late, early
	}
	shows := func(t time.Time) bool { return t.Add(offset(t, zone)).Equal(wall) }
	switch {
	case shows(early) && shows(late):
		return early, late
	case shows(early):
		return early, early
	case shows(late):
		return late, late
	}
	return skipped(early, late, zone)
}

// skipped finds the moment between two at which the clocks of a zone change.
func skipped(early, late time.Time, zone *time.Location) (first, last time.Time) {
	for was := offset(early, zone); late.Sub(early) > time.Second; {
		middle := early.Add(late.Sub(early) / 2)
		if offset(middle, zone) == was {
			early = middle
		} else {
			late = middle
		}
	}
	late = late.Truncate(time.Second)
	return late, late
}

// offset is how far the clocks of a zone are ahead of UTC at a moment.
func offset(t time.Time, zone *time.Location) time.Duration {
	_, seconds := t.In(zone).Zone()
	return time.Duration(seconds) * time.Second
}
