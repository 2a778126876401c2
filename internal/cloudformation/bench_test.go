package cloudformation

import (
	"syscall"
	"testing"
	"time"
)

// BenchmarkDriftCheck is what one drift check of a stack without drift costs
// the manager: the start and the reading of a detection, without the waiting.
// cpu-ms/op is of this process alone; the local AWS is another.
func BenchmarkDriftCheck(b *testing.B) {
	c := newCloud(b)
	resources := tree{}
	for _, name := range []string{"A", "B", "C", "D", "E", "F", "G", "H"} {
		resources[name] = parameter("/app/"+name, name)
	}
	stack := c.deploy(b, "1", c.plan(b, template{Resources: resources}))
	c.drift(b, stack.ID)
	before := cpu(b)
	for b.Loop() {
		id, err := c.DetectDrift(b.Context(), stack.ID, "")
		if err != nil {
			b.Fatal(err)
		}
		for {
			seen := c.Drift(b.Context(), id, stack.ID, false)
			if seen.Err != nil || seen.Drifted {
				b.Fatalf("drift: %+v", seen)
			}
			if seen.Status == "DETECTION_COMPLETE" {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	b.ReportMetric((cpu(b)-before).Seconds()*1000/float64(b.N), "cpu-ms/op")
}

// cpu is the processor time that this process has used.
func cpu(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
