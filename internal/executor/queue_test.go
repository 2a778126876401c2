package executor

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/run"
)

// waiting is a run of a namespace; of the hook, if one is named.
func waiting(namespace, hook string) *task {
	r := &task{request: run.Request{Namespace: namespace}}
	if hook != "" {
		r.request.Operation, r.request.Hook = run.OperationHook, &run.Hook{Name: hook}
	}
	return r
}

func anyNamespace(string) bool { return true }

func TestHooksThatAreWaitedForGoBeforeBuildsAndNoBuildStarves(t *testing.T) {
	var q Queue[*task]
	names := map[*task]string{}
	push := func(name string, r *task) { names[r] = name; q.Push(r) }
	for i := range 3 {
		push(fmt.Sprintf("build-%d", i), waiting("team", ""))
	}
	push("git", waiting("team", decide.AfterGitSync))
	for i, hook := range []string{decide.AfterDeploy, decide.BeforeDestroy, decide.AfterDestroy, decide.BeforeDriftDetection, decide.AfterDriftDetection} {
		push(fmt.Sprintf("hook-%d", i), waiting("team", hook))
	}
	var order []string
	for r := q.Pop(anyNamespace); r != nil; r = q.Pop(anyNamespace) {
		order = append(order, names[r])
	}
	want := "hook-0 hook-1 hook-2 build-0 hook-3 hook-4 build-1 build-2 git"
	if got := strings.Join(order, " "); got != want {
		t.Errorf("order %s, want %s", got, want)
	}
}

func TestThePlaceInTheQueueIsTheNumberOfRunsThatGoFirst(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var q Queue[*task]
		var all []*task
		for range random.IntN(30) {
			r := waiting(string(rune('a'+random.IntN(4))), []string{"", "", decide.AfterDeploy}[random.IntN(3)])
			q.Push(r)
			all = append(all, r)
		}
		for range random.IntN(5) { // it has been in use
			if len(all) > 0 {
				gone := all[random.IntN(len(all))]
				q.Remove(gone)
				all = slices.DeleteFunc(all, func(r *task) bool { return r == gone })
			}
			if r := q.Pop(anyNamespace); r != nil {
				late := waiting("a", "") // it may wait although many went first
				q.Push(late)
				all = append(all, late)
				all = slices.DeleteFunc(all, func(other *task) bool { return other == r })
			}
		}
		said := map[*task]int{}
		for _, r := range all {
			said[r] = q.Ahead(r)
		}
		for n := range all {
			r := q.Pop(anyNamespace)
			if said[r] != n {
				t.Fatalf("a run that said that %d are ahead had its turn after %d", said[r], n)
			}
		}
		if q.Pop(anyNamespace) != nil {
			t.Fatal("the queue is not empty")
		}
	}
}

func TestANamespaceThatMayHaveNoMoreLetsOthersGoFirst(t *testing.T) {
	var q Queue[*task]
	first, second, other := waiting("a", ""), waiting("a", ""), waiting("b", "")
	for _, r := range []*task{first, second, other} {
		q.Push(r)
	}
	if q.Pop(func(ns string) bool { return ns != "a" }) != other {
		t.Error("the run of another namespace did not have its turn")
	}
	if q.Pop(func(ns string) bool { return ns != "a" }) != nil {
		t.Error("a namespace that may have no more had its turn")
	}
	if q.Pop(anyNamespace) != first || q.Pop(anyNamespace) != second {
		t.Error("the order within the namespace was lost")
	}
}
