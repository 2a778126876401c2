package controller_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"awscdk.dev/operator/test/e2e/rig"
)

// pod is a manager among several, of which one leads.
type pod struct {
	cmd  *exec.Cmd
	data string
}

func (p *pod) leads() bool {
	_, err := os.Stat(filepath.Join(p.data, leads))
	return err == nil
}

// killLeader lets the leader of two managers lead for a random time, and then
// ends it as a pod ends that is lost: at once, with its runs and its data folder.
// The standby takes over when the lease has expired.
func (k *killLoop) killLeader() {
	for len(k.pods) < 2 {
		p := &pod{data: k.TempDir()}
		p.cmd = k.managerOf(p.data, "--lease", "kill-loop-"+k.namespace)
		k.pods = append(k.pods, p)
	}
	leader := k.leader()
	if leader < 0 {
		k.Fatal("nobody leads")
	}
	k.aMoment()
	dead := k.pods[leader]
	k.pods = append(k.pods[:leader:leader], k.pods[leader+1:]...)
	end(dead.cmd)
	k.endPod(dead.data)
}

// leader waits for one of the managers to lead.
func (k *killLoop) leader() int {
	for range 600 {
		for i, p := range k.pods {
			if p.leads() {
				return i
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	return -1
}

// endPod ends what a manager left, which may be in the middle of its work.
func (k *killLoop) endPod(data string) {
	if k.lost == nil {
		k.lost = map[string]int{}
	}
	for _, dir := range rig.Runs(data) {
		k.lost[filepath.Base(string(dir))]++
	}
	rig.EndRuns(data)
	k.must(os.RemoveAll(filepath.Join(data, "runs")))
}
