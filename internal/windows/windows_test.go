package windows

import (
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
)

func parse(t *testing.T, spec v1alpha1.Windows) Windows {
	t.Helper()
	w, err := Parse(&spec)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return moment
}

// check asks at a moment of UTC; opening and closing are "" for none.
func check(t *testing.T, w Windows, now string, open bool, opening, closing string) {
	t.Helper()
	got := w.At(at(t, now))
	if got.Open != open || utc(got.Opening) != opening || utc(got.Closing) != closing {
		t.Errorf("at %s: open %t (%s), opens %s, closes %s; want %t, %s, %s", now, got.Open, got.Reason, utc(got.Opening), utc(got.Closing), open, opening, closing)
	}
}

func utc(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

var weekdaysOnly = []v1alpha1.Weekday{"Mon", "Tue", "Wed", "Thu", "Fri"}

func TestBusinessHours(t *testing.T) {
	w := parse(t, v1alpha1.Windows{TimeZone: "America/New_York", Allow: []v1alpha1.Window{{Name: "business", Days: weekdaysOnly, From: "09:00", To: "18:00"}}})
	// Friday the 27th of November 2026 is in winter time, UTC-5.
	check(t, w, "2026-11-27T13:59:59Z", false, "2026-11-27T14:00:00Z", "2026-11-27T23:00:00Z")
	check(t, w, "2026-11-27T14:00:00Z", true, "2026-11-30T14:00:00Z", "2026-11-27T23:00:00Z")
	check(t, w, "2026-11-27T22:59:59Z", true, "2026-11-30T14:00:00Z", "2026-11-27T23:00:00Z")
	check(t, w, "2026-11-27T23:00:00Z", false, "2026-11-30T14:00:00Z", "2026-11-30T23:00:00Z")
	if s := w.At(at(t, "2026-11-27T15:00:00Z")); s.Reason != `allowed by "business"` {
		t.Errorf("reason %q", s.Reason)
	}
}

func TestADenialWinsAndAnEmptyListAllowsAlways(t *testing.T) {
	freeze := v1alpha1.DenyWindow{Window: v1alpha1.Window{Name: "year-end"}, Start: "2026-12-20T00:00", End: "2027-01-04T00:00"}
	w := parse(t, v1alpha1.Windows{TimeZone: "Europe/Berlin", Deny: []v1alpha1.DenyWindow{freeze}})
	check(t, w, "2026-11-30T00:00:00Z", true, "2027-01-03T23:00:00Z", "2026-12-19T23:00:00Z")
	check(t, w, "2026-12-24T00:00:00Z", false, "2027-01-03T23:00:00Z", "")
	check(t, w, "2027-02-01T00:00:00Z", true, "", "")
	w = parse(t, v1alpha1.Windows{Allow: []v1alpha1.Window{{From: "08:00", To: "10:00"}}, Deny: []v1alpha1.DenyWindow{{Window: v1alpha1.Window{From: "09:00", To: "09:30"}}}})
	check(t, w, "2026-11-30T09:10:00Z", false, "2026-11-30T09:30:00Z", "2026-11-30T10:00:00Z")
	check(t, w, "2026-11-30T08:10:00Z", true, "2026-11-30T09:30:00Z", "2026-11-30T09:00:00Z")
}

func TestAWindowOverMidnightBelongsToTheDayOnWhichItBegins(t *testing.T) {
	w := parse(t, v1alpha1.Windows{Allow: []v1alpha1.Window{{Days: []v1alpha1.Weekday{"Sat"}, From: "22:00", To: "04:00"}}})
	check(t, w, "2026-11-28T21:00:00Z", false, "2026-11-28T22:00:00Z", "2026-11-29T04:00:00Z") // a Saturday
	check(t, w, "2026-11-29T03:59:00Z", true, "2026-12-05T22:00:00Z", "2026-11-29T04:00:00Z")
	check(t, w, "2026-11-29T22:30:00Z", false, "2026-12-05T22:00:00Z", "2026-12-06T04:00:00Z")
}

func TestWholeDaysAndAdjoiningWindowsAreOne(t *testing.T) {
	w := parse(t, v1alpha1.Windows{Allow: []v1alpha1.Window{{Days: weekdaysOnly}}})
	check(t, w, "2026-11-30T12:00:00Z", true, "2026-12-07T00:00:00Z", "2026-12-05T00:00:00Z")
	w = parse(t, v1alpha1.Windows{Allow: []v1alpha1.Window{{From: "08:00", To: "12:00"}, {From: "12:00", To: "16:00"}}})
	check(t, w, "2026-11-30T11:59:00Z", true, "2026-12-01T08:00:00Z", "2026-11-30T16:00:00Z")
}

// In 2026 New York goes to summer time on the 8th of March at 2:00 (7:00 UTC)
// and back on the 1st of November at 2:00 (6:00 UTC).
func TestTheDaysOnWhichClocksChange(t *testing.T) {
	night := func(from, to string) Windows {
		return parse(t, v1alpha1.Windows{TimeZone: "America/New_York", Allow: []v1alpha1.Window{{From: from, To: to}}})
	}
	// A beginning that is skipped is the moment of the change.
	check(t, night("02:30", "04:00"), "2026-03-08T06:59:00Z", false, "2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z")
	// A window that is skipped whole does not come: the next is that of Monday.
	check(t, night("02:00", "03:00"), "2026-03-08T06:00:00Z", false, "2026-03-09T06:00:00Z", "2026-03-09T07:00:00Z")
	// An hour that comes twice belongs to it whole.
	check(t, night("01:30", "02:30"), "2026-11-01T05:29:00Z", false, "2026-11-01T05:30:00Z", "2026-11-01T07:30:00Z")
	check(t, night("01:30", "02:30"), "2026-11-01T06:10:00Z", true, "2026-11-02T06:30:00Z", "2026-11-01T07:30:00Z")
	check(t, night("00:30", "01:30"), "2026-11-01T05:45:00Z", true, "2026-11-02T05:30:00Z", "2026-11-01T06:30:00Z")
	// The day has 23 hours, or 25, and opens at the same wall-clock time.
	check(t, night("09:00", "17:00"), "2026-03-08T00:00:00Z", false, "2026-03-08T13:00:00Z", "2026-03-08T21:00:00Z")
	check(t, night("09:00", "17:00"), "2026-11-01T00:00:00Z", false, "2026-11-01T14:00:00Z", "2026-11-01T22:00:00Z")
}

func TestZonesWithOtherChanges(t *testing.T) {
	// Lord Howe Island changes by half an hour; Samoa left out a whole day.
	w := parse(t, v1alpha1.Windows{TimeZone: "Australia/Lord_Howe", Allow: []v1alpha1.Window{{From: "02:10", To: "02:50"}}})
	check(t, w, "2026-10-03T14:00:00Z", false, "2026-10-03T15:30:00Z", "2026-10-03T15:50:00Z")
	w = parse(t, v1alpha1.Windows{TimeZone: "Pacific/Apia", Allow: []v1alpha1.Window{{From: "09:00", To: "10:00"}}})
	check(t, w, "2011-12-29T22:00:00Z", false, "2011-12-30T19:00:00Z", "2011-12-30T20:00:00Z")
}

func TestWhatNeverOpensSaysSo(t *testing.T) {
	for _, zone := range []string{"UTC", "America/New_York", "Pacific/Kiritimati"} {
		check(t, parse(t, v1alpha1.Windows{TimeZone: zone, Deny: []v1alpha1.DenyWindow{{}}}), "2026-11-30T12:00:00Z", false, "", "")
		check(t, parse(t, v1alpha1.Windows{TimeZone: zone, Allow: []v1alpha1.Window{{To: "12:00"}, {From: "12:00"}}}), "2026-11-30T12:00:00Z", true, "", "")
	}
	w := parse(t, v1alpha1.Windows{Allow: []v1alpha1.Window{{From: "09:00", To: "10:00"}}, Deny: []v1alpha1.DenyWindow{{}}})
	check(t, w, "2026-11-30T12:00:00Z", false, "", "")
}

// Windows that overlap are one, and a denial wins over an allowance of the same time.
func TestOverlappingAndContradictoryWindows(t *testing.T) {
	deny := func(from, to string) v1alpha1.DenyWindow {
		return v1alpha1.DenyWindow{Window: v1alpha1.Window{From: from, To: to}}
	}
	allow := []v1alpha1.Window{{From: "08:00", To: "12:00"}, {From: "10:00", To: "16:00"}, {From: "11:00", To: "11:30"}}
	check(t, parse(t, v1alpha1.Windows{Allow: allow}), "2026-11-30T11:45:00Z", true, "2026-12-01T08:00:00Z", "2026-11-30T16:00:00Z")
	w := parse(t, v1alpha1.Windows{Allow: allow, Deny: []v1alpha1.DenyWindow{deny("09:00", "11:00"), deny("10:30", "15:00")}})
	check(t, w, "2026-11-30T08:30:00Z", true, "2026-11-30T15:00:00Z", "2026-11-30T09:00:00Z")
	check(t, w, "2026-11-30T10:45:00Z", false, "2026-11-30T15:00:00Z", "2026-11-30T16:00:00Z")
	w = parse(t, v1alpha1.Windows{Allow: allow, Deny: []v1alpha1.DenyWindow{deny("08:00", "16:00")}})
	check(t, w, "2026-11-30T10:00:00Z", false, "", "")
	if s := w.At(at(t, "2026-11-30T10:00:00Z")); s.Reason != "denied by window 1" {
		t.Errorf("reason %q", s.Reason)
	}
}

func TestAChangeIsFoundBeyondWhatDeniesItOnce(t *testing.T) {
	once := func(start, end string) v1alpha1.DenyWindow {
		return v1alpha1.DenyWindow{Start: start + "T00:00", End: end + "T00:00"}
	}
	sundays := []v1alpha1.Window{{Days: []v1alpha1.Weekday{"Sun"}, From: "09:00", To: "17:00"}}
	for name, c := range map[string]struct {
		allow            []v1alpha1.Window
		deny             []v1alpha1.DenyWindow
		open             bool
		opening, closing string
	}{
		"it denies the next openings":         {sundays, []v1alpha1.DenyWindow{once("2026-12-05", "2027-06-01")}, false, "2027-06-06T09:00:00Z", "2027-06-06T17:00:00Z"},
		"between two there is an opening":     {sundays, []v1alpha1.DenyWindow{once("2026-12-05", "2027-02-01"), once("2027-02-08", "2027-06-01")}, false, "2027-02-07T09:00:00Z", "2027-02-07T17:00:00Z"},
		"it ends within an opening":           {sundays, []v1alpha1.DenyWindow{{Start: "2026-11-01T00:00", End: "2027-06-06T12:30"}}, false, "2027-06-06T12:30:00Z", "2027-06-06T17:00:00Z"},
		"one follows upon the other":          {nil, []v1alpha1.DenyWindow{once("2027-03-01", "2027-06-01"), once("2026-12-01", "2027-03-01")}, true, "2027-06-01T00:00:00Z", "2026-12-01T00:00:00Z"},
		"one is within the other":             {nil, []v1alpha1.DenyWindow{once("2026-11-01", "2027-06-01"), once("2026-11-15", "2027-03-01")}, false, "2027-06-01T00:00:00Z", ""},
		"it lasts for longer than a year":     {sundays, []v1alpha1.DenyWindow{once("2026-11-01", "2028-01-01")}, false, "", ""},
		"it begins in more than a year":       {nil, []v1alpha1.DenyWindow{once("2028-01-01", "2028-01-02")}, true, "", ""},
		"it begins in some months":            {nil, []v1alpha1.DenyWindow{once("2027-08-01", "2027-08-02")}, true, "2027-08-02T00:00:00Z", "2027-08-01T00:00:00Z"},
		"it is over":                          {nil, []v1alpha1.DenyWindow{once("2026-08-01", "2026-08-02")}, true, "", ""},
		"it denies nothing that would happen": {sundays, []v1alpha1.DenyWindow{once("2026-11-30", "2026-12-03")}, false, "2026-12-06T09:00:00Z", "2026-12-06T17:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			check(t, parse(t, v1alpha1.Windows{Allow: c.allow, Deny: c.deny}), "2026-11-30T12:00:00Z", c.open, c.opening, c.closing)
		})
	}
}

func TestBadWindowsAreNamed(t *testing.T) {
	for want, spec := range map[string]v1alpha1.Windows{
		"windows.timeZone \"EST5\" is no time zone":          {TimeZone: "EST5"},
		"windows.timeZone \"Local\" is no time zone":         {TimeZone: "Local"},
		"windows.timeZone \"../../etc\" is no time zone":     {TimeZone: "../../etc"},
		"windows.allow[1]: from: \"9:00\" is no time of day": {Allow: []v1alpha1.Window{{}, {From: "9:00"}}},
		"windows.allow[0]: from and to are the same time":    {Allow: []v1alpha1.Window{{From: "09:00", To: "09:00"}}},
		"windows.allow[0]: days: \"Monday\" is no day":       {Allow: []v1alpha1.Window{{Days: []v1alpha1.Weekday{"Monday"}}}},
		"windows.deny[0]: it ends":                           {Deny: []v1alpha1.DenyWindow{{Start: "2027-01-04T00:00", End: "2026-12-20T00:00"}}},
		"windows.deny[0]: end: \"2026-02-30T00:00\" is no":   {Deny: []v1alpha1.DenyWindow{{Start: "2026-01-04T00:00", End: "2026-02-30T00:00"}}},
	} {
		if _, err := Parse(&spec); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("Parse = %v, want %s", err, want)
		}
	}
}

// TestTheNextChangesAreThose compares with a look at every minute of weeks that
// hold both changes of clocks.
func TestTheNextChangesAreThose(t *testing.T) {
	w := parse(t, v1alpha1.Windows{
		TimeZone: "Europe/Berlin",
		Allow:    []v1alpha1.Window{{Days: []v1alpha1.Weekday{"Sat", "Sun"}, From: "23:15", To: "02:45"}, {Days: weekdaysOnly, From: "09:00", To: "18:00"}},
		Deny:     []v1alpha1.DenyWindow{{Window: v1alpha1.Window{Days: []v1alpha1.Weekday{"Sun", "Tue"}, From: "02:10", To: "02:20"}}},
	})
	for _, from := range []string{"2026-03-26T00:00:00Z", "2026-10-22T00:00:00Z"} {
		now := at(t, from)
		next := w.change(now, w.At(now).Open)
		was, _ := w.open(now)
		for range 8 * 24 * 60 {
			now = now.Add(time.Minute)
			is, _ := w.open(now)
			if (is != was) != now.Equal(next) {
				t.Fatalf("at %s it is open: %t, before: %t; the next change was said to be at %s", now, is, was, next)
			}
			if is != was {
				next = w.change(now, is)
			}
			was = is
		}
	}
}

func BenchmarkAt(b *testing.B) {
	bench(b, v1alpha1.DenyWindow{Start: "2026-12-20T00:00", End: "2027-01-04T00:00"})
}

func BenchmarkNever(b *testing.B) {
	bench(b, v1alpha1.DenyWindow{Start: "2026-11-20T00:00", End: "2037-01-04T00:00"})
}

func bench(b *testing.B, deny v1alpha1.DenyWindow) {
	b.Helper()
	spec := v1alpha1.Windows{TimeZone: "Europe/Berlin", Deny: []v1alpha1.DenyWindow{deny}}
	for range 32 {
		spec.Allow = append(spec.Allow, v1alpha1.Window{Days: weekdaysOnly, From: "09:00", To: "18:00"})
	}
	w, err := Parse(&spec)
	if err != nil {
		b.Fatal(err)
	}
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for b.Loop() {
		w.At(now)
	}
}
