package controller_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// maxDeaths bounds how often a manager is killed in one life of a stack.
const maxDeaths = 300

// TestAManagerKilledAtEveryStepRepeatsNothing lets no manager live for longer
// than one write of the status: killed right after each, before it could act
// on it, or right before the next, when it has acted and could not tell.
func TestAManagerKilledAtEveryStepRepeatsNothing(t *testing.T) {
	for name, kill := range map[string]string{
		"after the intent was saved and before it was acted on": "after=1",
		"after it was acted on and before that was saved":       "before=2",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if deaths := w.diesWhileItDeploys(kill); deaths < 6 {
				t.Errorf("the manager died %d times only", deaths)
			}
		})
		t.Run(name+", while deployments are verified", func(t *testing.T) {
			w := newWorld(t)
			if deaths := w.diesWhileItVerifies(kill); deaths < 10 {
				t.Errorf("the manager died %d times only", deaths)
			}
		})
		t.Run(name+", while plans wait at gates", func(t *testing.T) {
			w := newWorld(t)
			if deaths := w.diesWhilePlansWait(kill); deaths < 10 {
				t.Errorf("the manager died %d times only", deaths)
			}
		})
	}
}

// diesWhileItDeploys is the life of a stack with hooks and without gates.
func (w *world) diesWhileItDeploys(kill string) (deaths int) {
	w.Helper()
	w.commit(map[string]any{"Topic": topic("one")})
	obj := w.stack("web")
	obj.Spec.Actions = &v1alpha1.Actions{DriftDetection: ptr.To(false)}
	obj.Spec.LifecycleHooks = &v1alpha1.LifecycleHooks{BeforeDeploy: ":", AfterDeploy: ":", BeforeDestroy: ":", AfterDestroy: ":"}
	w.create(obj)
	deaths += w.dieUntil(kill, func() bool { return ready(w.get("web")) })
	w.commit(map[string]any{"Topic": topic("two")})
	w.editStatus("web", `{"status":{"phase":""}}`)
	deaths += w.dieUntil(kill, func() bool { return ready(w.get("web")) && len(w.get("web").Status.History) == 2 })
	w.editStatus("web", `{"status":{"phase":""}}`) // there is nothing to change
	deaths += w.dieUntil(kill, func() bool {
		o := w.get("web")
		return ready(o) && len(o.Status.History) == 3 && len(o.Status.DiscardedChangeSets) == 0
	})
	w.onlyOnce("CreateChangeSet", 3)
	w.onlyOnce("ExecuteChangeSet", 2)
	return deaths + w.diesWhileItIsDeleted(kill, obj)
}

// diesWhileItIsDeleted ends the life of a stack.
func (w *world) diesWhileItIsDeleted(kill string, obj *v1alpha1.CdkTsStack) (deaths int) {
	w.Helper()
	if left := w.leftChangeSets(obj.Spec.StackName); len(left) > 0 {
		w.Errorf("change sets are left: %v", left)
	}
	w.must(w.client.Delete(w.Context(), w.get(obj.Name)))
	deaths = w.dieUntil(kill, func() bool {
		return client.IgnoreNotFound(w.client.Get(w.Context(), client.ObjectKeyFromObject(obj), &v1alpha1.CdkTsStack{})) == nil &&
			w.client.Get(w.Context(), client.ObjectKeyFromObject(obj), &v1alpha1.CdkTsStack{}) != nil
	})
	w.onlyOnce("DeleteStack", 1)
	w.noRunsLeft()
	return deaths
}

// onlyOnce fails the test unless AWS took that action exactly n times.
func (w *world) onlyOnce(action string, n int) {
	w.Helper()
	if got := w.aws.Succeeded(w, action); got != n {
		w.Errorf("AWS took %s %d times, want %d", action, got, n)
	}
}

// dieUntil starts managers that kill themselves, one after the other, until
// a state is reached; it returns how many died.
func (w *world) dieUntil(kill string, reached func() bool) (deaths int) {
	w.Helper()
	config := filepath.Join(w.TempDir(), "kubeconfig")
	w.must(os.WriteFile(config, kubeconfig, 0o600))
	for ; deaths < maxDeaths; deaths++ {
		cmd := exec.Command(os.Args[0], "manager", "--kubeconfig", config, "--namespace", w.namespace, "--data", w.data, "--die", kill)
		cmd.Stderr = os.Stderr
		w.must(cmd.Start())
		died := make(chan error, 1)
		go func() { died <- cmd.Wait(); close(died) }()
		if w.await(died, reached) {
			_ = cmd.Process.Signal(unix.SIGTERM)
			<-died
			return deaths
		}
	}
	w.Fatalf("after %d deaths the state was not reached: %+v", deaths, w.get("web").Status)
	return deaths
}

// await waits until the process has died (false) or the state is reached (true).
func (w *world) await(died <-chan error, reached func() bool) bool {
	w.Helper()
	for range 600 {
		select {
		case err := <-died:
			if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() >= 0 {
				w.Fatalf("the manager was not killed but ended with %v", err)
			}
			return reached()
		case <-time.After(100 * time.Millisecond):
			if reached() {
				return true
			}
		}
	}
	w.Fatalf("nothing happens: %+v", w.get("web").Status)
	return false
}

// noRunsLeft checks that a manager that lives leaves no run behind.
func (w *world) noRunsLeft() {
	w.Helper()
	w.manage()
	for range 600 {
		left, err := os.ReadDir(filepath.Join(w.data, "runs"))
		w.must(err)
		if len(left) == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	w.Error("there are runs of nobody")
}

// crashingManager is a manager that kills itself at a write of a status.
func crashingManager(args []string) error {
	flags := flag.NewFlagSet("manager", flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "")
	namespace := flags.String("namespace", "", "")
	data := flags.String("data", "", "")
	die := flags.String("die", "", "")
	drift := flags.String("drift", "@every 1h", "")
	gitSync := flags.String("git-sync", "@every 1s", "")
	lease := flags.String("lease", "", "")
	runs := flags.String("executor", "Local", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1
	var c counting
	// Without either it lives until somebody else kills it.
	_, _ = fmt.Sscanf(*die, "after=%d", &c.after)
	_, _ = fmt.Sscanf(*die, "before=%d", &c.before)
	mgr, _, stop, err := newManager(managerOptions{
		config: config, namespace: *namespace, data: *data, registry: prometheus.NewRegistry(), logs: io.Discard,
		drift: *drift, gitSync: *gitSync, now: time.Now, lease: *lease, executor: *runs, internal: loopback, freezes: oftenAsked,
		wrap: func(inner client.Client) client.Client { c.Client = inner; return &c },
	})
	if err != nil {
		return err
	}
	defer stop()
	go func() {
		<-mgr.Elected()
		_ = os.WriteFile(filepath.Join(*data, leads), nil, 0o600) // without it nobody waits for this manager's lead
	}()
	return mgr.Start(ctrl.SetupSignalHandler())
}

// leads is the file in its data folder by which a manager tells that it leads.
const leads = "leads"

// counting is a client that kills its process at the n-th write of a status.
type counting struct {
	client.Client
	after, before int64
	writes        atomic.Int64
}

func (c *counting) Status() client.SubResourceWriter {
	return &countingStatus{SubResourceWriter: c.Client.Status(), c: c}
}

type countingStatus struct {
	client.SubResourceWriter
	c *counting
}

func (s *countingStatus) Patch(ctx context.Context, obj client.Object, patch client.Patch, o ...client.SubResourcePatchOption) error {
	n := s.c.writes.Add(1)
	if n == s.c.before {
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	}
	err := s.SubResourceWriter.Patch(ctx, obj, patch, o...)
	if err != nil {
		s.c.writes.Add(-1)
	}
	if err == nil && n == s.c.after {
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	}
	return err
}
