package executor

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"awscdk.dev/operator/internal/proc"
)

// cgroup is a control group that holds one run with all that it starts: the
// kernel's own bound on memory, and a list of processes that nobody leaves.
// the empty cgroup is none, where the host does not let us make one; then the
// run's own watch on its memory is the only bound.
type cgroup string

// controlGroups is the folder in which control groups can be made, "" for none.
type controlGroups struct {
	parent string
}

// findControlGroups looks for the control group of this process.
func findControlGroups(mount string) controlGroups {
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return controlGroups{}
	}
	found := controlGroups{}
	for line := range strings.Lines(string(data)) {
		// hierarchy-ID:controllers:path, cgroups(7).
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		switch {
		case fields[1] == "" && hasMemoryV2(filepath.Join(mount, fields[2])):
			return controlGroups{parent: filepath.Join(mount, fields[2])}
		case fields[1] == "memory":
			found = controlGroups{parent: filepath.Join(mount, "memory", fields[2])}
		}
	}
	return found
}

// hasMemoryV2 reports whether control groups in this version 2 group can bound memory.
// A group that holds processes itself cannot hand the controller down, unless
// whoever made it has arranged for that.
func hasMemoryV2(parent string) bool {
	control := filepath.Join(parent, "cgroup.subtree_control")
	data, err := os.ReadFile(control)
	if err != nil {
		return false
	}
	return bytes.Contains(data, []byte("memory")) || os.WriteFile(control, []byte("+memory"), 0o600) == nil
}

// open makes a cgroup; none when it cannot. The limit is in bytes, 0 for none.
func (c controlGroups) open(limit int64) cgroup {
	if c.parent == "" {
		return ""
	}
	path, err := os.MkdirTemp(c.parent, "awscdk-run-")
	if err != nil {
		return ""
	}
	b := cgroup(path)
	if _, err := os.Stat(b.file("cgroup.procs")); err != nil {
		_ = os.Remove(path) // not a control group: something else is mounted there
		return ""
	}
	if limit > 0 && os.WriteFile(b.limitFile(), []byte(strconv.FormatInt(limit, 10)), 0o600) != nil {
		b.close()
		return ""
	}
	return b
}

func (b cgroup) file(name string) string { return filepath.Join(string(b), name) }

// unified reports whether the cgroup is of version 2: only there is cgroup.kill.
func (b cgroup) unified() bool {
	_, err := os.Stat(b.file("cgroup.kill"))
	return err == nil
}

func (b cgroup) limitFile() string {
	if b.unified() {
		return b.file("memory.max")
	}
	return b.file("memory.limit_in_bytes")
}

// put moves a process, and all that it will start, into the cgroup.
func (b cgroup) put(pid int) error {
	if b == "" {
		return nil
	}
	if err := os.WriteFile(b.file("cgroup.procs"), []byte(strconv.Itoa(pid)), 0o600); err != nil {
		return fmt.Errorf("move the run into its control group: %w", err)
	}
	return nil
}

// kill ends all that is in the cgroup.
func (b cgroup) kill() {
	if b == "" {
		return
	}
	if b.unified() {
		_ = os.WriteFile(b.file("cgroup.kill"), []byte("1"), 0o600)
	}
	for range maxKills {
		inside := b.processes()
		if len(inside) == 0 {
			return
		}
		proc.Kill(inside)
	}
}

// maxKills bounds how often a cgroup is emptied of what was born meanwhile.
const maxKills = 100

func (b cgroup) processes() []proc.ID {
	data, err := os.ReadFile(b.file("cgroup.procs"))
	if err != nil {
		return nil
	}
	var inside []proc.ID
	for line := range strings.Lines(string(data)) {
		if pid, err := strconv.Atoi(strings.TrimSpace(line)); err == nil {
			if id, err := proc.Find(pid); err == nil {
				inside = append(inside, id)
			}
		}
	}
	return inside
}

// ranOut reports whether the kernel ended a process for want of memory.
func (b cgroup) ranOut() bool {
	if b == "" {
		return false
	}
	name := "memory.oom_control" // version 1
	if b.unified() {
		name = "memory.events"
	}
	f, err := os.Open(b.file(name))
	if err != nil {
		return false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if count, ok := strings.CutPrefix(lines.Text(), "oom_kill "); ok {
			return count != "0"
		}
	}
	return false
}

// close takes the cgroup away. Whatever is in it must have ended.
func (b cgroup) close() {
	if b == "" {
		return
	}
	// The kernel counts a process that has just ended for a moment longer.
	for range maxKills {
		if err := unix.Rmdir(string(b)); !errors.Is(err, unix.EBUSY) {
			return
		}
		for _, id := range b.processes() {
			proc.Kill([]proc.ID{id})
		}
	}
}
