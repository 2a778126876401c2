package controller_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/controller"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/test/e2e/rig"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// tally sees every state of every object that was saved.
type tally struct {
	writes atomic.Int64
	stop   func()

	mu sync.Mutex
	// entered are the hooks whose steps were entered, by the name of their run.
	entered map[string]string
	// overtaken are the operations that were in flight when the user wanted
	// something else, or between that and its beginning: they may be dropped.
	overtaken map[string]bool
	wanted    map[types.UID]string // what the user wants of each object
	pending   map[types.UID]bool   // and whether that has not begun yet
	ended     map[string]v1alpha1.HistoryEntry
	failures  map[string]bool
}

func newTally(w *world) *tally {
	t := &tally{
		entered: map[string]string{}, overtaken: map[string]bool{}, wanted: map[types.UID]string{}, pending: map[types.UID]bool{},
		ended: map[string]v1alpha1.HistoryEntry{}, failures: map[string]bool{},
	}
	c, err := client.NewWithWatch(apiServer, client.Options{Scheme: controller.Scheme()})
	w.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); t.follow(ctx, c, w.namespace) }()
	t.stop = sync.OnceFunc(func() { cancel(); <-done })
	w.Cleanup(t.stop)
	return t
}

// follow notes every state from now on, whatever becomes of a watch.
func (t *tally) follow(ctx context.Context, c client.WithWatch, namespace string) {
	version := ""
	for ctx.Err() == nil {
		changes, err := c.Watch(ctx, &v1alpha1.CdkTsStackList{}, client.InNamespace(namespace), &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: version}})
		if err != nil {
			time.Sleep(50 * time.Millisecond)
			continue
		}
		for e := range changes.ResultChan() {
			if obj, ok := e.Object.(*v1alpha1.CdkTsStack); ok {
				version = obj.ResourceVersion
				t.note(obj, e.Type == watch.Deleted)
			}
		}
	}
}

func (t *tally) note(obj *v1alpha1.CdkTsStack, gone bool) {
	t.writes.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	st := &obj.Status
	if op := st.Operation; op != nil && !gone {
		if hook := decide.HookAt(&obj.Spec, op); hook.Script != "" && decide.Runs(op) {
			t.entered[decide.RunName(op)] = hook.Name
		}
	}
	t.noteWish(obj)
	for _, e := range st.History {
		t.ended[e.Operation] = e
		if e.Outcome == v1alpha1.OutcomeSuperseded {
			t.overtaken[e.Operation] = true
		}
		if e.Outcome == v1alpha1.OutcomeFailed || e.Outcome == v1alpha1.OutcomeRefused {
			t.failures[fmt.Sprintf("%s: %s failed: %s: %s", obj.Name, e.Operation, e.Reason, e.Message)] = true
		}
	}
	for _, h := range st.Hooks {
		if !h.Succeeded {
			t.failures[fmt.Sprintf("%s: hook %s of %s failed: %s", obj.Name, h.Name, h.Operation, h.Message)] = true
		}
	}
	if st.Drift != nil && st.Drift.Error != "" {
		t.failures[fmt.Sprintf("%s: drift check at %s failed: %s", obj.Name, st.Drift.AttemptedAt, st.Drift.Error)] = true
	}
}

// noteWish tells what the user wants from what goes on without that.
func (t *tally) noteWish(obj *v1alpha1.CdkTsStack) {
	was, known := t.wanted[obj.UID]
	changed := known && was != wanted(obj)
	t.wanted[obj.UID] = wanted(obj)
	op := obj.Status.Operation
	check := op != nil && (op.Kind == v1alpha1.OperationDriftCheck || op.Kind == v1alpha1.OperationGitSync)
	switch {
	case changed:
		t.pending[obj.UID] = true
	case op != nil && !check:
		t.pending[obj.UID] = false
	}
	if op != nil && t.pending[obj.UID] {
		t.overtaken[op.ID] = true
	}
}

func wanted(obj *v1alpha1.CdkTsStack) string {
	return fmt.Sprint(obj.Annotations, obj.DeletionTimestamp)
}

// figures are what a kill loop counted.
type figures struct {
	kills, lives, operations, hooks int
	double, failures, lost, orphans int
	// wrong says what must not be.
	wrong []string
}

func (f figures) String() string {
	return fmt.Sprintf("%d kills, %d stacks lived, %d deployments and destructions, %d hooks ran: %d double executions, %d false failures, %d lost hooks, %d orphans",
		f.kills, f.lives, f.operations, f.hooks, f.double, f.failures, f.lost, f.orphans)
}

func (k *killLoop) figures(killed int) figures {
	t := k.tally
	f := figures{kills: killed, lives: int(k.lived.Load()), operations: len(t.ended), failures: len(t.failures)}
	for what := range t.failures {
		f.wrong = append(f.wrong, "false failure: "+what)
	}
	ran := k.ran()
	for trace, times := range ran {
		f.hooks += times
		run, _, _ := strings.Cut(trace, " ")
		if again := times - 1 - k.lost[run]; again > 0 {
			f.double += again
			f.wrong = append(f.wrong, fmt.Sprintf("executed %d times: %s", times, trace))
		}
	}
	for run, hook := range t.entered {
		operation := strings.TrimSuffix(strings.TrimSuffix(run, "-before"), "-after")
		if ran[run+" "+hook] == 0 && !t.overtaken[operation] {
			f.lost++
			f.wrong = append(f.wrong, fmt.Sprintf("lost: %s of %s", hook, run))
		}
	}
	deployed := 0
	for _, e := range t.ended {
		if e.Kind == v1alpha1.OperationDeploy && e.Outcome == v1alpha1.OutcomeSucceeded {
			deployed++
		}
	}
	for action, want := range map[string]int{"ExecuteChangeSet": deployed, "DeleteStack": f.lives} {
		if got := k.aws.Succeeded(k, action); got > want {
			f.double += got - want
			f.wrong = append(f.wrong, fmt.Sprintf("AWS took %s %d times, want %d", action, got, want))
		}
	}
	for _, what := range k.leftovers() {
		f.orphans++
		f.wrong = append(f.wrong, "orphan: "+what)
	}
	slices.Sort(f.wrong)
	return f
}

// ran counts the traces of hooks.
func (k *killLoop) ran() map[string]int {
	text, err := os.ReadFile(k.traces)
	k.must(err)
	ran := map[string]int{}
	for line := range strings.Lines(string(text)) {
		ran[strings.TrimSpace(line)]++
	}
	return ran
}

// runFolders are those of the manager that lives, or of the last one.
func (k *killLoop) runFolders() ([]os.DirEntry, error) {
	data := k.data
	if len(k.pods) > 0 {
		data = k.pods[0].data
	}
	return os.ReadDir(filepath.Join(data, "runs"))
}

// leftovers are stacks, folders and processes that nobody knows any more.
func (k *killLoop) leftovers() []string {
	var left []string
	api := cfn.New(cfn.Options{Region: region, BaseEndpoint: &k.aws.URL, Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "test", "")})
	stacks, err := api.DescribeStacks(k.Context(), &cfn.DescribeStacksInput{})
	k.must(err)
	for _, s := range stacks.Stacks {
		if name := aws.ToString(s.StackName); strings.HasPrefix(name, "Stack-") {
			left = append(left, "the stack "+name)
		}
	}
	var folders []os.DirEntry
	for range 100 { // what has ended is cleared in the background
		folders, err = k.runFolders()
		k.must(err)
		if len(folders) == 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	for _, folder := range folders {
		left = append(left, "the folder of the run "+folder.Name())
	}
	for _, process := range rig.Processes(k, k.data) {
		left = append(left, "the process "+process)
	}
	return left
}
