package executor

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"awscdk.dev/operator/internal/proc"
)

func TestABoxHoldsWhatIsPutIntoItAndIsEmptiedAtOnce(t *testing.T) {
	tried := 0
	for name, groups := range map[string]controlGroups{
		"as this process would": findControlGroups("/sys/fs/cgroup"),
		"version 2":             {parent: "/sys/fs/cgroup"},
		"version 2, hybrid":     {parent: "/sys/fs/cgroup/unified"},
	} {
		b := groups.open(0)
		if b == "" {
			t.Logf("%s: this host does not allow it", name)
			continue
		}
		tried++
		t.Run(name, func(t *testing.T) {
			defer b.close()
			cmd := exec.Command("sh", "-c", "sleep 60 & wait")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if err := b.put(cmd.Process.Pid); err != nil {
				t.Errorf("put: %v", err)
			}
			if inside := b.processes(); len(inside) == 0 {
				t.Error("the cgroup is empty after a process was put into it")
			}
			b.kill()
			_ = cmd.Wait()
			if id, err := proc.Find(cmd.Process.Pid); err == nil {
				t.Errorf("%v still runs", id)
			}
			b.close()
			if _, err := os.Stat(string(b)); !os.IsNotExist(err) {
				t.Errorf("the cgroup is still there: %v", err)
			}
		})
	}
	if tried == 0 {
		t.Skip("this host lets us make no control groups: runs go without")
	}
}

func TestWithoutControlGroupsThereIsNoBox(t *testing.T) {
	groups := controlGroups{parent: filepath.Join(t.TempDir(), "none")}
	b := groups.open(1 << 30)
	if b != "" {
		t.Fatalf("cgroup %q", b)
	}
	if err := b.put(1); err != nil || b.ranOut() {
		t.Errorf("no cgroup: put %v, ran out %v", err, b.ranOut())
	}
	b.kill()
	b.close()
}
