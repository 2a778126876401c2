package controller_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/test/e2e/rig"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
)

// The kill loop kills managers at random moments while stacks with all eight
// hooks live, and counts what must never happen. It is bounded by
//
//	KILL_LOOP          how many managers are killed; a few by default, while
//	                   one stack lives
//	KILL_LOOP_MINUTES  after which no more are, 30 by default
//	KILL_LOOP_SEED     of the random moments; it is printed
//	KILL_LOOP_MANAGERS 2: a standby takes over each time, and a manager that is
//	                   killed takes its runs and its data folder along, as a pod does
//	KILL_LOOP_EXECUTOR where runs run, Local by default
//
// `make kill-loop` kills 200.
func TestKillLoop(t *testing.T) {
	kills, minutes := fromEnv(t, "KILL_LOOP", 6), fromEnv(t, "KILL_LOOP_MINUTES", 30)
	seed := fromEnv(t, "KILL_LOOP_SEED", int(time.Now().UnixMilli()))
	k := &killLoop{world: newWorld(t), random: rand.New(rand.NewPCG(uint64(seed), 0))}
	k.traces = filepath.Join(t.TempDir(), "traces")
	t.Cleanup(k.endAll)
	k.tally = newTally(k.world)
	k.commitAnew()

	var users sync.WaitGroup
	stacks := []string{"one", "two", "three"}
	if os.Getenv("KILL_LOOP") == "" {
		stacks = stacks[:1]
	}
	for _, name := range stacks {
		users.Go(func() { k.lives(name) })
	}
	killed, began := 0, time.Now()
	kill := k.killOne
	if fromEnv(t, "KILL_LOOP_MANAGERS", 1) > 1 {
		kill = k.killLeader
	}
	for killed < kills && time.Since(began) < time.Duration(minutes)*time.Minute {
		kill()
		killed++
	}
	k.over.Store(true)
	last := k.last()
	users.Wait()
	k.tally.stop()
	figures := k.figures(killed)
	t.Logf("kill loop, seed %d, %s: %s", seed, time.Since(began).Round(time.Second), figures)
	for _, what := range figures.wrong {
		t.Error(what)
	}
	end(last)
}

// killLoop is a world in which managers do not live long.
type killLoop struct {
	*world
	tally  *tally
	traces string
	random *rand.Rand
	// pods are the managers that live, each with a data folder of its own, when
	// there are several.
	pods []*pod
	// lost are the runs that ended with their managers, and how often: they are
	// begun again, hooks from their beginning.
	lost map[string]int
	// over is set when no more managers are killed.
	over    atomic.Bool
	lived   atomic.Int64
	commits sync.Mutex
}

func fromEnv(t *testing.T, name string, fallback int) int {
	t.Helper()
	if os.Getenv(name) == "" {
		return fallback
	}
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// manager starts a manager that works alone.
func (k *killLoop) manager() *exec.Cmd { return k.managerOf(k.data) }

func (k *killLoop) managerOf(data string, flags ...string) *exec.Cmd {
	config := filepath.Join(k.data, "kubeconfig")
	k.must(os.WriteFile(config, kubeconfig, 0o600))
	cmd := exec.Command(os.Args[0], append([]string{
		"manager", "--kubeconfig", config, "--namespace", k.namespace, "--data", data,
		"--drift", "@every 4s", "--git-sync", "@every 3s", "--executor", cmp.Or(os.Getenv("KILL_LOOP_EXECUTOR"), "Local"),
	}, flags...)...)
	cmd.Stderr = os.Stderr
	k.must(cmd.Start())
	return cmd
}

// last is the manager that brings everything to its end: the one that is left of
// several, or a new one.
func (k *killLoop) last() *exec.Cmd {
	if len(k.pods) > 0 {
		return k.pods[0].cmd
	}
	return k.manager()
}

// endAll ends every run, and every manager that lives.
func (k *killLoop) endAll() {
	for _, p := range k.pods {
		end(p.cmd)
		rig.EndRuns(p.data)
	}
	rig.EndRuns(k.data)
}

func end(manager *exec.Cmd) {
	_ = manager.Process.Kill() // it has ended by itself otherwise
	_ = manager.Wait()
}

// killOne lets one manager live for a random time.
func (k *killLoop) killOne() {
	m := k.manager()
	defer end(m)
	k.aMoment()
}

// aMoment is how long a manager lives. Half of them die within moments of a write
// of a status: right before, while or after they act on it.
func (k *killLoop) aMoment() {
	if k.random.IntN(2) == 0 {
		time.Sleep(time.Duration(50+k.random.IntN(3000)) * time.Millisecond)
		return
	}
	target := k.tally.writes.Load() + int64(1+k.random.IntN(8))
	for range 500 {
		if k.tally.writes.Load() >= target {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(time.Duration(k.random.IntN(30)) * time.Millisecond)
}

// commitAnew commits a template that differs from all before.
func (k *killLoop) commitAnew() string {
	k.commits.Lock()
	defer k.commits.Unlock()
	return k.commit(map[string]any{"Topic": topic(time.Now().Format(time.RFC3339Nano))})
}

// lives lets a stack be made, changed and destroyed, again and again.
func (k *killLoop) lives(name string) {
	for life := 0; !k.over.Load(); life++ {
		obj := k.hooked(fmt.Sprintf("%s-%d", name, life), v1alpha1.LifecycleHooks{
			BeforeDeploy: k.trace("beforeDeploy"), AfterDeploy: k.trace("afterDeploy"),
			BeforeDestroy: k.trace("beforeDestroy"), AfterDestroy: k.trace("afterDestroy"),
			BeforeDriftDetection: k.trace("beforeDriftDetection"), AfterDriftDetection: k.trace("afterDriftDetection"),
			BeforeGitSync: k.trace("beforeGitSync"), AfterGitSync: k.trace("afterGitSync"),
		})
		obj.Spec.Approval = &v1alpha1.Approval{Required: v1alpha1.ApprovalOnNewCommit}
		k.create(obj)
		k.reach(obj.Name, "it is deployed", ready)
		revision := k.commitAnew()
		k.edit(obj.Name, fmt.Sprintf(`{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":%q}}}`, revision))
		k.reach(obj.Name, "the change is deployed", func(o *v1alpha1.CdkTsStack) bool {
			k.approveOnce(o)
			return ready(o) && o.Status.Deployed.Target.Order != "" && o.Status.Operation == nil
		})
		checked := time.Now()
		k.reach(obj.Name, "drift is looked for", func(o *v1alpha1.CdkTsStack) bool {
			return o.Status.LastDriftCheck != nil && o.Status.LastDriftCheck.Time.After(checked)
		})
		k.must(k.client.Delete(k.Context(), k.get(obj.Name)))
		k.reach(obj.Name, "it is gone", nil)
		k.lived.Add(1)
	}
}

// approveOnce approves the plan that waits, if that was not done yet. Another takes
// its place when a newer commit comes.
func (k *killLoop) approveOnce(o *v1alpha1.CdkTsStack) {
	if waitsAt(o, "approval") && o.Annotations[v1alpha1.ApproveAnnotation] != o.Status.Changes.Digest {
		k.approve(o)
	}
}

// trace is a hook that tells which run it is of, and takes some time.
func (k *killLoop) trace(hook string) string {
	return fmt.Sprintf(`echo "$(basename "$(dirname "$TMPDIR")") %s" >> %s; sleep 0.$((RANDOM %% 4))`, hook, k.traces)
}

// reach waits for a state of an object, nil for its end.
func (k *killLoop) reach(name, what string, holds func(*v1alpha1.CdkTsStack) bool) {
	obj := &v1alpha1.CdkTsStack{}
	for range 6000 { // ten minutes
		err := k.client.Get(k.Context(), types.NamespacedName{Namespace: k.namespace, Name: name}, obj)
		switch {
		case apierrors.IsNotFound(err) && holds == nil:
			return
		case err != nil:
			k.Errorf("%s: before %s: %v", name, what, err)
			return
		case holds != nil && holds(obj):
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	k.Errorf("%s: it did not come about that %s: %s; operation %+v", name, what, message(obj), obj.Status.Operation)
	k.over.Store(true)
}
