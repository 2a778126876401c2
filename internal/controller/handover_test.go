package controller_test

import (
	"sync"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"k8s.io/utils/ptr"
)

// A GitOps tool renames an object: it creates the new one and prunes the old
// one, in whatever order.

// old deploys a stack as the object "old".
func (w *world) old(destroy *bool) (stackID string) {
	w.Helper()
	w.commit(map[string]any{"Topic": topic("one")})
	obj := w.stack("old")
	obj.Spec.StackName = "Shared"
	obj.Spec.Actions = &v1alpha1.Actions{Destroy: destroy, DriftDetection: ptr.To(false)}
	w.create(obj)
	return w.untilReady("old").Status.StackID
}

// renamed is the same under another object's name, not created yet.
func (w *world) renamed() *v1alpha1.CdkTsStack {
	obj := w.stack("new")
	obj.Spec.StackName = "Shared"
	obj.Spec.Actions = &v1alpha1.Actions{DriftDetection: ptr.To(false)}
	obj.Spec.Retry = &v1alpha1.Retry{Limit: ptr.To[int32](0)} // the wait counts no attempt
	return obj
}

// renames are the orders in which a tool may do it.
var renames = map[string]func(*world){
	"created, refused, then pruned": func(w *world) {
		w.create(w.renamed())
		w.until("new", "it is refused", because("StackOfAnother"))
		w.must(w.client.Delete(w.Context(), w.get("old")))
	},
	"created, then pruned at once": func(w *world) {
		w.create(w.renamed())
		w.must(w.client.Delete(w.Context(), w.get("old")))
	},
	"pruned, then created at once": func(w *world) {
		w.must(w.client.Delete(w.Context(), w.get("old")))
		w.create(w.renamed())
	},
	"at the same moment": func(w *world) {
		old := w.get("old")
		var both sync.WaitGroup
		both.Go(func() { w.must(w.client.Delete(w.Context(), old)) })
		both.Go(func() { w.create(w.renamed()) })
		both.Wait()
	},
}

func TestARenameThatKeepsTheStackHandsItOver(t *testing.T) {
	for name, rename := range renames {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.manage()
			before := w.old(ptr.To(false))
			rename(w)
			w.untilGone("old")
			after := w.untilReady("new")
			if after.Status.StackID != before || after.Status.StackClaim != v1alpha1.ClaimDeployed {
				t.Errorf("the new object has the stack %s (%s), want %s", after.Status.StackID, after.Status.StackClaim, before)
			}
			w.noDeletion()
			// The stack is the new object's now, and goes with it.
			w.must(w.client.Delete(t.Context(), w.get("new")))
			w.untilGone("new")
			if got := w.stackStatus("Shared"); got != "" {
				t.Errorf("the stack is left, %q", got)
			}
		})
	}
}

func TestARenameThatDeletesTheStackMakesItAnew(t *testing.T) {
	for name, rename := range renames {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.manage()
			before := w.old(nil)
			rename(w)
			w.untilGone("old")
			after := w.untilReady("new")
			if after.Status.StackID == before {
				t.Error("the new object says that it has the stack that was deleted")
			}
			if n := w.aws.Succeeded(t, "DeleteStack"); n != 1 {
				t.Errorf("DeleteStack was called %d times, want once", n)
			}
			if got := w.stackStatus("Shared"); got != types.StackStatusCreateComplete {
				t.Errorf("the stack is %q", got)
			}
		})
	}
}

func TestAnObjectThatWaitsForAnotherAsksNothingOfAWS(t *testing.T) {
	w := newWorld(t)
	w.manage()
	w.old(nil)
	w.create(w.renamed())
	w.until("new", "it is refused", func(o *v1alpha1.CdkTsStack) bool {
		return because("StackOfAnother")(o) && len(o.Status.DiscardedChangeSets) == 0
	})
	version := w.get("new").ResourceVersion
	w.aws.ForgetCalls(t)
	listings := w.git.Listings()
	awstest.Eventually(t, "the repository was looked at again, twice", func() bool { return w.git.Listings() >= listings+2 })
	if calls := w.aws.Calls(t, ""); len(calls) > 0 {
		t.Errorf("AWS was called: %v", calls)
	}
	if got := w.get("new").ResourceVersion; got != version {
		t.Error("the object was written")
	}
}

// A manager that starts again still wakes those that wait.
func TestAnObjectThatWaitsIsWokenByTheNextManager(t *testing.T) {
	w := newWorld(t)
	first := w.manage()
	w.old(ptr.To(false))
	w.create(w.renamed())
	w.until("new", "it is refused", because("StackOfAnother"))
	first.stop()
	w.manage()
	w.must(w.client.Delete(t.Context(), w.get("old")))
	w.untilGone("old")
	w.untilReady("new")
	w.noDeletion()
}
