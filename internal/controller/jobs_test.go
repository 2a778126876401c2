package controller_test

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/internal/controller"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/executor"
	"awscdk.dev/operator/internal/executor/job"
	"awscdk.dev/operator/internal/executor/job/jobtest"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/run"
)

// closer is an executor that can be closed.
type closer interface {
	executor.Executor
	Close() error
}

func newRuns(mgr ctrl.Manager, o managerOptions, notify func(string)) (closer, error) {
	if !o.jobs {
		return o.newExecutor(notify)
	}
	return job.New(job.Options{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Cache: mgr.GetCache(), Namespaces: []string{o.namespace},
		Image: "runner:test", Environ: os.Environ(), Belongs: decide.RunIsOf, Notify: notify, Now: o.now,
	})
}

func (o managerOptions) cached() map[client.Object]cache.ByObject {
	all := controller.CacheObjects(o.shard)
	if o.jobs {
		maps.Copy(all, job.CacheObjects())
	}
	return all
}

// onCluster is a world whose runs are Jobs, and a node that carries them out.
func onCluster(t *testing.T) (*world, *jobtest.Node) {
	t.Helper()
	w := newWorld(t)
	w.jobs = true
	self, err := os.Executable()
	w.must(err)
	w.must(w.client.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "default"}}))
	environ := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	return w, jobtest.Start(t, apiServer, jobtest.Options{Namespace: w.namespace, Command: []string{self}, Environ: environ})
}

// leftOver names the Jobs, pods and Secrets of runs that there are.
func (w *world) leftOver() (all []string) {
	w.Helper()
	for _, list := range []client.ObjectList{&batchv1.JobList{}, &corev1.PodList{}, &corev1.SecretList{}} {
		w.must(w.client.List(w.Context(), list, client.InNamespace(w.namespace), client.HasLabels{job.LabelRun}))
		w.must(meta.EachListItem(list, func(o runtime.Object) error {
			all = append(all, o.(client.Object).GetName())
			return nil
		}))
	}
	return all
}

func TestAStackLivesWithItsRunsInJobs(t *testing.T) {
	w, _ := onCluster(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	obj := w.hooked("web", v1alpha1.LifecycleHooks{
		BeforeDeploy:  `kubectl get configmap before || kubectl create configmap before --from-literal=who="$CDK_STACK_RESOURCE_NAME"`,
		BeforeDestroy: `kubectl create configmap destroy --from-literal=who="$CDK_STACK_RESOURCE_NAME"`,
	})
	w.create(obj)
	w.untilReady("web")
	if got := w.configMap("before")["who"]; got != "web" {
		t.Errorf("the hook ran for %q", got)
	}
	awstest.Eventually(t, "nothing is left of the run", func() bool { return len(w.leftOver()) == 0 })

	w.commit(map[string]any{"Topic": topic("two")})
	w.edit("web", `{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}}}`)
	w.until("web", "it is deployed again", func(obj *v1alpha1.CdkTsStack) bool { return ready(obj) && len(obj.Status.History) > 1 })

	w.must(w.client.Delete(t.Context(), w.stack("web")))
	w.untilGone("web")
	if got := w.configMap("destroy")["who"]; got != "web" {
		t.Errorf("the hook before the destruction ran for %q", got)
	}
	awstest.Eventually(t, "nothing is left of any run", func() bool { return len(w.leftOver()) == 0 })
}

func TestAnExhaustedQuotaIsWaitedForAndSpendsNoAttempt(t *testing.T) {
	w, _ := onCluster(t)
	quota := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "small"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: apiresource.MustParse("0")}},
	}
	w.must(w.client.Create(t.Context(), quota))
	awstest.Eventually(t, "the quota counts", func() bool {
		quota.Status.Hard, quota.Status.Used = quota.Spec.Hard, corev1.ResourceList{corev1.ResourcePods: apiresource.MustParse("0")}
		return w.client.Status().Update(t.Context(), quota) == nil
	})
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	w.create(w.stack("web"))
	waiting := w.until("web", "it waits for room in the quota", because("QuotaExceeded"))
	contains(t, message(waiting), "ResourceQuota", "pods=0", "spec.runner.resources")
	if waiting.Status.Phase != v1alpha1.PhasePending || len(waiting.Status.History) != 0 {
		t.Errorf("phase %s, history %v", waiting.Status.Phase, waiting.Status.History)
	}
	version := w.get("web").ResourceVersion
	time.Sleep(7 * time.Second) // another look
	if again := w.get("web").ResourceVersion; again != version {
		t.Error("an object that waits was written again")
	}
	w.must(w.client.Delete(t.Context(), quota))
	w.untilReady("web")
}

func TestARunnerThatReachesTooFarIsRefused(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct{ patch, says string }{
		"a folder of the node":        {`{"runner":{"volumes":[{"name":"host"}]}}`, "hostPath"},
		"two sources":                 {`{"runner":{"volumes":[{"name":"x","emptyDir":{},"secret":{"secretName":"y"}}]}}`, "exactly one of configMap"},
		"a mount over the workspace":  {`{"runner":{"volumeMounts":[{"name":"x","mountPath":"/workspace/x"}]}}`, "must not lie in or over /workspace"},
		"a mount over the program":    {`{"runner":{"volumeMounts":[{"name":"x","mountPath":"/usr/local"}]}}`, "must not lie in or over"},
		"a mount over the secrets":    {`{"runner":{"volumeMounts":[{"name":"x","mountPath":"/awscdk"}]}}`, "must not lie in or over"},
		"a mount by a detour":         {`{"runner":{"volumeMounts":[{"name":"x","mountPath":"/etc/../awscdk"}]}}`, "written plainly"},
		"a mount with two slashes":    {`{"runner":{"volumeMounts":[{"name":"x","mountPath":"//awscdk"}]}}`, "written plainly"},
		"our own label":               {`{"runner":{"podMetadata":{"labels":{"awscdk.dev/run":"x"}}}}`, "find the pods by them"},
		"who manages it":              {`{"runner":{"podMetadata":{"labels":{"app.kubernetes.io/managed-by":"x"}}}}`, "find the pods by them"},
		"the containers without AWS":  {`{"runner":{"podMetadata":{"annotations":{"eks.amazonaws.com/skip-containers":""}}}}`, "the operator sets them"},
		"a variable that we set":      {`{"runner":{"env":[{"name":"HOME","value":"/root"}]}}`, "runner.env must not set"},
		"a library to load":           {`{"runner":{"env":[{"name":"LD_PRELOAD","value":"/x.so"}]}}`, "runner.env must not set"},
		"AWS keys in the open":        {`{"runner":{"env":[{"name":"AWS_SECRET_ACCESS_KEY","value":"x"}]}}`, "spec.credentialsSecretName"},
		"another endpoint":            {`{"runner":{"env":[{"name":"AWS_ENDPOINT_URL_S3","value":"http://evil"}]}}`, "AWS_ENDPOINT_URL*"},
		"a service account with path": {`{"runner":{"serviceAccountName":"../x"}}`, "serviceAccountName must be the name"},
		"a claim in capitals":         {`{"runner":{"cache":{"claimName":"Cache"}}}`, "claimName must be the name"},
		"devices":                     {`{"runner":{"resources":{"claims":[{"name":"gpu"}]}}}`, "claims is not supported"},
	} {
		t.Run(name, func(t *testing.T) {
			err := w.client.Create(t.Context(), w.odd("odd", c.patch), client.DryRunAll)
			if err == nil {
				t.Fatal("it was accepted")
			}
			contains(t, err.Error(), c.says)
		})
	}
	good := `{"runner":{"serviceAccountName":"builds","resources":{"limits":{"memory":"8Gi"}},"nodeSelector":{"a":"b"},"tolerations":[{"key":"builds","operator":"Exists"}],` +
		`"affinity":{"podAntiAffinity":{}},"podMetadata":{"labels":{"team":"web"},"annotations":{"note":"x"}},"priorityClassName":"low","runtimeClassName":"gvisor",` +
		`"imagePullSecrets":[{"name":"registry"}],"volumes":[{"name":"ca","configMap":{"name":"ca"}}],"volumeMounts":[{"name":"ca","mountPath":"/etc/company","readOnly":true}],` +
		`"env":[{"name":"NODE_EXTRA_CA_CERTS","value":"/etc/company/ca.crt"}],"cache":{"claimName":"cdk-cache"}}}`
	if err := w.client.Create(t.Context(), w.odd("good", good), client.DryRunAll); err != nil {
		t.Error(err)
	}
}

// A stranger in another namespace makes a Job that looks like the run of somebody
// else's object, with a good result.
func TestNobodyElseSpeaksForARun(t *testing.T) {
	w, _ := onCluster(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	w.create(w.hooked("web", v1alpha1.LifecycleHooks{BeforeDeploy: "sleep 3; exit 7"}))
	obj := w.until("web", "it builds", func(obj *v1alpha1.CdkTsStack) bool { return obj.Status.Operation != nil })
	name := decide.RunName(obj.Status.Operation)
	if !decide.RunIsOf(name, w.namespace, "web", obj.UID) {
		t.Errorf("%s is not of its own object", name)
	}
	for _, other := range [][2]string{{"elsewhere", "web"}, {w.namespace, "other"}} {
		if decide.RunIsOf(name, other[0], other[1], obj.UID) {
			t.Errorf("%s is of %v, too", name, other)
		}
	}
	failed := w.until("web", "its own hook is heard", because("BeforeDeployFailed"))
	contains(t, message(failed), "7")
}

// The secrets of a run are where they are needed, and nowhere else.
func TestEachContainerHasItsOwnSecrets(t *testing.T) {
	w, node := onCluster(t)
	w.commit(map[string]any{"Topic": topic("one")})
	node.Sleep()
	w.manage()
	w.create(w.hooked("web", v1alpha1.LifecycleHooks{BeforeDeploy: "true"}))
	var jobs batchv1.JobList
	awstest.Eventually(t, "there is a Job", func() bool {
		w.must(w.client.List(t.Context(), &jobs, client.InNamespace(w.namespace)))
		return len(jobs.Items) == 1 && !*jobs.Items[0].Spec.Suspend
	})
	var s corev1.Secret
	w.must(w.client.Get(t.Context(), client.ObjectKeyFromObject(&jobs.Items[0]), &s))
	spec := jobs.Items[0].Spec.Template.Spec
	text, _ := json.Marshal(spec)
	if strings.Contains(string(text), "verysecretvalue") {
		t.Error("the pod's specification holds the AWS key")
	}
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		seen := string(s.Data["secrets-"+c.Name+".json"])
		if has := strings.Contains(seen, "verysecretvalue"); has == (c.Name == "install") {
			t.Errorf("the container %s has AWS keys: %v", c.Name, has)
		}
		token := slices.ContainsFunc(c.Env, func(v corev1.EnvVar) bool { return v.Name == "AWSCDK_OPERATOR_HOOK_TOKEN" })
		if token != (c.Name == "hook") || strings.Contains(seen, "kubernetesToken") {
			t.Errorf("the container %s has the cluster token: %v", c.Name, token)
		}
	}
	node.Wake()
	w.untilReady("web")
}

// refusing is an executor that starts no run.
type refusing struct {
	executor.Executor
	err error
}

func (e refusing) Start(context.Context, string, run.Request, run.Secrets) error { return e.err }

func TestARunThatCannotBeStartedStallsOrWaits(t *testing.T) {
	for outlook, c := range map[problem.Outlook]struct {
		phase   v1alpha1.Phase
		history int
	}{
		problem.Stalls:  {v1alpha1.PhaseFailed, 1},
		problem.Waits:   {v1alpha1.PhaseCloning, 0},
		problem.Retries: {v1alpha1.PhaseCloning, 0},
	} {
		t.Run(string(outlook), func(t *testing.T) {
			w := newWorld(t)
			w.commit(map[string]any{"Topic": topic("one")})
			w.runs = func(e executor.Executor) executor.Executor {
				return refusing{e, (&problem.Problem{Reason: "RunTooLarge", Message: "too much"}).With(outlook)}
			}
			w.manage()
			w.create(w.stack("web"))
			is := w.until("web", "it says so", because("RunTooLarge"))
			if is.Status.Phase != c.phase || len(is.Status.History) != c.history {
				t.Errorf("phase %s, history %+v", is.Status.Phase, is.Status.History)
			}
		})
	}
}
