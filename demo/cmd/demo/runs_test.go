package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"awscdk.dev/operator/internal/proc"
)

func TestEndRunsEndsABuildAndWhoLeftIt(t *testing.T) {
	data := t.TempDir()
	dir := filepath.Join(data, "runs", "build-1")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	pids := filepath.Join(data, "pids")
	// A build with a child that leaves it for a session of its own.
	build := exec.Command("/bin/sh", "-c", `setsid sleep 600 & sleep 600 & echo $! > "$0"; wait`, pids)
	build.Env = append(os.Environ(), "AWSCDK_OPERATOR_RUN="+dir)
	build.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := build.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- build.Wait() }()
	id, err := proc.Find(build.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	record, err := json.Marshal(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "process.json"), record, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		if text, err := os.ReadFile(pids); err == nil && len(text) > 1 {
			break
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			t.Fatal("the build did not begin")
		}
	}
	if err := endRuns(data); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-ctx.Done():
		t.Fatal("the build lives")
	}
	if n := proc.KillMarked("AWSCDK_OPERATOR_RUN=" + dir); n > 0 {
		t.Errorf("%d processes of the build were alive", n)
	}
}

func TestThereMayBeNoRunsToEnd(t *testing.T) {
	if err := endRuns(filepath.Join(t.TempDir(), "none")); err != nil {
		t.Error(err)
	}
}
