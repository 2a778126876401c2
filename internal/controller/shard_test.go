package controller_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/executor"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"k8s.io/utils/ptr"
)

// shards are two managers: one for objects without a label, one for "blue".
func (w *world) shards() (plain, blue *running, blueData string) {
	w.Helper()
	blueData = w.TempDir()
	return w.manage(), w.manageShard("@every 1s", "blue", blueData), blueData
}

// ofShard is an object of a shard's, not created yet.
func (w *world) ofShard(name, shard string) *v1alpha1.CdkTsStack {
	obj := w.stack(name)
	obj.Spec.Actions = &v1alpha1.Actions{DriftDetection: ptr.To(false)}
	if shard != "" {
		obj.Labels = map[string]string{v1alpha1.ShardLabel: shard}
	}
	return obj
}

// passes is how many passes a manager made over an object.
func (r *running) passes(tb testing.TB, name string) (n float64) {
	tb.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		tb.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "cdktsstack_passes_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "resource_name" && l.GetValue() == name {
					n += m.GetCounter().GetValue()
				}
			}
		}
	}
	return n
}

func TestEachShardTakesItsObjects(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	plain, blue, _ := w.shards()
	w.create(w.ofShard("one", ""))
	w.create(w.ofShard("two", "blue"))
	w.create(w.ofShard("three", "green"))
	w.untilReady("one")
	w.untilReady("two")
	if plain.passes(t, "two") > 0 || blue.passes(t, "one") > 0 {
		t.Error("a manager went over an object of another's")
	}
	if three := w.get("three"); len(three.Finalizers) > 0 || three.Status.Phase != "" {
		t.Errorf("somebody took an object of a shard without a manager: %+v", three.Status)
	}
}

// Two objects of one stack are rivals although no manager takes both.
func TestAStackOfAnotherShardIsNotDeployedAndNotDeleted(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.shards()
	first := w.ofShard("first", "")
	first.Spec.StackName = "Shared"
	w.create(first)
	w.untilReady("first")
	second := w.ofShard("second", "blue")
	second.Spec.StackName = "Shared"
	w.create(second)
	w.until("second", "it is refused", because("StackOfAnother"))
	w.must(w.client.Delete(t.Context(), w.get("second")))
	w.untilGone("second")
	w.noDeletion()
	// The end of the one wakes the other, in whatever shard.
	third := w.ofShard("third", "blue")
	third.Spec.StackName = "Shared"
	w.create(third)
	w.until("third", "it is refused", because("StackOfAnother"))
	w.edit("first", `{"spec":{"actions":{"destroy":false}}}`)
	w.must(w.client.Delete(t.Context(), w.get("first")))
	w.untilGone("first")
	w.untilReady("third")
	w.noDeletion()
}

// An object whose label changes in the middle of its deployment goes on in the
// other shard, and nothing is done twice to its stack.
func TestAnObjectMovesBetweenShards(t *testing.T) {
	for name, moment := range map[string]func(*v1alpha1.CdkTsStack) bool{
		"while its hook runs": func(o *v1alpha1.CdkTsStack) bool {
			return o.Status.Operation != nil && o.Status.Operation.RunStep == "beforeDeploy"
		},
		"while it is planned or executed": func(o *v1alpha1.CdkTsStack) bool {
			return o.Status.Operation != nil && o.Status.Operation.Step != v1alpha1.StepBuilding
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "--speed", "1")
			w.commit(map[string]any{"Topic": topic("one")})
			plain, blue, blueData := w.shards()
			obj := w.ofShard("web", "")
			obj.Spec.LifecycleHooks = &v1alpha1.LifecycleHooks{BeforeDeploy: "sleep 1"}
			w.create(obj)
			w.until("web", "it is in the middle of its deployment", moment)
			w.edit("web", fmt.Sprintf(`{"metadata":{"labels":{%q:"blue"}}}`, v1alpha1.ShardLabel))
			w.untilReady("web")
			w.onlyOnce("CreateChangeSet", 1)
			w.onlyOnce("ExecuteChangeSet", 1)
			if got := w.stackStatus("Stack-web"); got != types.StackStatusCreateComplete {
				t.Errorf("the stack is %s", got)
			}
			awstest.Eventually(t, "the manager that it left has forgotten it", func() bool { return plain.passes(t, "web") == 0 })
			if blue.passes(t, "web") == 0 {
				t.Error("the other manager never took it")
			}
			for _, data := range []string{w.data, blueData} {
				w.noRunsIn(data)
			}
		})
	}
}

// noRunsIn waits until nothing is left of runs in a data folder.
func (w *world) noRunsIn(data string) {
	w.Helper()
	for range 200 {
		if left, err := os.ReadDir(filepath.Join(data, "runs")); err == nil && len(left) == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	w.Errorf("there are runs of nobody in %s", data)
}

// withdrawing notes which runs are withdrawn.
type withdrawing struct {
	executor.Executor
	mu  sync.Mutex
	all []string
}

func (e *withdrawing) Withdraw(run string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, run)
}

func (e *withdrawing) has(run string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Contains(e.all, run)
}

// A run that waits for its turn must not begin here once another manager takes
// its object, or nobody does.
func TestAManagerWithdrawsTheRunsOfAnObjectThatItLetsGo(t *testing.T) {
	for name, let := range map[string]func(*world){
		"to another shard": func(w *world) {
			w.edit("web", fmt.Sprintf(`{"metadata":{"labels":{%q:"blue"}}}`, v1alpha1.ShardLabel))
		},
		"gone by force": func(w *world) {
			w.must(w.client.Delete(t.Context(), w.stack("web")))
			w.edit("web", `{"metadata":{"finalizers":null}}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.commit(map[string]any{"Topic": topic("one")})
			runs := &withdrawing{}
			w.runs = func(e executor.Executor) executor.Executor { runs.Executor = e; return runs }
			w.manage()
			obj := w.ofShard("web", "")
			obj.Spec.LifecycleHooks = &v1alpha1.LifecycleHooks{BeforeDeploy: "sleep 5"}
			w.create(obj)
			in := w.until("web", "its run is there", func(o *v1alpha1.CdkTsStack) bool {
				return o.Status.Operation != nil && o.Status.Operation.RunStep != ""
			})
			let(w)
			awstest.Eventually(t, "its run is withdrawn", func() bool { return runs.has(decide.RunName(in.Status.Operation)) })
		})
	}
}
