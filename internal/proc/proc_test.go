package proc

import (
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func sleeper(t *testing.T, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	cmd.Env = append(os.Environ(), env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if condition() {
			return
		}
	}
	t.Fatalf("never came true: %s", what)
}

func TestAProcessIsFoundUntilItEnds(t *testing.T) {
	cmd := sleeper(t)
	id, err := Find(cmd.Process.Pid)
	if err != nil || !id.Alive() {
		t.Fatalf("Find = %v, %v; want a living process", id, err)
	}
	if err := id.Signal(unix.SIGKILL); err != nil {
		t.Fatalf("Signal: %v", err)
	}
	eventually(t, "the zombie counts as gone", func() bool { return !id.Alive() })
	if err := id.Signal(unix.SIGKILL); !errors.Is(err, ErrGone) {
		t.Errorf("Signal = %v, want ErrGone", err)
	}
}

func TestAnotherProcessWithTheSameIDIsLeftAlone(t *testing.T) {
	cmd := sleeper(t)
	id, err := Find(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	earlier := ID{PID: id.PID, Start: id.Start - 1}
	if earlier.Alive() {
		t.Error("a recycled id is taken for the earlier process")
	}
	for name, signal := range map[string]func(unix.Signal) error{"Signal": earlier.Signal, "SignalGroup": earlier.SignalGroup} {
		if err := signal(unix.SIGKILL); !errors.Is(err, ErrGone) {
			t.Errorf("%s = %v, want ErrGone", name, err)
		}
	}
	if !id.Alive() {
		t.Error("the wrong process was killed")
	}
}

func TestMarkedProcessesAreKilledAndOthersAreNot(t *testing.T) {
	sleepy, other := sleeper(t, "PROC_TEST=one"), sleeper(t, "PROC_TEST=one-more")
	// Between fork and exec it still has our environment.
	eventually(t, "the marked process has its environment", func() bool { return len(marked("PROC_TEST=one")) == 1 })
	if n := KillMarked("PROC_TEST=one"); n != 1 {
		t.Errorf("killed %d, want 1", n)
	}
	if id, err := Find(sleepy.Process.Pid); err == nil {
		t.Errorf("%v still runs", id)
	}
	if _, err := Find(other.Process.Pid); err != nil {
		t.Errorf("the other is gone: %v", err)
	}
}

func TestMemoryCountsWhatIsBelow(t *testing.T) {
	cmd := sleeper(t)
	var child int64
	// Between fork and exec the kernel may show no memory of it yet.
	eventually(t, "the child has memory", func() bool { child = Memory(cmd.Process.Pid); return child > 0 })
	if _, found := descendants(os.Getpid())[cmd.Process.Pid]; !found {
		t.Error("the child is not found below its parent")
	}
	self, err := readStat(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if both := Memory(os.Getpid()); both < self.rss*int64(os.Getpagesize())/2+child {
		t.Errorf("Memory = %d, want the child's %d on top of our own", both, child)
	}
}

func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		Memory(os.Getpid())
	}
}

func TestATreeIsKilledWithItsRoot(t *testing.T) {
	// The grandchild has a session of its own, and the root ignores SIGTERM.
	cmd := exec.Command("sh", "-c", "trap '' TERM; setsid sleep 60 & sleep 60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	var below map[int]stat
	eventually(t, "the tree has grown", func() bool { below = descendants(cmd.Process.Pid); return len(below) >= 2 })
	if err := KillTree(cmd.Process.Pid); err != nil {
		t.Fatalf("KillTree: %v", err)
	}
	for pid, s := range below {
		eventually(t, "what was below is gone", func() bool { return !(ID{PID: pid, Start: s.start}).Alive() })
	}
	_ = cmd.Wait()
	if err := KillTree(cmd.Process.Pid); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("KillTree of a process that has ended = %v", err)
	}
}
