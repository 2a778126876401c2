package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"awscdk.dev/operator/internal/proc"
)

// endRuns ends what is left of an operator's builds when the operator is gone: each build and all
// that it has started, npm and node included.
func endRuns(data string) error {
	runs := filepath.Join(data, "runs")
	entries, err := os.ReadDir(runs)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for builds: %w", err)
	}
	for _, entry := range entries {
		dir := filepath.Join(runs, entry.Name())
		var id proc.ID
		// A build that has not begun has noted no process, one that has ended a dead one.
		note, err := os.ReadFile(filepath.Join(dir, "process.json"))
		if err == nil && json.Unmarshal(note, &id) == nil && id.Alive() {
			_ = id.Signal(unix.SIGSTOP) // so that it starts nothing more
			proc.KillBelow(id)
			proc.Kill([]proc.ID{id})
		}
		// Whoever left the build carries its mark all the same; see internal/executor.
		proc.KillMarked("AWSCDK_OPERATOR_RUN=" + dir)
	}
	return nil
}
