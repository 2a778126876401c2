package runner

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/proc"
)

// memory is how much of it all processes of a run may use together.
type memory struct {
	// limit in bytes; 0 is none.
	limit int64
	// used tells how much they use.
	used func() int64
	// shown is the bound that people have set, remedy how they raise it.
	shown  int64
	remedy string
}

// runMemory adds up what the processes hold: a bound where no control group
// can be had, at the cost of being passed for a moment.
func runMemory(limit int64) memory {
	return memory{limit: limit, shown: limit, remedy: "the operator's run memory limit", used: func() int64 { return proc.Memory(os.Getpid()) }}
}

// podMemory is the bound of the container that this process is in, or else the
// request's. The kernel holds it too, but says nothing while it kills: the run
// ends a little below, and says why.
func podMemory(cgroup string, requested int64) memory {
	limit := cgroupLimit(cgroup)
	if limit == 0 {
		return runMemory(requested)
	}
	return memory{
		limit: limit - limit/20, shown: limit, remedy: "the memory limit of the run's pod, in spec.runner.resources",
		used: func() int64 { return cgroupUsed(cgroup) },
	}
}

// containerGroup is where a container sees its own control group.
const containerGroup = "/sys/fs/cgroup"

// cgroupLimit is the memory limit of a control group in bytes, 0 for none.
// https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
func cgroupLimit(dir string) int64 {
	data, err := os.ReadFile(filepath.Join(dir, "memory.max"))
	if err != nil {
		return 0
	}
	limit, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	if err != nil {
		return 0 // "max"
	}
	return limit
}

// cgroupUsed is how much memory the processes of a control group hold that the
// kernel cannot take back by itself, in bytes.
func cgroupUsed(dir string) (used int64) {
	data, err := os.ReadFile(filepath.Join(dir, "memory.stat"))
	if err != nil {
		return 0
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if name == "anon" || name == "shmem" {
			n, _ := strconv.ParseInt(value, 10, 64)
			used += n
		}
	}
	return used
}

// watch ends the run when its processes use more than they may. It looks twice
// a second.
func (m memory) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	if m.limit <= 0 {
		return
	}
	watch(ctx, func() (over bool) {
		used := m.used()
		if over = used > m.limit; over {
			cancel(problem.OutOfMemory.New(
				"the build used %d MiB of memory of the %d MiB that a run may use; raise %s or make the app smaller", used>>20, m.shown>>20, m.remedy))
		}
		return over
	})
}
