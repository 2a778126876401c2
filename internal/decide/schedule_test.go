package decide

import (
	"fmt"
	"testing"
	"time"
	_ "time/tzdata" // New York must be known

	"awscdk.dev/operator/api/v1alpha1"

	"github.com/robfig/cron/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// TestADueTimeStandsStill asks for the last due time again and again for two days,
// among them one on which the clocks change: it may move only when a due time
// has come, and must then be that.
func TestADueTimeStandsStill(t *testing.T) {
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	starts := map[string]time.Time{
		"in winter":                   time.Date(2026, 1, 10, 7, 0, 0, 123, newYork),
		"when the clocks go forward":  time.Date(2026, 3, 7, 12, 0, 0, 0, newYork),
		"when the clocks go backward": time.Date(2026, 10, 31, 12, 0, 0, 0, newYork),
	}
	for _, spec := range []string{
		"@every 1m", "@every 7m", "@every 90m", "@every 30h", "@hourly", "@daily", "*/5 * * * *", "0,1 * * * *",
		"* 3 * * *", "30 2 * * *", "30 1 * * *", "0 9 * * 1-5", "0 0 1 1 *", "CRON_TZ=America/New_York 30 2 * * *",
	} {
		parsed, err := cron.ParseStandard(spec)
		if err != nil {
			t.Fatal(err)
		}
		for when, start := range starts {
			every := anchored(parsed, "https://git.example/web.git", start)
			last := lastDue(every, start)
			if last.IsZero() || last.After(start) {
				t.Errorf("%s, %s: the last due time at %s is %s", spec, when, start, last)
			}
			for now := start; now.Before(start.Add(48 * time.Hour)); now = now.Add(11 * time.Minute) {
				due := lastDue(every, now)
				if !due.Equal(last) && (due.Before(last) || !due.Equal(lastOf(every, last, now))) {
					t.Fatalf("%s, %s: at %s the due time moved from %s to %s", spec, when, now, last, due)
				}
				if due.Equal(last) && !every.Next(due).After(now) {
					t.Fatalf("%s, %s: at %s the due time %s is missed", spec, when, now, every.Next(due))
				}
				last = due
			}
		}
	}
}

// lastOf goes from due time to due time until now.
func lastOf(s Schedule, from, now time.Time) time.Time {
	for next := s.Next(from); !next.After(now); next = s.Next(from) {
		from = next
	}
	return from
}

func TestWhatNeverFiresIsNeverDue(t *testing.T) {
	never, err := cron.ParseStandard("0 0 30 2 *")
	if err != nil {
		t.Fatal(err)
	}
	if due := lastDue(anchored(never, "", time.Now()), time.Now()); !due.IsZero() {
		t.Errorf("the thirtieth of February was on %s", due)
	}
	if due := lastDue(nil, time.Now()); !due.IsZero() {
		t.Errorf("without a schedule something was due on %s", due)
	}
}

func TestAnIntervalOfAnyLengthHasANextTime(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for _, every := range []time.Duration{1, time.Second, 10 * time.Second, 24 * time.Hour, 1<<63 - 1} {
		for _, seed := range []string{"", "a", "b", "c"} {
			if next := (interval{every, seed}).Next(now); !next.After(now) {
				t.Errorf("every %s after %s comes %s", every, now, next)
			}
		}
	}
}

// One listing serves all objects of a repository: were their due times apart,
// each would make the listing of the one before too old.
func TestObjectsOfOneRepositoryAreDueTogether(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	minutely, err := cron.ParseStandard("@every 1m")
	if err != nil {
		t.Fatal(err)
	}
	due := map[time.Time]bool{}
	for _, uid := range []types.UID{"a", "b", "c", "d"} {
		for _, own := range []*metav1.Duration{nil, {Duration: time.Minute}} {
			obj := &v1alpha1.CdkTsStack{ObjectMeta: metav1.ObjectMeta{UID: uid}}
			obj.Spec.Source.Git = v1alpha1.GitSource{Repository: "https://git.example/web.git", Ref: "main", Interval: own}
			due[Look(obj, now, Settings{GitSync: minutely}).HeadNotBefore] = true
		}
	}
	if len(due) != 1 {
		t.Errorf("there are %d due times: %v", len(due), due)
	}
}

// AWS allows some ten requests a second, and a check takes ten: the checks of
// many stacks with one schedule must not come at once, nor later than the next.
func TestDriftChecksOfAFleetComeOneAfterTheOther(t *testing.T) {
	tenMinutes, err := cron.ParseStandard("*/10 * * * *")
	if err != nil {
		t.Fatal(err)
	}
	deployed := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for size, most := range map[int]int{1: 1, 151: 12, 240: 12, 1000: 40} {
		perTenSeconds := map[time.Duration]int{}
		for i := range size {
			obj := &v1alpha1.CdkTsStack{ObjectMeta: metav1.ObjectMeta{UID: types.UID(fmt.Sprintf("%d-uid", i))}}
			obj.Status.StackID, obj.Status.Deployed = arn, &v1alpha1.Deployment{At: metav1.NewTime(deployed)}
			late := driftDue(obj, &obj.Status, Settings{Drift: tenMinutes, Fleet: size}).Sub(deployed.Add(10 * time.Minute))
			if late < 0 || late >= 10*time.Minute {
				t.Fatalf("of %d stacks one is due %s after its time", size, late)
			}
			perTenSeconds[late.Truncate(10*time.Second)]++
		}
		for at, n := range perTenSeconds {
			if n > most {
				t.Errorf("of %d stacks %d are due within ten seconds after %s", size, n, at)
			}
		}
	}
}
