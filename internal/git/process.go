package git

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// killTree kills a process and those it started. The children are not in a
// process group of their own: whoever ends the runner's group ends them too.
// Where /proc does not tell a process's children, the process alone is killed.
func killTree(pid int) error {
	for _, child := range children(pid) {
		_ = killTree(child)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
	return nil
}

// children lists the processes that any thread of a process has started.
func children(pid int) []int {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	var out []int
	for _, list := range lists {
		listed, _ := os.ReadFile(list) // a thread that has ended has none
		for field := range strings.FieldsSeq(string(listed)) {
			if n, err := strconv.Atoi(field); err == nil {
				out = append(out, n)
			}
		}
	}
	return out
}
