package runner

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"awscdk.dev/operator/internal/redact"
	"awscdk.dev/operator/internal/run"
)

// TestAPipeInTheValuesPlaceBlocksNoHook has hooks leave what is no file where
// their values are expected.
func TestAPipeInTheValuesPlaceBlocksNoHook(t *testing.T) {
	for name, script := range map[string]string{
		"a pipe":   `mkfifo "$CDK_METRICS_FILE"`,
		"a link":   `echo secret 1 > elsewhere; ln -s "$PWD/elsewhere" "$CDK_METRICS_FILE"`,
		"a device": `ln -s /dev/zero "$CDK_METRICS_FILE"`,
		"a folder": `mkdir "$CDK_METRICS_FILE"`,
	} {
		t.Run(name, func(t *testing.T) {
			result, log := hooked(t, &world{}, nil, script)
			if result.Failure != nil || len(result.Hooks) != 1 || len(result.Hooks[0].Values) > 0 {
				t.Errorf("result %+v", result)
			}
			if !strings.Contains(log, "CDK_METRICS_FILE are not read") {
				t.Errorf("the log does not say so:\n%s", log)
			}
		})
	}
}

// TestAPipeInTheLogsPlaceBlocksNoRun puts pipes where the run will write.
func TestAPipeInTheLogsPlaceBlocksNoRun(t *testing.T) {
	dir := run.Dir(t.TempDir())
	for n := range 2 {
		if err := syscall.Mkfifo(dir.Log(n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	log, err := OpenLog(dir, redact.New())
	if err != nil {
		t.Fatal(err)
	}
	for range headSize/1000 + 100 {
		log.Printf("Cloning", "%s", strings.Repeat("x", 1000))
	}
	_ = log.Close()
	for n := range 2 {
		if info, err := os.Lstat(dir.Log(n)); err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
			t.Errorf("piece %d: %v, %v", n, info, err)
		}
	}
}

func TestAPipeInTheResultsPlaceIsRefused(t *testing.T) {
	dir := run.Dir(t.TempDir())
	for _, path := range []string{dir.Result(), dir.Step(), dir.Request()} {
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := dir.ReadResult(); err == nil || !strings.Contains(err.Error(), "pipe") {
		t.Errorf("ReadResult = %v", err)
	}
	if _, err := dir.ReadStep(); err == nil {
		t.Error("a step was read")
	}
	if err := dir.WriteStep("Cloning"); err != nil {
		t.Error(err)
	}
	if step, err := dir.ReadStep(); step != "Cloning" || err != nil {
		t.Errorf("step %q, %v", step, err)
	}
}
