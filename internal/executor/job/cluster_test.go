package job_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/executor"
	"awscdk.dev/operator/internal/executor/executortest"
	"awscdk.dev/operator/internal/executor/job"
	"awscdk.dev/operator/internal/executor/job/jobtest"
	"awscdk.dev/operator/internal/git"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/run"
)

// begin starts a run of the namespace's own object.
func (w *world) begin(e executor.Executor, name string, req run.Request) error {
	return executortest.For(e, w.namespace, "app", "u1").Start(w.Context(), name, req, run.Secrets{Git: git.Credentials{Password: "hunter22"}})
}

// job is a run's Job as the API server has it.
func (w *world) job(name string) *batchv1.Job {
	w.Helper()
	var j batchv1.Job
	w.must(w.client.Get(w.Context(), types.NamespacedName{Namespace: w.namespace, Name: name}, &j))
	return &j
}

// secret is a run's Secret as the API server has it.
func (w *world) secret(name string) *corev1.Secret {
	w.Helper()
	var s corev1.Secret
	w.must(w.client.Get(w.Context(), types.NamespacedName{Namespace: w.namespace, Name: name}, &s))
	return &s
}

// pod waits for the one pod of the namespace.
func (w *world) pod() *corev1.Pod {
	w.Helper()
	var pods corev1.PodList
	executortest.Eventually(w.TB.(*testing.T), "there is a pod", func() bool {
		w.must(w.client.List(w.Context(), &pods, client.InNamespace(w.namespace)))
		return len(pods.Items) == 1
	})
	return &pods.Items[0]
}

// waiting waits until a run says why it waits.
func (w *world) waiting(e executor.Executor, name, reason string) *problem.Problem {
	w.Helper()
	var seen decide.Run
	executortest.Eventually(w.TB.(*testing.T), name+" waits for "+reason, func() bool {
		seen = e.Observe(w.Context(), name)
		return seen.Waiting != nil && seen.Waiting.Reason == reason
	})
	return seen.Waiting
}

// The real admission of a namespace that enforces the restricted standard takes
// the pods of runs, with all that an object may ask for.
func TestPodsMeetTheRestrictedStandard(t *testing.T) {
	w := newWorld(t, jobtest.Options{}, func(o *job.Options) { o.UserNamespaces = true })
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}
	w.must(w.client.Patch(t.Context(), ns, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`))))
	req := executortest.Request(executortest.Succeed)
	req.Hook = &run.Hook{Name: decide.BeforeDeploy}
	req.Runner = &v1alpha1.Runner{
		Resources:    &corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi"), corev1.ResourceEphemeralStorage: resource.MustParse("2Gi")}},
		PodMetadata:  &v1alpha1.PodMetadata{Labels: map[string]string{"team": "web"}},
		Volumes:      []v1alpha1.RunnerVolume{{Name: "ca", ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "ca"}}}},
		VolumeMounts: []v1alpha1.RunnerMount{{Name: "ca", MountPath: "/etc/company", ReadOnly: true}},
		Env:          []v1alpha1.RunnerVariable{{Name: "PRICE", Value: "$(HOME) costs $5"}},
		Cache:        &v1alpha1.RunnerCache{ClaimName: "cdk-cache"},
	}
	w.must(w.begin(w, "run-1", req))
	p := w.pod()
	if len(p.Spec.InitContainers) != 4 || len(p.Spec.Containers) != 1 || *p.Spec.AutomountServiceAccountToken || *p.Spec.HostUsers {
		t.Errorf("the pod is %+v", p.Spec)
	}
	for _, v := range p.Spec.Volumes {
		if e := v.EmptyDir; e != nil && (e.SizeLimit == nil || e.SizeLimit.String() != "2Gi") {
			t.Errorf("the volume %s is bounded by %v", v.Name, e.SizeLimit)
		}
		if v.Projected != nil {
			t.Errorf("the volume %s is projected", v.Name)
		}
	}
	for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
		user := slices.Contains([]string{"install", "hook", "synth"}, c.Name)
		mounted := func(name, path string) bool {
			return slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == name && m.MountPath == path })
		}
		if mounted("own-ca", "/etc/company") != user {
			t.Errorf("%s has the object's volume: %v", c.Name, !user)
		}
		if mounted("cache-claim", "/cache/mirrors") != (c.Name == "clone") || mounted("cache-claim", "/cache/deps") != user {
			t.Errorf("%s has of the cache %v", c.Name, c.VolumeMounts)
		}
		if got := c.Resources.Requests.Memory().String(); got != "256Mi" {
			t.Errorf("%s requests %s of memory, more than its limit or less than it may", c.Name, got)
		}
		price := slices.IndexFunc(c.Env, func(v corev1.EnvVar) bool { return v.Name == "PRICE" })
		if (price >= 0) != user || user && c.Env[price].Value != "$$(HOME) costs $$5" {
			t.Errorf("%s has the variables %v", c.Name, c.Env)
		}
	}
	if p.Labels["team"] != "web" || p.Labels[job.LabelStack] != "app" || p.Labels[job.LabelRun] != "run-1" {
		t.Errorf("labels %v", p.Labels)
	}
}

func TestTheOperatorsVariablesAreInNoPod(t *testing.T) {
	w := newWorld(t, jobtest.Options{}, func(o *job.Options) {
		o.Environ = []string{"HTTPS_PROXY=http://bob:sesame@proxy:3128", "NPM_TOKEN=open", "AWS_SECRET_ACCESS_KEY=managers", "AWS_ROLE_ARN=managers", "PATH=/managers", "OTHER=managers"}
		o.PassEnv = []string{"NPM_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_ROLE_ARN"}
	})
	w.must(w.begin(w, "run-1", executortest.Request(executortest.Succeed)))
	p := w.pod()
	text := p.String()
	var s corev1.Secret
	w.must(w.client.Get(t.Context(), types.NamespacedName{Namespace: w.namespace, Name: "run-1"}, &s))
	for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
		found := map[string]string{}
		for _, v := range c.Env {
			if v.ValueFrom != nil {
				found[v.Name] = string(s.Data[v.ValueFrom.SecretKeyRef.Key])
			}
		}
		if len(found) != 2 || found["HTTPS_PROXY"] != "http://bob:sesame@proxy:3128" || found["NPM_TOKEN"] != "open" {
			t.Errorf("%s has of the operator %v", c.Name, found)
		}
	}
	if strings.Contains(text, "sesame") || strings.Contains(text, "managers") {
		t.Error("the pod shows what is the operator's")
	}
}

func TestAMissingServiceAccountIsToldAndWaitedFor(t *testing.T) {
	w := newWorld(t, processes(t))
	req := executortest.Request(executortest.Succeed)
	req.Runner = &v1alpha1.Runner{ServiceAccountName: "builds"}
	w.must(w.begin(w, "run-1", req))
	p := w.waiting(w, "run-1", "RunnerAccountNotFound")
	if !strings.Contains(p.Message, "spec.runner.serviceAccountName") || !strings.Contains(p.Message, `"builds"`) {
		t.Error(p.Message)
	}
	w.must(w.client.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "builds"}}))
	if r := executortest.Done(t, w, "run-1"); r.Plan == nil {
		t.Errorf("the run failed: %v", r.Failure)
	}
}

func TestALimitRangeThatRefusesThePodIsTold(t *testing.T) {
	w := newWorld(t, processes(t))
	w.must(w.client.Create(t.Context(), &corev1.LimitRange{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "small"},
		Spec:       corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{Type: corev1.LimitTypeContainer, Max: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")}}}},
	}))
	w.must(w.begin(w, "run-1", executortest.Request(executortest.Succeed)))
	if p := w.waiting(w, "run-1", "PodRefused"); !strings.Contains(p.Message, "LimitRange") || !strings.Contains(p.Message, "4Gi") {
		t.Error(p.Message)
	}
}

func TestANamespaceThatIsBeingDeletedTakesNoRun(t *testing.T) {
	w := newWorld(t, jobtest.Options{})
	w.must(w.client.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "x"}}))
	w.must(w.client.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}))
	executortest.Eventually(t, "the API server knows", func() bool {
		err := w.client.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, GenerateName: "y-"}})
		return apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
	})
	err := w.begin(w, "run-1", executortest.Request(executortest.Succeed))
	p := problem.Of(err)
	if p == nil || p.Reason != "NamespaceTerminating" || p.Outlook != problem.Waits || !strings.Contains(p.Message, `"lifecycleHooks":null`) {
		t.Errorf("Start = %v", err)
	}
}

func TestAStrangersJobOfTheRunsNameIsLeftAlone(t *testing.T) {
	w := newWorld(t, jobtest.Options{Idle: true})
	strange := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "run-1"}}
	strange.Spec.Template.Spec = corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "x", Image: "x"}}}
	w.must(w.client.Create(t.Context(), strange))
	if err := w.begin(w, "run-1", executortest.Request(executortest.Succeed)); problem.Of(err) == nil || problem.Of(err).Reason != "RunNameTaken" {
		t.Errorf("Start = %v", err)
	}
	w.must(w.Remove(t.Context(), "run-1"))
	w.job("run-1")
	// A Secret that is not of the run is not written over either.
	w.must(w.client.Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "run-2"}, StringData: map[string]string{"mine": "x"}}))
	if err := w.begin(w, "run-2", executortest.Request(executortest.Succeed)); problem.Of(err) == nil || problem.Of(err).Reason != "RunNameTaken" {
		t.Errorf("Start = %v", err)
	}
	if j := w.job("run-2"); !*j.Spec.Suspend {
		t.Error("a run began with a stranger's Secret")
	}
}

// A Job that looks like a run of ours is none unless its name says whose it is.
func TestAJobThatOnlyLooksLikeARunIsNotBelieved(t *testing.T) {
	w := newWorld(t, processes(t))
	w.must(w.begin(w, "run-1", executortest.Request(executortest.Succeed)))
	executortest.Done(t, w, "run-1")
	doubting := w.executor(func(o *job.Options) {
		o.Belongs = func(string, string, string, types.UID) bool { return false }
	})
	if got := doubting.Observe(t.Context(), "run-1"); got.State != decide.RunNone {
		t.Errorf("Observe = %+v", got)
	}
	if names, err := doubting.List(t.Context()); err != nil || len(names) > 0 {
		t.Errorf("List = %v, %v", names, err)
	}
	w.must(doubting.Remove(t.Context(), "run-1"))
	w.job("run-1")
}

// Another manager finds what the one before it has started, and its results.
func TestRunsAreAdopted(t *testing.T) {
	w := newWorld(t, processes(t))
	file := t.TempDir() + "/go"
	await := executortest.Request(executortest.Await, decide.ContextValue{Name: executortest.FileValue, Value: file})
	w.must(w.begin(w, "run-1", await))
	w.must(w.begin(w, "run-2", executortest.Request(executortest.Fail)))
	executortest.Eventually(t, "the run clones", func() bool { return w.Observe(t.Context(), "run-1").Step == run.StepCloning })
	w.must(w.Close())
	next := w.executor()
	if got := next.Observe(t.Context(), "run-1"); got.State != decide.RunRunning || got.Step != run.StepCloning {
		t.Errorf("Observe = %+v", got)
	}
	w.must(w.begin(next, "run-1", await)) // does nothing
	w.must(letGo(file))
	if r := executortest.Done(t, next, "run-1"); r.Plan == nil {
		t.Errorf("the run failed: %v", r.Failure)
	}
	if r := executortest.Done(t, next, "run-2"); r.Failure == nil || r.Failure.Reason != "Scripted" {
		t.Errorf("result %+v", r)
	}
	if n := w.node.Started(); n != 5 {
		t.Errorf("%d containers were started, want 4 and 1", n)
	}
}

// Two managers that both think that they lead start a run once.
func TestTwoManagersStartARunOnce(t *testing.T) {
	w := newWorld(t, processes(t))
	second := w.executor()
	var all sync.WaitGroup
	for _, e := range []executor.Executor{w.Executor, second, w.Executor, second} {
		all.Go(func() {
			if err := w.begin(e, "run-1", executortest.Request(executortest.Succeed)); err != nil && !errors.Is(err, executor.ErrRemoving) {
				t.Errorf("Start: %v", err)
			}
		})
	}
	all.Wait()
	for _, e := range []executor.Executor{w.Executor, second} {
		if r := executortest.Done(t, e, "run-1"); r.Plan == nil {
			t.Errorf("result %+v", r)
		}
	}
	if n := w.node.Started(); n != 4 {
		t.Errorf("%d containers were started, want 4", n)
	}
}

// A manager that is killed after any call leaves nothing behind that is not found,
// and nothing that has begun without its Secret.
func TestAKilledManagerLeavesNothingBehind(t *testing.T) {
	for _, calls := range []int{1, 2} {
		w := newWorld(t, processes(t))
		dying := w.executor(func(o *job.Options) { o.Client = &mortal{Writer: o.Client, calls: calls} })
		if err := w.begin(dying, "run-1", executortest.Request(executortest.Succeed)); err == nil {
			t.Fatal("it did not die")
		}
		next := w.executor()
		if got := next.Observe(t.Context(), "run-1"); got.State != decide.RunNone || got.Err != nil {
			t.Errorf("after %d calls Observe = %+v", calls, got)
		}
		if names, err := next.List(t.Context()); err != nil || !slices.Equal(names, []string{"run-1"}) {
			t.Errorf("after %d calls List = %v, %v", calls, names, err)
		}
		w.must(w.begin(next, "run-1", executortest.Request(executortest.Succeed)))
		if r := executortest.Done(t, next, "run-1"); r.Plan == nil {
			t.Errorf("result %+v", r)
		}
		w.must(next.Remove(t.Context(), "run-1"))
		w.untilNothing()
	}
}

// untilNothing waits until no Job, pod or Secret of a run is left.
func (w *world) untilNothing() {
	w.Helper()
	executortest.Eventually(w.TB.(*testing.T), "nothing is left", func() bool {
		var jobs batchv1.JobList
		var pods corev1.PodList
		var secrets corev1.SecretList
		in := client.InNamespace(w.namespace)
		w.must(errors.Join(w.client.List(w.Context(), &jobs, in), w.client.List(w.Context(), &pods, in), w.client.List(w.Context(), &secrets, in)))
		return len(jobs.Items)+len(pods.Items)+len(secrets.Items) == 0
	})
}

// mortal writes so many times and then no more.
type mortal struct {
	client.Writer
	mu    sync.Mutex
	calls int
}

func (m *mortal) dead() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.calls--; m.calls < 0 {
		return errors.New("killed")
	}
	return nil
}

func (m *mortal) Create(ctx context.Context, o client.Object, options ...client.CreateOption) error {
	if err := m.dead(); err != nil {
		return err
	}
	return m.Writer.Create(ctx, o, options...)
}

func (m *mortal) Patch(ctx context.Context, o client.Object, patch client.Patch, options ...client.PatchOption) error {
	if err := m.dead(); err != nil {
		return err
	}
	return m.Writer.Patch(ctx, o, patch, options...)
}

// A pod that is deleted by hand is started again, three times at most, whoever the
// manager is by then.
func TestAVanishedPodIsReplacedThreeTimesAtMost(t *testing.T) {
	w := newWorld(t, processes(t))
	hang := executortest.Request(executortest.Hang)
	w.must(w.begin(w, "run-1", hang))
	var e executor.Executor = w.Executor
	for n := 1; n <= 3; n++ {
		executortest.Eventually(t, "the run clones", func() bool { return e.Observe(t.Context(), "run-1").Step == run.StepCloning })
		w.must(w.client.Delete(t.Context(), w.pod()))
		if n == 3 {
			break
		}
		executortest.Eventually(t, "the run is lost", func() bool { return e.Observe(t.Context(), "run-1").State == decide.RunNone })
		e = w.executor()
		executortest.Eventually(t, "it is started again", func() bool { return w.begin(e, "run-1", hang) == nil })
	}
	if r := executortest.Done(t, e, "run-1"); r.Failure == nil || r.Failure.Reason != problem.RunLost.Reason {
		t.Errorf("result %+v", r)
	}
}

// A Secret that is deleted before the run has begun is made again.
func TestADeletedSecretIsMadeAgain(t *testing.T) {
	w := newWorld(t, processes(t))
	w.node.Sleep()
	w.must(w.begin(w, "run-1", executortest.Request(executortest.Succeed)))
	w.must(w.client.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "run-1"}}))
	w.node.Wake()
	executortest.Eventually(t, "it is to be started again", func() bool { return w.Observe(t.Context(), "run-1").State == decide.RunNone })
	w.must(w.begin(w, "run-1", executortest.Request(executortest.Succeed)))
	if r := executortest.Done(t, w, "run-1"); r.Plan == nil {
		t.Errorf("result %+v", r)
	}
}

// Runs beyond the bound wait for their turn, and are told their place.
func TestRunsWaitForTheirTurn(t *testing.T) {
	w := newWorld(t, processes(t), func(o *job.Options) { o.MaxRuns = 1 })
	file := t.TempDir() + "/go"
	w.must(w.begin(w, "run-1", executortest.Request(executortest.Await, decide.ContextValue{Name: executortest.FileValue, Value: file})))
	w.must(w.begin(w, "run-2", executortest.Request(executortest.Succeed)))
	w.must(w.begin(w, "run-3", executortest.Request(executortest.Succeed)))
	time.Sleep(300 * time.Millisecond)
	if got := w.Observe(t.Context(), "run-3"); got.Step != executor.StepQueued || got.Ahead != 1 {
		t.Errorf("Observe = %+v", got)
	}
	if names, err := w.List(t.Context()); err != nil || len(names) != 3 {
		t.Errorf("List = %v, %v", names, err)
	}
	w.must(w.Remove(t.Context(), "run-2"))
	w.must(letGo(file))
	if r := executortest.Done(t, w, "run-3"); r.Plan == nil {
		t.Errorf("result %+v", r)
	}
	if got := w.Observe(t.Context(), "run-2"); got.State != decide.RunNone {
		t.Errorf("Observe = %+v", got)
	}
}

func TestARunThatHasWaitedForLongGetsFreshSecrets(t *testing.T) {
	clock := executortest.NewClock(time.Now)
	w := newWorld(t, processes(t), func(o *job.Options) { o.MaxRuns, o.Now = 1, clock.Now })
	executortest.StaysFresh(t, executortest.For(w, w.namespace, "app", "u1"), clock)
}

// Who corrects the operator's --runner-image has the runs begun anew that wait for the
// old one; those that work are left alone.
func TestARunThatWaitsForAnImageGetsTheOneThatWasCorrected(t *testing.T) {
	w := newWorld(t, jobtest.Options{}, func(o *job.Options) { o.Image = "runner:absent" })
	req := executortest.Request(executortest.Succeed)
	req.Timeout = time.Hour
	w.must(w.begin(w, "run-1", req))
	pod := w.pod()
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: pod.Spec.Containers[0].Name, State: corev1.ContainerState{
		Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImageNeverPull", Message: "not there"},
	}}}
	w.must(w.client.Status().Update(t.Context(), pod))
	clock := executortest.NewClock(time.Now)
	clock.Forward(time.Minute) // it is told when the pod had some time
	same := w.executor(func(o *job.Options) { o.Image, o.Now = "runner:absent", clock.Now })
	w.waiting(same, "run-1", "ImageNotPulled")
	right := w.executor(func(o *job.Options) { o.Image, o.Now = "runner:right", clock.Now })
	executortest.Eventually(t, "the run is to be started again", func() bool {
		return right.Observe(t.Context(), "run-1").State == decide.RunNone
	})
	executortest.Eventually(t, "it has the right image", func() bool {
		err := w.begin(right, "run-1", req)
		return err == nil && w.job("run-1").Spec.Template.Spec.Containers[0].Image == "runner:right"
	})
}

// A pod that has not begun reads its Secret when it does: that is filled anew, and a
// Job that somebody has suspended meanwhile stays so.
func TestAPodThatHasWaitedForLongGetsFreshSecrets(t *testing.T) {
	clock := executortest.NewClock(time.Now)
	w := newWorld(t, jobtest.Options{}, func(o *job.Options) { o.Now = clock.Now })
	req := executortest.Request(executortest.Succeed)
	req.Timeout = 3 * time.Hour
	w.must(w.begin(w, "run-1", req))
	executortest.Eventually(t, "the Job is seen", func() bool {
		seen := w.Observe(t.Context(), "run-1")
		return seen.State == decide.RunRunning && w.pod() != nil
	})
	before := w.secret("run-1")
	w.must(w.client.Patch(t.Context(), w.job("run-1"), client.RawPatch(types.MergePatchType, []byte(`{"spec":{"suspend":true}}`))))
	clock.Forward(executor.Fresh + time.Minute)
	if seen := w.Observe(t.Context(), "run-1"); !seen.Stale {
		t.Fatalf("Observe = %+v", seen)
	}
	w.must(executortest.For(w, w.namespace, "app", "u1").Start(t.Context(), "run-1", req, run.Secrets{Git: git.Credentials{Password: "fresh-horse-battery"}}))
	after := w.secret("run-1")
	if after.ResourceVersion == before.ResourceVersion || after.UID != before.UID || maps.EqualFunc(after.Data, before.Data, bytes.Equal) {
		t.Error("the Secret is as it was")
	}
	if seen := w.Observe(t.Context(), "run-1"); seen.Stale {
		t.Errorf("Observe = %+v", seen)
	}
	if !*w.job("run-1").Spec.Suspend {
		t.Error("a suspended Job was let go")
	}
}

// stubborn refuses so many deletions.
type stubborn struct {
	client.Writer
	refusals atomic.Int32
}

func (s *stubborn) Delete(ctx context.Context, o client.Object, options ...client.DeleteOption) error {
	if s.refusals.Add(-1) >= 0 {
		return errors.New("not now")
	}
	return s.Writer.Delete(ctx, o, options...)
}

// A pod that vanished once counts once, however often its Job could not be
// replaced.
func TestAVanishedPodCountsOnceHoweverOftenItsJobCannotBeReplaced(t *testing.T) {
	writer := &stubborn{}
	writer.refusals.Store(3)
	w := newWorld(t, processes(t), func(o *job.Options) { writer.Writer = o.Client; o.Client = writer })
	hang := executortest.Request(executortest.Hang)
	w.must(w.begin(w, "run-1", hang))
	executortest.Eventually(t, "the run clones", func() bool { return w.Observe(t.Context(), "run-1").Step == run.StepCloning })
	w.must(w.client.Delete(t.Context(), w.pod()))
	executortest.Eventually(t, "the run is lost", func() bool { return w.Observe(t.Context(), "run-1").State == decide.RunNone })
	for range 3 {
		if err := w.begin(w, "run-1", hang); err == nil || errors.Is(err, executor.ErrRemoving) {
			t.Fatalf("Start = %v", err)
		}
		if got := w.Observe(t.Context(), "run-1"); got.State != decide.RunNone {
			t.Fatalf("Observe = %+v", got)
		}
	}
	executortest.Eventually(t, "it is started again", func() bool { return w.begin(w, "run-1", hang) == nil })
	if got := w.job("run-1").Annotations["awscdk.dev/lost"]; got != "1" {
		t.Errorf("%q pods were counted", got)
	}
}

// What waits for its turn can be given up to another manager; what has begun stays.
func TestAWaitingRunIsWithdrawn(t *testing.T) {
	w := newWorld(t, processes(t), func(o *job.Options) { o.MaxRuns = 1 })
	file := t.TempDir() + "/go"
	w.must(w.begin(w, "run-1", executortest.Request(executortest.Await, decide.ContextValue{Name: executortest.FileValue, Value: file})))
	w.must(w.begin(w, "run-2", executortest.Request(executortest.Succeed)))
	if got := w.Observe(t.Context(), "run-2"); got.Step != executor.StepQueued {
		t.Fatalf("Observe = %+v", got)
	}
	w.Withdraw("run-1")
	w.Withdraw("run-2")
	w.Withdraw("run-3")
	w.must(letGo(file))
	if r := executortest.Done(t, w, "run-1"); r.Plan == nil {
		t.Errorf("the run failed: %v", r.Failure)
	}
	w.must(w.begin(w, "run-3", executortest.Request(executortest.Succeed)))
	executortest.Done(t, w, "run-3")
	if names, err := w.List(t.Context()); err != nil || !slices.Equal(names, []string{"run-1", "run-3"}) {
		t.Errorf("List = %v, %v", names, err)
	}
}
