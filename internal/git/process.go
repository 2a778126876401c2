package git

import (
	"errors"
	"fmt"
	"os"
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

func children(pid int) []int {
	listed, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil
	}
	var out []int
	for field := range strings.FieldsSeq(string(listed)) {
		if n, err := strconv.Atoi(field); err == nil {
			out = append(out, n)
		}
	}
	return out
}
