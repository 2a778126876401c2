package enclave

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// hierarchy is one mounted tree of control groups: the only one of version 2, or one of several of
// version 1, which a hybrid host has beside one of version 2 without controllers.
type hierarchy struct {
	path        string
	version2    bool
	controllers []string
}

// wanted are the controllers that a kubelet insists on.
var wanted = []string{"cpu", "cpuset", "memory", "pids"}

// hierarchies lists what is mounted below /sys/fs/cgroup.
func hierarchies() ([]hierarchy, error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, err
	}
	var all []hierarchy
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[1], "/sys/fs/cgroup") {
			continue
		}
		switch fields[2] {
		case "cgroup":
			all = append(all, hierarchy{path: fields[1], controllers: strings.Split(fields[3], ",")})
		case "cgroup2":
			names, err := os.ReadFile(filepath.Join(fields[1], "cgroup.controllers"))
			if err != nil {
				return nil, err
			}
			all = append(all, hierarchy{path: fields[1], version2: true, controllers: strings.Fields(string(names))})
		}
	}
	return all, nil
}

// Version1 says whether controllers are in hierarchies of version 1.
func Version1() bool {
	all, err := hierarchies()
	return err == nil && slices.ContainsFunc(all, func(h hierarchy) bool {
		return !h.version2 && slices.Contains(h.controllers, "memory")
	})
}

// makeCgroups makes a group of that name in each hierarchy, with every controller that a kubelet needs.
func makeCgroups(name string) error {
	all, err := hierarchies()
	if err != nil {
		return fmt.Errorf("find control groups: %w", err)
	}
	var found []string
	for _, h := range all {
		if err := h.make(name); err != nil {
			return fmt.Errorf("make a control group: %w", err)
		}
		found = append(found, h.controllers...)
	}
	for _, controller := range wanted {
		if !slices.Contains(found, controller) {
			return fmt.Errorf("no control groups of the controller %s are mounted below /sys/fs/cgroup", controller)
		}
	}
	return nil
}

func (h hierarchy) make(name string) error {
	group := filepath.Join(h.path, name)
	if err := os.Mkdir(group, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	switch {
	case h.version2:
		return h.delegate(group)
	case slices.Contains(h.controllers, "cpuset"):
		return h.inheritCPUs(group)
	}
	return nil
}

// delegate hands the controllers of version 2 down to the groups below one.
func (h hierarchy) delegate(group string) error {
	for _, controller := range h.controllers {
		for _, dir := range []string{h.path, group} {
			err := os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+controller), 0)
			if err != nil && slices.Contains(wanted, controller) {
				return fmt.Errorf("hand the controller %s down from %s: %w", controller, dir, err)
			}
		}
	}
	return nil
}

// inheritCPUs fills in what version 1 leaves empty: no process can join a group without processors.
func (h hierarchy) inheritCPUs(group string) error {
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(h.path, file))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(group, file), value, 0); err != nil {
			return err
		}
	}
	return nil
}

// removeCgroups removes the groups of that name and all below them. Processes that are still in one are
// the enclave's, and are ended.
func removeCgroups(name string) error {
	all, err := hierarchies()
	if err != nil {
		return err
	}
	for _, h := range all {
		if err = removeGroup(filepath.Join(h.path, name)); err != nil {
			return fmt.Errorf("remove a control group: %w", err)
		}
	}
	return nil
}

func removeGroup(group string) error {
	var err error
	for range 200 { // A process that was ended is a member for a moment longer.
		if err = removeTree(group); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

func removeTree(group string) error {
	entries, err := os.ReadDir(group)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	killMembers(filepath.Join(group, "cgroup.procs"))
	for _, e := range entries {
		if e.IsDir() {
			err = errors.Join(err, removeTree(filepath.Join(group, e.Name())))
		}
	}
	if gone := unix.Rmdir(group); gone != nil && !errors.Is(gone, unix.ENOENT) {
		err = errors.Join(err, &os.PathError{Op: "rmdir", Path: group, Err: gone})
	}
	return err
}

// killMembers ends the processes that a file lists.
func killMembers(list string) {
	members, _ := os.ReadFile(list) // The group may be gone already.
	for _, member := range strings.Fields(string(members)) {
		if pid, err := strconv.Atoi(member); err == nil && pid > 1 {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}
