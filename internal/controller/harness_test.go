package controller_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/internal/cloudformation"
	"awscdk.dev/operator/internal/controller"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/executor"
	"awscdk.dev/operator/internal/git"
	"awscdk.dev/operator/internal/git/gittest"
	"awscdk.dev/operator/internal/httpcheck"
	"awscdk.dev/operator/internal/preflight"
	"awscdk.dev/operator/internal/report"
	"awscdk.dev/operator/internal/run"
	"awscdk.dev/operator/test/e2e/rig"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/robfig/cron/v3"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const (
	account = awstest.Account
	region  = "us-east-1"
)

// world is one test's own namespace, AWS, git server and data folder.
type world struct {
	testing.TB
	client    client.Client
	namespace string
	aws       *awstest.Server
	git       *gittest.HTTPServer
	repo      *gittest.Repo
	data      string
	// logs are the manager's own and those of its runs.
	logs lockedBuffer
	// ahead is by how much the manager's clock is ahead, in nanoseconds.
	ahead atomic.Int64
	// jobs has the managers run everything in Jobs.
	jobs bool
	// lookPath finds tools for the manager; nil for exec.LookPath.
	lookPath func(string) (string, error)
	// runs, if set, stands between the reconciler and the executor.
	runs func(executor.Executor) executor.Executor
}

// now is the manager's clock.
func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

// pass lets time pass for the manager.
func (w *world) pass(d time.Duration) { w.ahead.Add(int64(d)) }

// lockedBuffer is a buffer that several write to.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

var namespaces atomic.Int64

func newWorld(t testing.TB, awsFlags ...string) *world {
	t.Helper()
	w := &world{TB: t, namespace: fmt.Sprintf("test-%d", namespaces.Add(1)), data: t.TempDir()}
	w.aws = awstest.Start(t, append([]string{"--speed", "0"}, awsFlags...)...)
	w.post("/_localaws/bootstrap", nil)
	c, err := client.New(apiServer, client.Options{Scheme: controller.Scheme()})
	w.must(err)
	w.client = c
	w.must(c.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}))
	w.secret("aws", map[string]string{"AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "verysecretvalue"})
	root := t.TempDir()
	w.repo, err = gittest.NewRepo(filepath.Join(root, "app.git"))
	w.must(err)
	w.git, err = gittest.ServeHTTP(root, gittest.HTTPOptions{})
	w.must(err)
	t.Cleanup(func() { _ = w.git.Close() })
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) post(path string, body []byte) {
	w.Helper()
	answer, err := http.Post(w.aws.URL+path, "application/json", bytes.NewReader(body))
	w.must(err)
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		data, _ := io.ReadAll(answer.Body)
		w.Fatalf("POST %s: %s %s", path, answer.Status, data)
	}
}

// parameter changes an SSM parameter behind the operator's back.
func (w *world) parameter(name, value string) {
	w.Helper()
	c := ssm.New(ssm.Options{Region: region, BaseEndpoint: &w.aws.URL, Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "test", "")})
	_, err := c.PutParameter(w.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Type: ssmtypes.ParameterTypeString, Overwrite: ptr.To(true)})
	w.must(err)
}

// raw are entries of cdkContext.
func raw(entries ...string) []apiextensionsv1.JSON {
	var all []apiextensionsv1.JSON
	for _, e := range entries {
		all = append(all, apiextensionsv1.JSON{Raw: []byte(e)})
	}
	return all
}

func (w *world) secret(name string, data map[string]string) {
	w.Helper()
	w.must(w.client.Create(w.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}, StringData: data}))
}

// commit commits a template of the given resources to main.
func (w *world) commit(resources map[string]any) string {
	w.Helper()
	return w.commitFiles(map[string]string{"template.json": template(w, resources)})
}

func (w *world) commitFiles(files map[string]string) string {
	w.Helper()
	hash, err := w.repo.Commit(files, "change")
	w.must(err)
	return hash
}

func template(tb testing.TB, resources map[string]any) string {
	tb.Helper()
	data, err := json.Marshal(map[string]any{
		"Resources": resources,
		"Outputs":   map[string]any{"Region": map[string]any{"Value": map[string]any{"Ref": "AWS::Region"}}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}

func topic(displayName string) map[string]any {
	return map[string]any{"Type": "AWS::SNS::Topic", "Properties": map[string]any{"DisplayName": displayName}}
}

// stack is an object of the world's repository, not created yet.
func (w *world) stack(name string) *v1alpha1.CdkTsStack {
	return &v1alpha1.CdkTsStack{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
		Spec: v1alpha1.CdkTsStackSpec{
			StackName:             "Stack-" + name,
			CredentialsSecretName: "aws",
			Source:                v1alpha1.Source{Git: v1alpha1.GitSource{Repository: w.git.URL + "/app.git"}},
		},
	}
}

func (w *world) create(obj *v1alpha1.CdkTsStack) *v1alpha1.CdkTsStack {
	w.Helper()
	w.must(w.client.Create(w.Context(), obj))
	return obj
}

func (w *world) get(name string) *v1alpha1.CdkTsStack {
	w.Helper()
	obj := &v1alpha1.CdkTsStack{}
	w.must(w.client.Get(w.Context(), types.NamespacedName{Namespace: w.namespace, Name: name}, obj))
	return obj
}

// edit lays a merge patch over an object, as kubectl patch does.
func (w *world) edit(name, patch string) {
	w.Helper()
	obj := w.stack(name)
	w.must(w.client.Patch(w.Context(), obj, client.RawPatch(types.MergePatchType, []byte(patch))))
}

func (w *world) editStatus(name, patch string) {
	w.Helper()
	obj := w.stack(name)
	w.must(w.client.Status().Patch(w.Context(), obj, client.RawPatch(types.MergePatchType, []byte(patch))))
}

// until waits for a state of an object, for a minute at most.
func (w *world) until(name, what string, holds func(*v1alpha1.CdkTsStack) bool) *v1alpha1.CdkTsStack {
	w.Helper()
	var obj *v1alpha1.CdkTsStack
	for range 1200 {
		if obj = w.get(name); holds(obj) {
			return obj
		}
		time.Sleep(50 * time.Millisecond)
	}
	data, _ := json.MarshalIndent(obj.Status, "", "  ")
	w.Fatalf("%s: it did not come about that %s; its status is\n%s", name, what, data)
	return nil
}

func (w *world) untilReady(name string) *v1alpha1.CdkTsStack {
	w.Helper()
	return w.until(name, "it is ready", ready)
}

// untilGone waits until an object is no more.
func (w *world) untilGone(name string) {
	w.Helper()
	awstest.Eventually(w, name+" is gone", func() bool {
		err := w.client.Get(w.Context(), types.NamespacedName{Namespace: w.namespace, Name: name}, &v1alpha1.CdkTsStack{})
		return client.IgnoreNotFound(err) == nil && err != nil
	})
}

// ready is Ready of the present generation, as kstatus reads it.
func ready(obj *v1alpha1.CdkTsStack) bool {
	return obj.Status.ObservedGeneration == obj.Generation && meta.IsStatusConditionTrue(obj.Status.Conditions, v1alpha1.ConditionReady)
}

// because says whether Ready is not true for that reason.
func because(reason string) func(*v1alpha1.CdkTsStack) bool {
	return func(obj *v1alpha1.CdkTsStack) bool {
		c := meta.FindStatusCondition(obj.Status.Conditions, v1alpha1.ConditionReady)
		return c != nil && c.Status != metav1.ConditionTrue && c.Reason == reason
	}
}

func inPhase(phase v1alpha1.Phase) func(*v1alpha1.CdkTsStack) bool {
	return func(obj *v1alpha1.CdkTsStack) bool { return obj.Status.Phase == phase }
}

func reason(obj *v1alpha1.CdkTsStack) string {
	if c := meta.FindStatusCondition(obj.Status.Conditions, v1alpha1.ConditionReady); c != nil {
		return c.Reason
	}
	return ""
}

func message(obj *v1alpha1.CdkTsStack) string {
	if c := meta.FindStatusCondition(obj.Status.Conditions, v1alpha1.ConditionReady); c != nil {
		return c.Message
	}
	return ""
}

// events lists the reasons of the events of an object, oldest first.
func (w *world) events(name string) []eventsv1.Event {
	w.Helper()
	c, err := client.New(apiServer, client.Options{})
	w.must(err)
	var all eventsv1.EventList
	w.must(c.List(w.Context(), &all, client.InNamespace(w.namespace)))
	var of []eventsv1.Event
	for _, e := range all.Items {
		if e.Regarding.Name == name {
			of = append(of, e)
		}
	}
	return of
}

// hasEvent waits for an event of that reason.
func (w *world) hasEvent(name, reason string) {
	w.Helper()
	awstest.Eventually(w, "there is an event "+reason, func() bool {
		for _, e := range w.events(name) {
			if e.Reason == reason {
				return true
			}
		}
		return false
	})
}

// running is a manager at work.
type running struct {
	registry *prometheus.Registry
	stop     func()
	// reconciler is what the manager runs.
	reconciler *controller.Reconciler
}

// manage runs a manager in this process until the test ends or it is stopped.
func (w *world) manage() *running { return w.manageEvery("@every 1s") }

// manageEvery is manage with another schedule of looks at repositories, and with
// other options.
func (w *world) manageEvery(gitSync string, edits ...func(*managerOptions)) *running {
	w.Helper()
	return w.manageShard(gitSync, "", w.data, edits...)
}

// manageShard is manageEvery of one of several managers, with a data folder of
// its own.
func (w *world) manageShard(gitSync, shard, data string, edits ...func(*managerOptions)) *running {
	w.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{registry: prometheus.NewRegistry()}
	var logs io.Writer = &w.logs
	if os.Getenv("TEST_LOGS") != "" {
		logs = io.MultiWriter(&w.logs, os.Stderr)
	}
	o := managerOptions{
		config: apiServer, namespace: w.namespace, data: data, shard: shard, registry: r.registry, logs: logs,
		drift: "@every 1s", gitSync: gitSync, now: w.now,
		hookEnv:     map[string]string{"INCIDENT_API_URL": "http://127.0.0.1:9", "INCIDENT_API_TOKEN": "operators-incident-token"},
		hookSecrets: []string{"INCIDENT_API_TOKEN"}, lookPath: w.lookPath, runs: w.runs, jobs: w.jobs,
		internal: loopback,
	}
	for _, edit := range edits {
		edit(&o)
	}
	mgr, reconciler, closeAll, err := newManager(o)
	w.must(err)
	r.reconciler = reconciler
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	stopped := false
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			w.Errorf("the manager ended with %v", err)
		}
		closeAll()
	}
	w.Cleanup(func() {
		r.stop()
		rig.EndRuns(data) // what it left would write into folders that are being deleted
	})
	return r
}

type managerOptions struct {
	config          *rest.Config
	namespace, data string
	shard           string
	// lease, if set, is what managers elect a leader by, quickly.
	lease string
	// executor names where runs run, "" for "Local".
	executor       string
	registry       *prometheus.Registry
	logs           io.Writer
	drift, gitSync string
	now            func() time.Time
	hookEnv        map[string]string
	hookSecrets    []string
	lookPath       func(string) (string, error)
	runs           func(executor.Executor) executor.Executor
	// jobs has runs in Jobs, and not in processes.
	jobs        bool
	ownIdentity controller.OwnIdentity
	// internal are networks that endpoints of spec.freeze may be in, freezes how
	// often they are asked, 0 for as often as by the command.
	internal  []netip.Prefix
	freezes   time.Duration
	runsApart bool
	// sshSecret is the namespace of the operator-wide ssh key, "" for that of the stacks.
	sshSecret string
	// policies is the namespace of policies for all objects, "" for none.
	policies string
	// builtIn are names of built-in policies for all objects.
	builtIn []string
	// as, if set, makes the configuration of the manager's clients; asOperator
	// does otherwise.
	as func(*rest.Config) *rest.Config
	// wrap, if set, stands between the reconciler and the API server.
	wrap func(client.Client) client.Client
}

// newManager wires a manager as the command does, with schedules of its own
// and with this test binary as what runs are carried out by.
func newManager(o managerOptions) (ctrl.Manager, *controller.Reconciler, func(), error) {
	if o.as == nil {
		o.as = asOperator
	}
	mgr, err := ctrl.NewManager(o.as(o.config), ctrl.Options{
		Scheme: controller.Scheme(),
		Cache: cache.Options{
			DefaultNamespaces: map[string]cache.Config{o.namespace: {}}, DefaultTransform: cache.TransformStripManagedFields(),
			ByObject: o.cached(),
		},
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: ctrlconfig.Controller{SkipNameValidation: ptr.To(true)},

		LeaderElection: o.lease != "", LeaderElectionID: o.lease, LeaderElectionNamespace: operatorNamespace, LeaderElectionReleaseOnCancel: true,
		LeaseDuration: ptr.To(1500 * time.Millisecond), RenewDeadline: ptr.To(time.Second), RetryPeriod: ptr.To(200 * time.Millisecond),
	})
	if err != nil {
		return nil, nil, nil, err
	}
	drift, err := cron.ParseStandard(o.drift)
	if err != nil {
		return nil, nil, nil, err
	}
	gitSync, err := cron.ParseStandard(o.gitSync)
	if err != nil {
		return nil, nil, nil, err
	}
	var listener atomic.Pointer[controller.Reconciler]
	heads := git.NewHeads(git.HeadsOptions{Now: o.now, Changed: func(k git.Key) {
		if r := listener.Load(); r != nil {
			r.HeadChanged(k)
		}
	}})
	answered := func(names []types.NamespacedName) {
		if r := listener.Load(); r != nil {
			r.EndpointsAnswered(names)
		}
	}
	asking := httpcheck.NewClient(httpcheck.Options{Allowed: o.internal, Now: time.Now})
	endpoints := httpcheck.NewEndpoints(httpcheck.EndpointsOptions{Now: o.now, Every: o.freezes, Get: asking.Get, Changed: answered})
	probes := httpcheck.NewProbes[decide.Checkup](httpcheck.ProbesOptions{Changed: answered})
	runs, err := newRuns(mgr, o, func(name string) {
		if r := listener.Load(); r != nil {
			r.RunChanged(name)
		}
	})
	if err != nil {
		return nil, nil, nil, err
	}
	c := mgr.GetClient()
	if o.wrap != nil {
		c = o.wrap(c)
	}
	var executor executor.Executor = runs
	if o.runs != nil {
		executor = o.runs(runs)
	}
	log := slog.New(slog.NewJSONHandler(o.logs, nil))
	needs, err := around(mgr, o, log)
	if err != nil {
		return nil, nil, nil, err
	}
	builtIn, err := controller.ParseBuiltInPolicies(o.builtIn)
	if err != nil {
		return nil, nil, nil, err
	}
	r := controller.New(controller.Options{
		Namespaces: []string{o.namespace}, Preflight: needs, Shard: o.shard, OwnRuns: true,
		Client: c, Live: mgr.GetAPIReader(), Recorder: mgr.GetEventRecorder("awscdk-operator"), Executor: executor, Heads: heads, Endpoints: endpoints,
		HTTP: asking, Probes: probes,
		AWS:      cloudformation.NewClients(cloudformation.Options{Now: time.Now, Log: log}),
		Metrics:  report.NewMetrics(o.registry, "", time.Now),
		Settings: decide.Settings{Drift: drift, GitSync: gitSync},
		GitDefaults: &controller.GitDefaults{
			Secret: types.NamespacedName{Namespace: cmp.Or(o.sshSecret, o.namespace), Name: "awscdk-operator-ssh-key"}, Live: mgr.GetAPIReader(), Now: o.now,
		},
		PolicyNamespace: o.policies, BuiltInPolicies: builtIn,
		OwnIdentity: o.ownIdentity, RunsApart: o.runsApart,
		Now: o.now, Log: log, HookEnv: o.hookEnv, HookSecrets: o.hookSecrets,
		Kubernetes: run.Kubernetes{Server: o.config.Host, CA: o.config.CAData},
	})
	listener.Store(r)
	return mgr, r, func() { heads.Close(); endpoints.Close(); probes.Close(); _ = runs.Close() }, r.Register(mgr)
}

// closable is an executor that ends with its manager.
type closable interface {
	executor.Executor
	Close() error
}

// newExecutor makes the executor of that name; the kill loop takes any of them.
func (o managerOptions) newExecutor(notify func(name string)) (closable, error) {
	if o.executor != "" && o.executor != "Local" {
		return nil, fmt.Errorf("there is no executor %q in these tests", o.executor)
	}
	return executor.NewLocal(executor.LocalOptions{Data: o.data, Now: time.Now, Log: o.logs, Notify: notify})
}

// around has checked once what the operator needs.
func around(mgr ctrl.Manager, o managerOptions, log *slog.Logger) (*preflight.Preflight, error) {
	known, err := discovery.NewDiscoveryClientForConfig(o.config)
	if err != nil {
		return nil, err
	}
	if o.lookPath == nil {
		o.lookPath = exec.LookPath
	}
	p := preflight.New(preflight.Options{
		Live: mgr.GetAPIReader(), Client: mgr.GetClient(), Schemas: known.OpenAPIV3(), LookPath: o.lookPath, Namespaces: []string{o.namespace}, Own: operatorNamespace, Now: time.Now, Log: log,
	})
	p.Check(context.Background())
	return p, nil
}

// contains fails the test when a text lacks a part.
func contains(tb testing.TB, text string, parts ...string) {
	tb.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			tb.Errorf("%q does not contain %q", text, part)
		}
	}
}
