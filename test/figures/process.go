package figures

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// ticks per second of the times in /proc/PID/stat (USER_HZ, proc(5)).
const ticks = 100

// Places of fields of /proc/PID/stat, counted from the one after the name.
const (
	ppid    = 1
	cminflt = 8
	utime   = 11
	stime   = 12
)

// ProcessorTime is what a process has used so far, to a hundredth of a second.
func ProcessorTime(tb testing.TB, pid int) time.Duration {
	tb.Helper()
	fields := statFields(tb, pid)
	user, err1 := strconv.ParseInt(fields[utime], 10, 64)
	system, err2 := strconv.ParseInt(fields[stime], 10, 64)
	if err1 != nil || err2 != nil {
		tb.Fatal(err1, err2)
	}
	return time.Duration(user+system) * time.Second / ticks
}

// Children is 1 when a process has or ever had a child process, else 0. One that
// has ended leaves its page faults in its parent's account.
func Children(tb testing.TB, pid int) int {
	tb.Helper()
	if fields := statFields(tb, pid); fields[cminflt] != "0" {
		return 1
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		tb.Fatal(err)
	}
	for _, e := range entries {
		other, err := strconv.Atoi(e.Name())
		if err != nil || other == pid {
			continue
		}
		if stat, err := os.ReadFile("/proc/" + e.Name() + "/stat"); err == nil && afterName(stat)[ppid] == strconv.Itoa(pid) {
			return 1
		}
	}
	return 0
}

// ResidentMiB is the memory of a process that is in RAM now.
func ResidentMiB(tb testing.TB, pid int) float64 {
	tb.Helper()
	return memory(tb, pid, "VmRSS:")
}

// PeakMiB is the most memory that a process ever had in RAM.
func PeakMiB(tb testing.TB, pid int) float64 {
	tb.Helper()
	return memory(tb, pid, "VmHWM:")
}

// Load is the load average of the machine over the last minute.
func Load(tb testing.TB) string {
	tb.Helper()
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		tb.Fatal(err)
	}
	return strings.Fields(string(data))[0]
}

func statFields(tb testing.TB, pid int) []string {
	tb.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		tb.Fatal(err)
	}
	return afterName(data)
}

// afterName splits what follows the name, which may hold anything.
func afterName(stat []byte) []string {
	return strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
}

func memory(tb testing.TB, pid int, name string) float64 {
	tb.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, name); ok {
			kib, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
			if err != nil {
				tb.Fatal(err)
			}
			return kib / 1024
		}
	}
	tb.Fatalf("no %s for process %d", name, pid)
	return 0
}
