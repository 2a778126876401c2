package rig

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"awscdk.dev/operator/internal/proc"
	"awscdk.dev/operator/internal/run"
)

// ManagerOptions shape a manager. Data is required.
type ManagerOptions struct {
	// Data is the folder of runs, mirrors and caches; a manager that follows
	// another is given the same.
	Data string
	// Namespace is what it looks after, "" for all.
	Namespace string
	// GitSync and Drift are schedules; "@every 1h" unless set.
	GitSync, Drift string
	// ShareDependencies spares installing what an earlier test has installed.
	ShareDependencies bool
	// Flags are added to the command line.
	Flags []string
}

// Manager is the built operator at work.
type Manager struct {
	// PID is its process.
	PID int
	// Ready is how long it took from exec until /readyz said ok.
	Ready time.Duration
	// Metrics is the address of its metrics.
	Metrics string

	data    string
	logPath string
	cmd     *exec.Cmd
	ended   chan struct{}
}

// Manage starts the operator and waits until it is ready. It is stopped when
// the test ends, with every run that it has left.
func (r *Rig) Manage(tb testing.TB, o ManagerOptions) *Manager {
	tb.Helper()
	if o.ShareDependencies {
		shareDependencies(tb, o.Data)
	}
	health := freeAddress(tb)
	m := &Manager{Metrics: "http://" + freeAddress(tb) + "/metrics", data: o.Data, ended: make(chan struct{})}
	log, err := os.CreateTemp(tb.TempDir(), "manager-*.log")
	must(tb, err)
	defer log.Close()
	m.logPath = log.Name()
	args := append([]string{
		"manager", "--data-dir", o.Data, "--watch-namespaces", o.Namespace,
		"--metrics-bind-address", strings.TrimSuffix(strings.TrimPrefix(m.Metrics, "http://"), "/metrics"), "--health-probe-bind-address", health, "--webhook-bind-address", "0",
	}, o.Flags...)
	m.cmd = exec.Command(r.operator, args...)
	m.cmd.Env = append(environment(), "KUBECONFIG="+r.kubeconfig,
		"GIT_SYNC_CHECK_CRON="+or(o.GitSync, "@every 1h"), "DRIFT_CHECK_CRON="+or(o.Drift, "@every 1h"))
	m.cmd.Stdout, m.cmd.Stderr = log, log
	began := time.Now()
	must(tb, m.cmd.Start())
	m.PID = m.cmd.Process.Pid
	go func() { _ = m.cmd.Wait(); close(m.ended) }()
	tb.Cleanup(func() {
		m.Stop(tb)
		EndRuns(o.Data)
		if tb.Failed() {
			tb.Logf("the end of the manager's log:\n%s", tail(m.Log(tb), 16<<10))
		}
	})
	m.awaitReady(tb, "http://"+health+"/readyz")
	m.Ready = time.Since(began)
	return m
}

func (m *Manager) awaitReady(tb testing.TB, url string) {
	tb.Helper()
	client := &http.Client{Timeout: 2 * time.Second}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		select {
		case <-m.ended:
			tb.Fatalf("the manager ended by itself:\n%s", m.Log(tb))
		default:
		}
		answer, err := client.Get(url)
		if err != nil {
			continue
		}
		_ = answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return
		}
	}
	tb.Fatalf("the manager is not ready after a minute:\n%s", m.Log(tb))
}

// Kill ends the manager at once, as a crash does: what it has started goes on.
func (m *Manager) Kill() {
	_ = m.cmd.Process.Kill() // fails only when it has ended
	<-m.ended
}

// Ended is closed when the manager has ended.
func (m *Manager) Ended() <-chan struct{} { return m.ended }

// Terminate asks the manager to end, and does not wait for it.
func (m *Manager) Terminate() { _ = m.cmd.Process.Signal(syscall.SIGTERM) }

// Stop asks the manager to end, which it must do in half a minute.
func (m *Manager) Stop(tb testing.TB) {
	tb.Helper()
	m.Terminate() // fails only when it has ended
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	select {
	case <-m.ended:
	case <-ctx.Done():
		m.Kill()
		tb.Error("the manager did not end within 30 s of being asked to")
	}
}

// Log is all that the manager and its runs have written so far.
func (m *Manager) Log(tb testing.TB) string {
	tb.Helper()
	text, err := os.ReadFile(m.logPath)
	must(tb, err)
	return string(text)
}

// Runs lists the folders of the runs in a data folder.
func Runs(data string) []run.Dir {
	entries, _ := os.ReadDir(filepath.Join(data, "runs"))
	dirs := make([]run.Dir, 0, len(entries))
	for _, e := range entries {
		dirs = append(dirs, run.Dir(filepath.Join(data, "runs", e.Name())))
	}
	return dirs
}

// EndRuns kills every process of every run in a data folder.
func EndRuns(data string) {
	for _, dir := range Runs(data) {
		EndRun(dir)
	}
}

// EndRun kills every process of a run, as the machine's end would.
func EndRun(dir run.Dir) {
	var id proc.ID
	if run.ReadJSON(dir.Process(), &id) == nil && id.Alive() {
		_ = id.Signal(unix.SIGSTOP) // so that it does not tell of the end of what it has started
		proc.KillBelow(id)
		proc.Kill([]proc.ID{id})
	}
	proc.KillMarked(runMark + string(dir))
}

// runMark is the variable that all processes of a run carry.
const runMark = "AWSCDK_OPERATOR_RUN="

// Processes lists the command lines of the processes of runs in a data folder.
func Processes(tb testing.TB, data string) []string {
	tb.Helper()
	entries, err := filepath.Glob("/proc/[0-9]*")
	must(tb, err)
	var found []string
	for _, dir := range entries {
		// A process that has ended meanwhile is none.
		env, _ := os.ReadFile(filepath.Join(dir, "environ"))
		if strings.Contains("\x00"+string(env), "\x00"+runMark+filepath.Join(data, "runs")+"/") {
			line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
			found = append(found, filepath.Base(dir)+" "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

// environment is this process's, without anything that could lead to a real
// account or cluster, or makes builds differ from machine to machine.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		_, value, _ := strings.Cut(variable, "=")
		return value == "" || slices.ContainsFunc(
			[]string{"KUBE", "CDK_", "NODE_OPTIONS=", "METRICS_", "DEBUG_MODE=", "AWSCDK_OPERATOR_", "WATCH_NAMESPACES="},
			func(prefix string) bool { return strings.HasPrefix(variable, prefix) })
	})
}

// freeAddress is a loopback address that nobody listened on a moment ago.
func freeAddress(tb testing.TB) string {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(tb, err)
	must(tb, listener.Close())
	return listener.Addr().String()
}

// tail is the end of a text, of so many bytes.
func tail(text string, length int) string { return text[max(0, len(text)-length):] }

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
