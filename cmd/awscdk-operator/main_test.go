package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/run"
)

func TestAWrongCallSaysWhatIsRight(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"an unknown verb":            {[]string{"deploy"}, 2, "usage:"},
		"an empty verb":              {[]string{""}, 2, "usage:"},
		"run without its folders":    {[]string{"run"}, 1, "--dir and --data"},
		"run with something more":    {[]string{"run", "--dir", "d", "--data", "d", "more"}, 1, "nothing else"},
		"run with an unknown flag":   {[]string{"run", "--help-me"}, 1, "not defined"},
		"run in a folder that isn't": {[]string{"run", "--dir", "/nonexistent", "--data", "/nonexistent"}, 1, "/nonexistent"},
	} {
		t.Run(name, func(t *testing.T) {
			// The last case would make this process the parent of orphans, and
			// hide it, before it fails: harmless in a test.
			var stderr strings.Builder
			if code := dispatch(t.Context(), c.args, &stderr); code != c.code || !strings.Contains(stderr.String(), c.says) {
				t.Errorf("exit code %d, %q; want %d and %q", code, stderr.String(), c.code, c.says)
			}
		})
	}
}

func TestRunCarriesOutARequestAndWritesItsResult(t *testing.T) {
	dir := run.Dir(t.TempDir())
	if err := dir.Create(); err != nil {
		t.Fatal(err)
	}
	// A repository that nothing has to be asked about.
	req := run.Request{Repository: "ext::sh -c evil", Timeout: time.Minute}
	if err := dir.WriteRequest(req); err != nil {
		t.Fatal(err)
	}
	r := carryOut(t, dir)
	if r.Failure == nil || r.Failure.Reason != "InvalidRepository" || r.Failure.Outlook != problem.Stalls {
		t.Errorf("failure %+v, want an InvalidRepository that stalls", r.Failure)
	}
}

// carryOut runs the verb in this process, with no secrets.
func carryOut(t *testing.T, dir run.Dir) *decide.RunResult {
	t.Helper()
	err := runFrom(context.Background(), []string{"--dir", string(dir), "--data", t.TempDir()}, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := dir.ReadResult()
	if err != nil {
		t.Fatal(err)
	}
	return r
}
