package job

import (
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/run"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// aJobOf is the Job of a build with a hook, let go a minute before noon.
func aJobOf(change ...func(*batchv1.Job)) *batchv1.Job {
	began := metav1.NewTime(noon.Add(-time.Minute))
	j := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "team", Name: "run-1", UID: "j1", CreationTimestamp: began,
			Annotations: map[string]string{annotationArmed: "true", annotationHook: decide.BeforeDeploy, annotationTimeout: "1h0m0s"},
		},
		Spec:   batchv1.JobSpec{Suspend: ptr.To(false), ActiveDeadlineSeconds: ptr.To[int64](7800)},
		Status: batchv1.JobStatus{StartTime: &began},
	}
	for _, name := range []string{"clone", "install", "hook", "synth"} {
		j.Spec.Template.Spec.InitContainers = append(j.Spec.Template.Spec.InitContainers, corev1.Container{Name: name, Resources: corev1.ResourceRequirements{
			Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("4Gi")},
		}})
	}
	j.Spec.Template.Spec.Containers = []corev1.Container{{Name: "publish"}}
	for _, c := range change {
		c(j)
	}
	return j
}

func hasEnded(t batchv1.JobConditionType, reason string) func(*batchv1.Job) {
	return func(j *batchv1.Job) {
		j.Status.Conditions = append(j.Status.Conditions, batchv1.JobCondition{Type: t, Status: corev1.ConditionTrue, Reason: reason})
	}
}

// aPod is a pod of that Job, half a minute old.
func aPod(phase corev1.PodPhase, change ...func(*corev1.Pod)) corev1.Pod {
	p := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "team", Name: "run-1-x", UID: "p1", CreationTimestamp: metav1.NewTime(noon.Add(-30 * time.Second)),
			OwnerReferences: []metav1.OwnerReference{{Kind: "Job", Name: "run-1", UID: "j1", Controller: ptr.To(true)}},
		},
		Spec:   corev1.PodSpec{NodeName: "node-1"},
		Status: corev1.PodStatus{Phase: phase},
	}
	for _, c := range change {
		c(&p)
	}
	return p
}

func status(name string, state corev1.ContainerState) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		s := corev1.ContainerStatus{Name: name, Image: "runner:1", State: state}
		if name == "publish" {
			p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, s)
			return
		}
		p.Status.InitContainerStatuses = append(p.Status.InitContainerStatuses, s)
	}
}

func runs(name string) func(*corev1.Pod) {
	return status(name, corev1.ContainerState{Running: &corev1.ContainerStateRunning{}})
}

func waitsFor(name, reason, message string) func(*corev1.Pod) {
	return status(name, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}})
}

func ends(name string, code int32, reason, message string) func(*corev1.Pod) {
	return status(name, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, Message: message, FinishedAt: metav1.NewTime(noon.Add(-20 * time.Second))}})
}

// endsAt is a pod that is deleted, its grace until so long after noon.
func endsAt(d time.Duration) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.DeletionTimestamp = ptr.To(metav1.NewTime(noon.Add(d))) }
}

func says(r decide.RunResult) string { return string(run.EncodeMessage(r, 4096)) }

func with(t corev1.PodConditionType, s corev1.ConditionStatus, reason, message string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: t, Status: s, Reason: reason, Message: message})
	}
}

func becauseOf(reason, message string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Status.Reason, p.Status.Message = reason, message }
}

var (
	plan      = decide.RunResult{Plan: &v1alpha1.Plan{StackName: "Web"}, Steps: []decide.RunStep{{Name: "Cloning"}}}
	soFar     = decide.RunResult{Steps: []decide.RunStep{{Name: "Cloning"}}}
	broken    = decide.RunResult{Steps: soFar.Steps, Step: "Installing", Failure: &problem.Problem{Reason: "InstallFailed", Message: "npm ci failed", Outlook: problem.Retries}}
	cancelled = decide.RunResult{Step: "Installing", Failure: problem.Cancelled.New("the build was cancelled")}
	evicted   = with(corev1.DisruptionTarget, corev1.ConditionTrue, "EvictionByEvictionAPI", "Eviction API: evicting")
)

func TestWhatAJobAndItsPodsShowOfARun(t *testing.T) {
	later := func(p *corev1.Pod) {
		p.Name, p.UID, p.CreationTimestamp = "run-1-y", "p2", metav1.NewTime(noon.Add(-10*time.Second))
	}
	for name, c := range map[string]struct {
		job  *batchv1.Job
		pods []corev1.Pod
		// want is the state; step, reason and text are of what goes on or failed.
		want               state
		step, reason, text string
		asks, why          string
	}{
		"a Job that was not let go has not begun": {job: aJobOf(func(j *batchv1.Job) { j.Spec.Suspend, j.Annotations = ptr.To(true), nil }), want: unarmed},
		"a Job that somebody suspended waits for them": {
			job: aJobOf(func(j *batchv1.Job) { j.Spec.Suspend = ptr.To(true) }), want: alive, step: "Starting", reason: "JobSuspended", text: "kubectl patch job -n team run-1"},
		"a Job without a pod for a minute is asked about": {job: aJobOf(), want: alive, step: "Starting", asks: "j1"},
		"a Job that has just begun is not":                {job: aJobOf(func(j *batchv1.Job) { *j.Status.StartTime = metav1.NewTime(noon) }), want: alive, step: "Starting"},
		"the step is that of the container that runs":     {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodPending, ends("clone", 0, "Completed", says(soFar)), runs("install"))}, want: alive, step: "Installing"},
		"a hook has its name":                             {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodPending, runs("hook"))}, want: alive, step: "beforeDeploy"},
		"the last container publishes":                    {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodRunning, runs("publish"))}, want: alive, step: "Publishing"},
		"another Job's pod says nothing": {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodSucceeded, ends("publish", 0, "Completed", says(plan)), func(p *corev1.Pod) { p.OwnerReferences[0].UID = "j2" })},
			want: alive, step: "Starting", asks: "j1"},
		"a pod that no Job controls says nothing": {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodSucceeded, ends("publish", 0, "Completed", says(plan)), func(p *corev1.Pod) { p.OwnerReferences[0].Controller = nil })},
			want: alive, step: "Starting", asks: "j1"},

		"a plan is the result":                  {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodSucceeded, ends("publish", 0, "Completed", says(plan)))}, want: over},
		"a failure is the result":               {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodFailed, ends("clone", 0, "Completed", says(soFar)), ends("install", 1, "Error", says(broken)))}, want: over, step: "Installing", reason: "InstallFailed", text: "npm ci failed"},
		"a result does not wait for the Job":    {job: aJobOf(hasEnded(batchv1.JobComplete, "")), pods: []corev1.Pod{aPod(corev1.PodSucceeded, ends("publish", 0, "Completed", says(plan)))}, want: over},
		"a good end without a result":           {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodSucceeded, ends("publish", 0, "Completed", ""))}, want: over, step: "Publishing", reason: "RunCrashed", text: "kubectl logs -n team"},
		"a crash":                               {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodFailed, ends("clone", 0, "Completed", says(soFar)), ends("synth", 3, "Error", ""))}, want: over, step: "Synthesizing", reason: "RunCrashed", text: "exit code 3"},
		"a kill that nobody explains":           {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodFailed, ends("install", 137, "Error", ""))}, want: over, step: "Installing", reason: "RunCrashed", text: "spec.runner.resources.limits.memory"},
		"a damaged message":                     {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodFailed, ends("synth", 1, "Error", says(broken)[:20]))}, want: over, step: "Synthesizing", reason: "RunCrashed", text: "damaged"},
		"a message that somebody else wrote":    {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodFailed, ends("synth", 2, "Error", "core dumped"))}, want: over, step: "Synthesizing", reason: "RunCrashed", text: "core dumped"},
		"a deleted pod that was killed is lost": {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodFailed, ends("clone", 0, "Completed", says(soFar)), ends("install", 137, "Error", ""), endsAt(0))}, want: lost, why: "it was deleted"},
		"one that could not hear of it, too":    {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodFailed, ends("clone", 2, "Error", ""), endsAt(0))}, want: lost, why: "it was deleted"},
		"or left half a message":                {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodFailed, ends("clone", 137, "Error", says(broken)[:20]), endsAt(0))}, want: lost, why: "it was deleted"},
		"what it failed with before stands":     {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodFailed, ends("install", 1, "Error", says(broken)), endsAt(0))}, want: over, step: "Installing", reason: "InstallFailed", text: "npm ci failed"},
		"and so does its want of memory":        {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodFailed, ends("install", 137, "OOMKilled", ""), endsAt(0))}, want: over, step: "Installing", reason: "OutOfMemory"},
		"memory":                                {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodFailed, ends("clone", 0, "Completed", says(soFar)), ends("install", 137, "OOMKilled", ""))}, want: over, step: "Installing", reason: "OutOfMemory", text: "the 4Gi of memory that it may use: raise spec.runner.resources.limits.memory"},
		"memory of a node":                      {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodFailed, ends("publish", 137, "OOMKilled", ""))}, want: over, step: "Publishing", reason: "OutOfMemory", text: "spec.runner.resources.requests.memory"},
		"what the run itself says of memory":    {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodFailed, ends("install", 1, "Error", says(decide.RunResult{Failure: problem.OutOfMemory.New("too much")})))}, want: over, reason: "OutOfMemory", text: "too much"},
		"a full disk":                           {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodFailed, becauseOf("Evicted", `Usage of EmptyDir volume "workspace" exceeds the limit "1Gi". `), ends("install", 137, "Error", ""))}, want: over, step: "Installing", reason: "RunDiskFull", text: "raise spec.runner.resources.limits.ephemeral-storage"},
		"an image without the program":          {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodFailed, ends("clone", 128, "StartError", `exec: "/usr/local/bin/awscdk-operator": stat: no such file or directory`))}, want: over, step: "Cloning", reason: "RunnerImageUnusable", text: "/usr/local/bin/awscdk-operator"},
		"an image of another architecture":      {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodFailed, ends("clone", 255, "Error", "exec /usr/local/bin/awscdk-operator: exec format error"))}, want: over, step: "Cloning", reason: "RunnerImageUnusable", text: "architecture"},
		"a pod of which nothing has begun":      {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodFailed, becauseOf("UnexpectedAdmissionError", "Allocate failed"))}, want: lost, why: "UnexpectedAdmissionError: Allocate failed"},
		"a pod deleted during the pull":         {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodFailed, waitsFor("clone", "PodInitializing", ""))}, want: lost},
		"a pod deleted between two containers":  {job: aJobOf(hasEnded(batchv1.JobFailed, "BackoffLimitExceeded")), pods: []corev1.Pod{aPod(corev1.PodFailed, ends("clone", 0, "Completed", says(soFar)), waitsFor("install", "PodInitializing", ""))}, want: lost},
		"the deadline between two containers":   {job: aJobOf(hasEnded(batchv1.JobFailureTarget, "DeadlineExceeded")), pods: []corev1.Pod{aPod(corev1.PodFailed, ends("clone", 0, "Completed", says(soFar)))}, want: over, reason: "TimedOut"},
		"a full disk between two containers":    {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodFailed, becauseOf("Evicted", "ephemeral storage"), ends("clone", 0, "Completed", says(soFar)))}, want: over, reason: "RunDiskFull"},
		"the Job's deadline":                    {job: aJobOf(hasEnded(batchv1.JobFailed, "DeadlineExceeded")), want: over, step: "Starting", reason: "TimedOut", text: "after 2h10m0s"},
		"the Job's deadline ended the run":      {job: aJobOf(hasEnded(batchv1.JobFailureTarget, "DeadlineExceeded")), pods: []corev1.Pod{aPod(corev1.PodFailed, ends("install", 1, "Error", says(cancelled)))}, want: over, step: "Starting", reason: "TimedOut"},
		"a pod that a drained node gave up":     {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodFailed, evicted, ends("install", 137, "Error", ""))}, want: alive, step: "Starting", reason: "PodDisrupted", text: "its node was drained"},
		"a failure while it was taken away":     {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodFailed, evicted, ends("install", 1, "Error", says(broken)))}, want: alive, step: "Starting", reason: "PodDisrupted"},
		"a success while it was taken away":     {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodSucceeded, evicted, ends("publish", 0, "Completed", says(plan)))}, want: over},
		"the pod that replaces it":              {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodFailed, evicted, ends("install", 137, "Error", "")), aPod(corev1.PodPending, later, runs("clone"))}, want: alive, step: "Cloning"},
		"a pod that was deleted by hand":        {job: aJobOf(hasEnded(batchv1.JobFailed, "BackoffLimitExceeded")), want: lost},
		"a node that lost its power":            {job: aJobOf(hasEnded(batchv1.JobFailed, "BackoffLimitExceeded")), pods: []corev1.Pod{aPod(corev1.PodFailed, ends("clone", 0, "Completed", says(soFar)), ends("hook", 255, "Unknown", ""))}, want: lost},
		"a container that nobody can find":      {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodFailed, ends("install", 137, "ContainerStatusUnknown", "The container could not be located when the pod was terminated"))}, want: lost},
		"a run that was told to stop":           {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodFailed, ends("install", 1, "Error", says(cancelled)))}, want: lost},
		"a Job that ended and lost its pod":     {job: aJobOf(hasEnded(batchv1.JobComplete, "")), want: lost},
		"a disrupted pod of a Job that is over": {job: aJobOf(hasEnded(batchv1.JobFailed, "BackoffLimitExceeded")), pods: []corev1.Pod{aPod(corev1.PodFailed, evicted)}, want: lost, why: "its node was drained, or somebody evicted it: Eviction API: evicting"},
		"the deadline on a node that is lost":   {job: aJobOf(hasEnded(batchv1.JobFailed, "DeadlineExceeded")), pods: []corev1.Pod{aPod(corev1.PodRunning, evicted, runs("publish"))}, want: lost, why: "its node was drained, or somebody evicted it: Eviction API: evicting"},
		"a pod that is being taken away":        {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodRunning, evicted, endsAt(10*time.Second), runs("publish"))}, want: alive, step: "Publishing"},
		"a pod on a node that does not answer":  {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodRunning, evicted, endsAt(-time.Minute), runs("publish"))}, want: alive, step: "Starting", reason: "PodDisrupted", text: "kubectl delete pod -n team run-1-x --force"},
		"a deleted pod on such a node":          {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodPending, endsAt(-time.Minute))}, want: alive, step: "Starting", reason: "PodDisrupted", text: "kubectl delete node node-1"},

		"no room on the nodes": {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodPending, func(p *corev1.Pod) { p.Spec.NodeName = "" }, with(corev1.PodScheduled, corev1.ConditionFalse, "Unschedulable", "0/3 nodes are available: 3 Insufficient cpu."))},
			want: alive, step: "Starting", reason: "Unschedulable", text: "3 Insufficient cpu"},
		"no room for a moment only": {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodPending, func(p *corev1.Pod) { p.CreationTimestamp = metav1.NewTime(noon) }, with(corev1.PodScheduled, corev1.ConditionFalse, "Unschedulable", "0/3"))}, want: alive, step: "Starting"},
		"no claim": {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodPending, func(p *corev1.Pod) { p.Spec.NodeName = "" }, with(corev1.PodScheduled, corev1.ConditionFalse, "Unschedulable", `persistentvolumeclaim "cdk-cache" not found`))},
			want: alive, step: "Starting", reason: "CacheClaimUnusable", text: "create it in the namespace team"},
		"an image that cannot be pulled": {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodPending, waitsFor("clone", "ImagePullBackOff", "Back-off pulling image"))}, want: alive, step: "Starting", reason: "ImageNotPulled", text: "--runner-image"},
		"an image that is not there":     {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodPending, waitsFor("clone", "ErrImageNeverPull", "not present with pull policy of Never"))}, want: alive, step: "Starting", reason: "ImageNotPulled", text: "Never"},
		"a ConfigMap that is missing":    {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodPending, waitsFor("clone", "CreateContainerConfigError", `configmap "ca" not found`))}, want: alive, step: "Starting", reason: "PodNotStarted", text: `configmap "ca" not found`},
		"the run's Secret is gone":       {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodPending, waitsFor("clone", "CreateContainerConfigError", `secret "run-1" not found`))}, want: alive, step: "Starting", reason: "PodNotStarted", text: "made again"},
		"a pod that says nothing":        {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodPending, waitsFor("clone", "PodInitializing", ""))}, want: alive, step: "Starting", asks: "p1"},
		"a long pause between two":       {job: aJobOf(), pods: []corev1.Pod{aPod(corev1.PodPending, ends("clone", 0, "Completed", says(soFar)), waitsFor("install", "PodInitializing", ""))}, want: alive, step: "Starting", asks: "p1"},
	} {
		t.Run(name, func(t *testing.T) {
			got := see(c.job, c.pods, startOf(c.job), noon)
			p := got.waits
			if got.result != nil {
				p = got.result.Failure
			}
			step := got.step
			if got.result != nil {
				step = got.result.Step
			}
			if p == nil {
				p = &problem.Problem{}
			}
			asks := ""
			if got.ask != nil {
				asks = got.ask.uid
			}
			if got.state != c.want || p.Reason != c.reason || !strings.Contains(p.Message, c.text) || asks != c.asks || got.why != c.why || c.step != "" && step != c.step {
				t.Errorf("state %d, step %q, %s: %q, asks %q", got.state, step, p.Reason, p.Message, asks)
			}
			if c.want == over && c.reason == "" && got.result.Plan == nil {
				t.Error("there is no plan")
			}
		})
	}
}

// How long a run has waited counts from what it waits for, and not from the
// beginning of its Job.
func TestAWaitCountsFromWhatIsWaitedFor(t *testing.T) {
	old := aJobOf(func(j *batchv1.Job) { *j.Status.StartTime = metav1.NewTime(noon.Add(-3 * time.Hour)) })
	taken := func(d time.Duration) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.CreationTimestamp = *old.Status.StartTime
			p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(noon.Add(d))})
		}
	}
	for name, c := range map[string]struct {
		pods []corev1.Pod
		want time.Duration
	}{
		"no pod":                    {want: -time.Second},
		"a pod that was taken away": {pods: []corev1.Pod{aPod(corev1.PodFailed, taken(-10*time.Second), ends("install", 137, "Error", ""))}, want: -10 * time.Second},
		"one that worked on":        {pods: []corev1.Pod{aPod(corev1.PodFailed, taken(-40*time.Second), ends("install", 137, "Error", ""))}, want: -20 * time.Second},
		"one that does not end":     {pods: []corev1.Pod{aPod(corev1.PodRunning, taken(-5*time.Minute), endsAt(-2*time.Minute), runs("install"))}, want: -2 * time.Minute},
	} {
		for i := range c.pods {
			_, _ = leanPod(&c.pods[i])
		}
		got := see(old, c.pods, noon.Add(-time.Second), noon)
		if got.state != alive || !got.since.Equal(noon.Add(c.want)) {
			t.Errorf("%s: state %d, since %s", name, got.state, got.since)
		}
	}
}

// A Job that is older than its time may be without a pod for a moment.
func TestAJobIsPodlessSinceItsPodWasGone(t *testing.T) {
	now := noon
	e := &Executor{o: Options{Now: func() time.Time { return now }}, podlessAt: map[types.UID]time.Time{}}
	pods := []corev1.Pod{aPod(corev1.PodRunning)}
	for _, c := range []struct {
		pods []corev1.Pod
		want time.Time
	}{{nil, noon}, {nil, noon}, {pods, time.Time{}}, {nil, noon.Add(3 * time.Hour)}, {nil, noon.Add(3 * time.Hour)}} {
		if got := e.podless(aJobOf(), c.pods); !got.Equal(c.want) {
			t.Errorf("at %s it is podless since %s, want %s", now, got, c.want)
		}
		now = now.Add(time.Hour)
	}
}

func TestRefusalsAreToldApart(t *testing.T) {
	for message, reason := range map[string]string{
		`Error creating: pods "x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0`:         "QuotaExceeded",
		`Error creating: pods "x" is forbidden: failed quota: cpu: must specify limits.cpu for: clone`:                           "QuotaExceeded",
		`Error creating: pods "x" is forbidden: error looking up service account team/builds: serviceaccount "builds" not found`: "RunnerAccountNotFound",
		`Error creating: pods "x" is forbidden: violates PodSecurity "restricted:latest": hostPath volumes`:                      "PodRefused",
		`Error creating: pods "x" is forbidden: maximum memory usage per Container is 1Gi, but limit is 4Gi`:                     "PodRefused",
		`Error creating: admission webhook "policy.example" denied the request: no builds on Fridays`:                            "PodRefused",
		`Error creating: pods "x" is forbidden: no PriorityClass with name high was found`:                                       "PodRefused",
		`Error creating: pods "x" is forbidden: unable to create new content in namespace team because it is being terminated`:   "NamespaceTerminating",
	} {
		if got := refusal("team", message); got.Reason != reason || got.Outlook != problem.Waits {
			t.Errorf("%s is %s, %s; want %s", message, got.Reason, got.Outlook, reason)
		}
	}
}
