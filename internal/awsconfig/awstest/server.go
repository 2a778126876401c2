// Package awstest runs the local AWS of the demo for tests.
package awstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Account is the account that the keys of Env belong to.
const Account = "123456789012"

// Server is a local AWS of a test's own.
type Server struct {
	URL string
}

// Start runs a local AWS until the test ends and points the AWS environment of
// the process at it. Flags are those of demo/cmd/localaws; `--speed 0` makes
// its resources take no time.
func Start(tb testing.TB, flags ...string) *Server {
	tb.Helper()
	ready := filepath.Join(tb.TempDir(), "ready")
	args := append([]string{"--addr", "127.0.0.1:0", "--quiet", "--account", Account, "--ready-file", ready}, flags...)
	cmd := exec.Command(Binary(tb), args...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		tb.Fatalf("start localaws: %v", err)
	}
	tb.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	var address []byte
	Eventually(tb, "localaws is ready", func() bool {
		address, _ = os.ReadFile(ready)
		return len(address) > 0
	})
	s := &Server{URL: strings.TrimSpace(string(address))}
	Env(tb, s.URL)
	return s
}

// Env points the AWS environment of the process at an endpoint and keeps the
// machine's own settings out.
func Env(tb testing.TB, endpoint string) {
	tb.Helper()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": endpoint, "AWS_ENDPOINT_URL_S3": "", "AWS_ENDPOINT_URL_STS": "", "AWS_PROFILE": "",
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		tb.Setenv(name, value)
	}
}

// binaryOnce builds the local AWS, once for each test process.
var binaryOnce = sync.OnceValues(func() (string, error) {
	root, err := repository()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, ".cache", "bin", "localaws")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	// Others may be running the file: it is replaced, not written to.
	fresh := fmt.Sprintf("%s.%d", path, os.Getpid())
	build := exec.Command("go", "build", "-o", fresh, "./cmd/localaws")
	build.Dir = filepath.Join(root, "demo")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build localaws: %w\n%s", err, out)
	}
	return path, os.Rename(fresh, path)
})

// repository is the root of this repository, seen from a package's folder,
// where tests run.
func repository() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, statErr := os.Stat(filepath.Join(dir, "demo", "go.mod")); statErr == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no repository with a demo folder holds %s", dir)
		}
		dir = filepath.Dir(dir)
	}
	return "", err
}

// Binary is the path of the local AWS's command, demo/cmd/localaws.
func Binary(tb testing.TB) string {
	tb.Helper()
	path, err := binaryOnce()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// Fault is a failure to come; see demo/localaws/control.
type Fault struct {
	Service string `json:"service,omitempty"`
	Action  string `json:"action,omitempty"`
	Target  string `json:"target,omitempty"`
	Count   int    `json:"count,omitempty"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	Status  int    `json:"status,omitempty"`
	Hang    bool   `json:"hang,omitempty"`
	After   bool   `json:"after,omitempty"`
}

// Fault plans a failure.
func (s *Server) Fault(tb testing.TB, f Fault) {
	tb.Helper()
	body, err := json.Marshal(f)
	if err != nil {
		tb.Fatal(err)
	}
	s.do(tb, http.MethodPost, "/_localaws/faults", body)
}

// Heal forgets all planned failures.
func (s *Server) Heal(tb testing.TB) {
	tb.Helper()
	s.do(tb, http.MethodDelete, "/_localaws/faults", nil)
}

// Alarm puts an alarm, by its name or logical id, into a state: OK, ALARM or
// INSUFFICIENT_DATA.
func (s *Server) Alarm(tb testing.TB, alarm, state string) {
	tb.Helper()
	body, err := json.Marshal(map[string]string{"alarm": alarm, "state": state, "reason": "3 datapoints were above 1.0"})
	if err != nil {
		tb.Fatal(err)
	}
	s.do(tb, http.MethodPost, "/_localaws/alarm", body)
}

// ForgetCalls empties the journal of calls.
func (s *Server) ForgetCalls(tb testing.TB) {
	tb.Helper()
	s.do(tb, http.MethodDelete, "/_localaws/calls", nil)
}

// Call is one call in the journal.
type Call struct {
	Service, Action, Target, Error string
	AccessKey                      string
	Status                         int
}

// Calls returns the calls of an action so far, oldest first; "" is all.
func (s *Server) Calls(tb testing.TB, action string) []Call {
	tb.Helper()
	var answer struct{ Calls []Call }
	data := s.do(tb, http.MethodGet, "/_localaws/calls?action="+url.QueryEscape(action), nil)
	if err := json.Unmarshal(data, &answer); err != nil {
		tb.Fatal(err)
	}
	return answer.Calls
}

// Succeeded counts the calls of an action that were answered well.
func (s *Server) Succeeded(tb testing.TB, action string) int {
	tb.Helper()
	n := 0
	for _, c := range s.Calls(tb, action) {
		if c.Error == "" && c.Status < 300 {
			n++
		}
	}
	return n
}

// Count is how often an action was called since the start.
type Count struct {
	Service, Action string
	Write           bool
	Succeeded       int
	Refused         int
}

// Counts are those of all actions. Unlike Calls they are complete, however many
// calls there were.
func (s *Server) Counts(tb testing.TB) []Count {
	tb.Helper()
	var all []Count
	if err := json.Unmarshal(s.do(tb, http.MethodGet, "/_localaws/counts", nil), &all); err != nil {
		tb.Fatal(err)
	}
	return all
}

func (s *Server) do(tb testing.TB, method, path string, body []byte) []byte {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), method, s.URL+path, bytes.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		tb.Fatalf("%s %s: %s: %s, %v", method, path, answer.Status, data, err)
	}
	return data
}

// Eventually polls until a condition holds, for half a minute at most.
func Eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	deadline := time.NewTimer(2 * time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			tb.Fatalf("it did not come about that %s", what)
		}
	}
}
