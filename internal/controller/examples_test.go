package controller_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/internal/controller"
	"awscdk.dev/operator/internal/git/gittest"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var examples = filepath.Join("..", "..", "examples")

// promises are what the comments of an example say beyond that it gets ready.
// One that is not here gets ready as it stands.
var promises = map[string]func(*example){
	"02-auto-redeploy.yaml":     newCommitsAreDeployed,
	"05-protected.yaml":         theStackStays,
	"06-outputs.yaml":           theOutputsAreKept,
	"07-retry-and-suspend.yaml": nothingHappensWhileSuspended,
	"08-production-ready.yaml":  productionIsGuarded,
	"09-hook-variables.yaml":    theHooksSeeTheirVariables,
	"10-releases.yaml":          theHighestReleaseIsDeployed,
	"11-monorepo.yaml":          otherProjectsArePassedOver,
	"12-production-native.yaml": fieldsGuardProduction,
	"13-approval.yaml":          destructionIsApproved,
	"16-order.yaml":             oneStackFollowsAnother,
	"14-freeze.yaml":            theIncidentIsWaitedFor,
	"15-plan-only.yaml":         plansAreOnlyShown,
	"17-policies.yaml":          rulesAreKept,
	"18-windows.yaml":           thePlanWaitsForItsWindow,
	"22-drift.yaml":             driftIsPutBack,
	"21-rollouts.yaml":          thePauseIsApproved,
	"20-rollback.yaml":          theAlarmTakesTheCommitBack,
	"23-blue-green.yaml":        oneColourServes,
	"19-verification.yaml":      onlyWhatIsHealthyCounts,
}

// preparations are what an example's promise needs before it is applied.
var preparations = map[string]func(*example){
	"08-production-ready.yaml":  theScriptsWindowNeverOpens,
	"12-production-native.yaml": func(e *example) { e.setClock(newYork(e, time.Tuesday, "10:00")) },
	"20-rollback.yaml":          func(e *example) { e.makeAlarm("web-5xx") },
	"23-blue-green.yaml":        coloursAnswer,
	"19-verification.yaml":      theSiteIsThere,
}

func TestEveryExampleDoesWhatItSays(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(examples, "*.yaml"))
	if err != nil || len(files) < 8 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for name := range promises {
		if _, err := os.Stat(filepath.Join(examples, name)); err != nil {
			t.Error(err)
		}
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			e := newExample(t, file)
			if prepare := preparations[filepath.Base(file)]; prepare != nil {
				prepare(e)
			}
			e.manage()
			for _, o := range e.objects {
				e.must(e.client.Create(t.Context(), o))
			}
			if promise := promises[filepath.Base(file)]; promise != nil {
				promise(e)
				return
			}
			e.untilReady(e.name)
		})
	}
}

func TestEveryExampleIsInTheList(t *testing.T) {
	list, err := os.ReadFile(filepath.Join(examples, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(examples, "*.yaml"))
	for _, file := range files {
		contains(t, string(list), fmt.Sprintf("[%[1]s](%[1]s)", filepath.Base(file)))
	}
}

// example is a manifest in a world of its own.
type example struct {
	*world
	objects []client.Object
	spec    *v1alpha1.CdkTsStackSpec
	name    string
	// others are the CdkTsStacks before the last one, of the same repository.
	others []*v1alpha1.CdkTsStack
	// project is the folder of the app, told the services that hooks talk to.
	project string
	told    *endpoints
	// incidents stands for what spec.freeze asks, site for what spec.verification does.
	incidents *endpoint
	site      *site
}

// newExample reads a manifest, and makes the world that it assumes: the
// repository with the ref that it names, and the Secrets and ConfigMaps.
func newExample(t *testing.T, file string) *example {
	t.Helper()
	e := &example{world: newWorld(t, "--minute", "500ms"), told: serveEndpoints(t)}
	e.objects = readManifest(t, file)
	for _, o := range e.objects {
		o.SetNamespace(e.namespace)
		if stack, ok := o.(*v1alpha1.CdkTsStack); ok {
			e.others = append(e.others, stack)
			e.spec, e.name, e.project = &stack.Spec, stack.Name, stack.Spec.Path
		}
	}
	if e.spec == nil {
		t.Fatalf("%s has no CdkTsStack", file)
	}
	e.others = e.others[:len(e.others)-1]
	e.host()
	for _, other := range e.others {
		other.Spec.Source.Git.Repository = e.spec.Source.Git.Repository
	}
	e.publish()
	e.provide()
	return e
}

// readManifest reads every document of a file strictly: an unknown field is
// an error.
func readManifest(t *testing.T, file string) []client.Object {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(controller.Scheme(), serializer.EnableStrict).UniversalDeserializer()
	documents := yaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(data)))
	defer documents.Close()
	var objects []client.Object
	buf := make([]byte, len(data)+1)
	for {
		n, err := documents.Read(buf)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		decoded, _, err := decoder.Decode(buf[:n], nil, nil)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		objects = append(objects, decoded.(client.Object))
	}
}

// host puts the test's repository in the place of the example's, with the
// same way of getting in.
func (e *example) host() {
	e.Helper()
	git := &e.spec.Source.Git
	if git.SSHSecretName == "" {
		git.Repository = e.git.URL + "/app.git"
		return
	}
	private, authorized, err := gittest.NewSSHKey()
	e.must(err)
	server, err := gittest.ServeSSH(filepath.Dir(e.repo.Dir), authorized)
	e.must(err)
	e.Cleanup(func() { _ = server.Close() })
	git.Repository = server.URL + "/app.git"
	e.secret(git.SSHSecretName, map[string]string{"ssh-privatekey": string(private), "known_hosts": string(server.KnownHosts())})
}

var (
	hash    = regexp.MustCompile(`^[0-9a-f]{40}$`)
	version = regexp.MustCompile(`^v[0-9]`)
)

// publish commits the app and gives it the ref that the example follows.
func (e *example) publish() {
	e.Helper()
	commit := e.change("main", "one")
	for _, other := range e.others {
		if ref := other.Spec.Source.Git.Ref; ref != "" {
			e.must(e.repo.Tag(ref, commit))
		}
	}
	switch git := &e.spec.Source.Git; {
	case git.Semver != "":
		for _, tag := range []string{"v2.0.9", "v2.1.0", "v2.4.0", "v3.0.0-rc.1", "v3.0.0"} {
			e.must(e.repo.Tag(tag, e.change("main", tag)))
		}
	case hash.MatchString(git.Ref):
		git.Ref = commit
	case version.MatchString(git.Ref):
		e.must(e.repo.AnnotatedTag(git.Ref, commit, "release"))
	case git.Ref != "" && git.Ref != "main":
		e.must(e.repo.Branch(git.Ref, commit))
	}
}

// change commits an app that names its topic so.
func (e *example) change(branch, displayName string) string {
	e.Helper()
	data, err := json.Marshal(map[string]any{
		"Resources": map[string]any{
			"Topic": topic(displayName),
			"Level": map[string]any{"Type": "AWS::SSM::Parameter", "Properties": map[string]any{"Name": "/web/level", "Type": "String", "Value": "good"}},
		},
		"Outputs": map[string]any{"ApplicationUrl": map[string]any{"Value": e.told.URL}},
	})
	e.must(err)
	files := map[string]string{path.Join(e.project, "template.json"): string(data)}
	switch {
	case len(e.others) == 1:
		files[path.Join(e.others[0].Spec.Path, "template.json")] = networkTemplate(displayName)
		files[path.Join(e.project, "template.json")] = appTemplate
		files[path.Join(e.project, "app.json")] = `{"parameters":{"Vpc":"context:vpcId","Stage":"context:stage"}}`
	case len(e.others) > 1:
		files = coloursOf(e.told.URL)
	}
	commit, err := e.repo.CommitTo(branch, files, "change "+displayName)
	e.must(err)
	return commit
}

// provide makes the Secrets and ConfigMaps that the example refers to and does
// not bring, and prepares the region.
func (e *example) provide() {
	e.Helper()
	e.secret(e.spec.CredentialsSecretName, map[string]string{"AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "verysecretvalue"})
	if e.spec.AWSRegion != "" {
		e.post("/_localaws/bootstrap?region="+e.spec.AWSRegion, nil)
	}
	for _, f := range e.spec.ParametersFrom {
		if f.SecretKeyRef != nil {
			e.secret(f.SecretKeyRef.Name, map[string]string{f.SecretKeyRef.Key: "correct-horse-battery"})
		}
	}
	e.serveFreezes()
	if e.spec.Hooks == nil {
		return
	}
	endpoints := map[string]string{
		"INCIDENT_API_URL": e.told.URL, "INCIDENT_API_TOKEN": incidentToken,
		"ALERT_WEBHOOK_URL": e.told.URL + "/alert", "chat-url": e.told.URL + "/chat",
	}
	for _, from := range e.spec.Hooks.EnvFrom {
		switch {
		case from.SecretRef != nil:
			e.secret(from.SecretRef.Name, endpoints)
		case e.its(from.ConfigMapRef.Name) == nil:
			c := &corev1.ConfigMap{Data: map[string]string{"STAGE": "staging"}}
			c.Namespace, c.Name = e.namespace, from.ConfigMapRef.Name
			e.must(e.client.Create(e.Context(), c))
		}
	}
	for _, v := range e.spec.Hooks.Env {
		if v.ValueFrom != nil && v.ValueFrom.SecretKeyRef != nil && !e.freezesKnow(v.ValueFrom.SecretKeyRef.Name) {
			e.secret(v.ValueFrom.SecretKeyRef.Name, endpoints)
		}
	}
}

// its is the ConfigMap of that name that the example brings.
func (e *example) its(configMap string) *corev1.ConfigMap {
	for _, o := range e.objects {
		if c, ok := o.(*corev1.ConfigMap); ok && c.Name == configMap {
			return c
		}
	}
	return nil
}

// untilDeployed waits until a commit is deployed and the object ready.
func (e *example) untilDeployed(commit string) *v1alpha1.CdkTsStack {
	e.Helper()
	return e.until(e.name, "commit "+commit+" is deployed", func(o *v1alpha1.CdkTsStack) bool {
		return ready(o) && o.Status.Deployed.Target.Revision == commit
	})
}

func newCommitsAreDeployed(e *example) {
	e.untilReady(e.name)
	e.untilDeployed(e.change(e.spec.Source.Git.Ref, "two"))
}

func theStackStays(e *example) {
	e.untilReady(e.name)
	e.must(e.client.Delete(e.Context(), e.get(e.name)))
	e.untilGone(e.name)
	e.hasEvent(e.name, "StackRetained")
	if n := e.aws.Succeeded(e, "DeleteStack"); n != 0 {
		e.Errorf("%d deletions of the stack", n)
	}
}

func theOutputsAreKept(e *example) {
	e.untilReady(e.name)
	if diff := cmp.Diff(map[string]string{"ApplicationUrl": e.told.URL}, e.configMap(e.spec.Outputs.ConfigMapName)); diff != "" {
		e.Errorf("outputs (-want +got):\n%s", diff)
	}
}

func nothingHappensWhileSuspended(e *example) {
	deployed := e.untilReady(e.name).Status.Deployed.Target.Revision
	e.edit(e.name, `{"spec":{"suspend":true}}`)
	e.until(e.name, "it is suspended", func(o *v1alpha1.CdkTsStack) bool { return ready(o) && reason(o) == "Suspended" })
	next := e.change("main", "two")
	e.edit(e.name, `{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}}}`)
	e.until(e.name, "the commit was seen", func(o *v1alpha1.CdkTsStack) bool { return o.Status.Source.Revision == next })
	if got := e.get(e.name).Status.Deployed.Target.Revision; got != deployed {
		e.Errorf("revision %s was deployed while suspended", got)
	}
	e.edit(e.name, `{"spec":{"suspend":false}}`)
	e.untilDeployed(next)
}

func thePlanWaitsForItsWindow(e *example) {
	// Whatever time it is: closed for good.
	e.edit(e.name, `{"spec":{"windows":{"allow":null,"deny":[{"name":"freeze"}]}}}`)
	next := e.change("main", "two")
	waits := e.until(e.name, "the plan of the commit waits", func(o *v1alpha1.CdkTsStack) bool {
		return reason(o) == "WindowClosed" && o.Status.Held != nil && o.Status.Held.Target.Revision == next
	})
	contains(e, message(waits), `denied by "freeze"`, "no window opens within a year", waits.Status.Changes.Summary)
	e.edit(e.name, `{"metadata":{"annotations":{"emergency-reason":"checkout is down","emergency-deployment":"true"}}}`)
	e.untilDeployed(next)
	if got := e.get(e.name).Status.LastDeployment.Override; got != "emergency: checkout is down" {
		e.Errorf("the override of the last deployment is %q", got)
	}
}

func theAlarmTakesTheCommitBack(e *example) {
	first := e.untilReady(e.name).Status.Deployed.Target.Revision
	next := e.change("main", "two")
	e.until(e.name, "the update is monitored", func(o *v1alpha1.CdkTsStack) bool {
		return o.Status.Operation != nil && o.Status.Operation.Step == v1alpha1.StepMonitoring
	})
	e.aws.Alarm(e, "web-5xx", "ALARM")
	taken := e.until(e.name, "the commit was taken back", takenBack(next))
	contains(e, message(taken), "the alarm web-5xx", "In service is revision "+short(first))
}

func destructionIsApproved(e *example) {
	e.untilReady(e.name)
	e.edit(e.name, `{"spec":{"approval":{"required":"OnNewCommit"}}}`)
	next := e.change("main", "two")
	waits := e.until(e.name, "the plan of the commit waits", func(o *v1alpha1.CdkTsStack) bool {
		return reason(o) == "ApprovalPending" && o.Status.Held != nil && o.Status.Held.Target.Revision == next
	})
	contains(e, message(waits), "awscdk.dev/approve="+waits.Status.Changes.Digest)
	e.edit(e.name, `{"metadata":{"annotations":{"awscdk.dev/approve":"0123456789abcdef"}}}`)
	e.until(e.name, "an approval of another plan is refused", func(o *v1alpha1.CdkTsStack) bool {
		return strings.Contains(message(o), "of another plan (01234567")
	})
	e.edit(e.name, `{"metadata":{"annotations":{"awscdk.dev/approve":"`+waits.Status.Changes.Digest[:8]+`","awscdk.dev/approved-by":"ada"}}}`)
	e.untilDeployed(next)
	if got := e.get(e.name).Status.LastDeployment.ApprovedBy; got != "ada" {
		e.Errorf("the last deployment was approved by %q", got)
	}
}

func thePauseIsApproved(e *example) {
	e.untilReady(e.name)
	e.commit(service("1", "/", blueGreen()))
	e.until(e.name, "the service is deployed", func(o *v1alpha1.CdkTsStack) bool { return ready(o) && len(o.Status.History) == 2 })
	e.commit(service("2", "/", pausing()))
	paused := e.paused(e.name)
	contains(e, message(e.get(e.name)), "awscdk.dev/approve="+paused.Pause.Digest)
	e.order(e.name, v1alpha1.ApproveAnnotation, paused.Pause.Digest[:8])
	e.until(e.name, "the rollout goes on to its end", func(o *v1alpha1.CdkTsStack) bool { return ready(o) && len(o.Status.History) == 3 })
}

func rulesAreKept(e *example) {
	e.untilReady(e.name)
	next := e.change("main", "")
	waits := e.until(e.name, "the plan of the commit waits", func(o *v1alpha1.CdkTsStack) bool {
		return reason(o) == "PolicyDenied" && o.Status.Held != nil && o.Status.Held.Target.Revision == next
	})
	contains(e, message(waits), "rule topics-have-a-display-name of policy team at Topic (AWS::SNS::Topic)")
	e.untilDeployed(e.change("main", "three"))
}

func plansAreOnlyShown(e *example) {
	e.until(e.name, "the plan is shown", because("PlanOnly"))
	next := e.change("main", "two")
	e.until(e.name, "the plan of the next commit is shown", func(o *v1alpha1.CdkTsStack) bool {
		return reason(o) == "PlanOnly" && o.Status.Held != nil && o.Status.Held.Target.Revision == next
	})
	var whole corev1.ConfigMap
	e.must(e.client.Get(e.Context(), client.ObjectKey{Namespace: e.namespace, Name: e.name + "-plan"}, &whole))
	if n := e.aws.Succeeded(e, "ExecuteChangeSet"); n != 0 {
		e.Errorf("%d change sets were executed", n)
	}
	e.edit(e.name, `{"spec":{"planOnly":false}}`)
	e.untilDeployed(next)
}

// theScriptsWindowNeverOpens, whatever day it is.
func theScriptsWindowNeverOpens(e *example) {
	checks := e.its("web-production-checks")
	checks.Data["WINDOW_DAYS"] = ""
	checks.Data["MIN_BACKUP_DAYS"] = "" // not every machine has the aws command
}

func productionIsGuarded(e *example) {
	// Refused, since it is outside of a window that is never open.
	refused := e.until(e.name, "the deployment is refused", because("BeforeDeployFailed"))
	contains(e, message(refused), "outside of the deployment window", "attempt 1 of 11")
	if n := e.aws.Succeeded(e, "CreateChangeSet"); n != 0 {
		e.Errorf("%d change sets were made outside of the window", n)
	}
	e.edit(e.name, `{"metadata":{"annotations":{"emergency-reason":"CVE-2026-1234","emergency-deployment":"true"}}}`)
	e.untilReady(e.name)
	contains(e, e.logs.String(), "EMERGENCY outside of the window: CVE-2026-1234", "open incidents: 0")
	contains(e, e.told.heard("/alert"), "WebApp-Production is deployed at v2.1.0")
	var baselines corev1.ConfigMapList
	e.must(e.client.List(e.Context(), &baselines, client.InNamespace(e.namespace), client.MatchingLabels{"deployment-baseline": "true"}))
	if len(baselines.Items) != 1 || baselines.Items[0].Data["version"] != "v2.1.0" {
		e.Errorf("baselines %v", baselines.Items)
	}

	e.parameter("/web/level", "hacked")
	awstest.Eventually(e, "an incident is made", func() bool { return e.told.heard("/incidents") != "" })
	told := e.lastRun("afterDriftDetection")
	e.until(e.name, "drift is told of again", func(*v1alpha1.CdkTsStack) bool { return e.lastRun("afterDriftDetection") != told })
	heard := e.told.heard("/incidents")
	contains(e, heard, "Drift in WebApp-Production: ", "Level MODIFIED")
	if n := strings.Count(heard, "severity"); n != 1 {
		e.Errorf("%d incidents for one drift: %s", n, heard)
	}
	for _, h := range e.get(e.name).Status.Hooks {
		if !h.Succeeded {
			e.Errorf("%s failed: %s", h.Name, h.Message)
		}
	}

	e.edit(e.name, `{"spec":{"actions":{"destroy":true}}}`)
	e.must(e.client.Delete(e.Context(), e.get(e.name)))
	kept := e.until(e.name, "the destruction is refused", because("BeforeDestroyFailed"))
	contains(e, message(kept), "after an approved change request")
	e.edit(e.name, `{"metadata":{"annotations":{"destruction-approved":"WebApp-Production","kubectl.kubernetes.io/restartedAt":"now"}}}`)
	e.untilGone(e.name)
}

// lastRun is the operation that a hook last ran for.
func (e *example) lastRun(hook string) string {
	for _, h := range e.get(e.name).Status.Hooks {
		if h.Name == hook {
			return h.Operation
		}
	}
	return ""
}

func theHooksSeeTheirVariables(e *example) {
	commit := e.untilReady(e.name).Status.Deployed.Target.Revision
	contains(e, e.logs.String(), "team web deploys "+commit+" to staging", "ApplicationUrl is "+e.told.URL)
	contains(e, e.told.heard("/chat"), "WebApp: Succeeded")
}

func theHighestReleaseIsDeployed(e *example) {
	deployed := e.untilReady(e.name)
	if got := deployed.Status.Source.Tag; got != "v2.4.0" {
		e.Errorf("tag %s", got)
	}
	next := e.change("main", "v2.5.0")
	e.must(e.repo.Tag("v2.5.0", next))
	e.edit(e.name, `{"spec":{"source":{"git":{"interval":"10s"}}}}`)
	e.untilDeployed(next)
}

func otherProjectsArePassedOver(e *example) {
	deployed := e.untilReady(e.name).Status.Deployed.Target.Revision
	other, err := e.repo.Commit(map[string]string{"apps/other/main.ts": "", "apps/web/README.md": "read me"}, "another project")
	e.must(err)
	passed := e.until(e.name, "the commit was passed over", func(o *v1alpha1.CdkTsStack) bool {
		return o.Status.Source.IrrelevantRevision == other
	})
	if got := passed.Status.Deployed.Target.Revision; got != deployed || passed.Status.Source.PendingRevision != "" {
		e.Errorf("revision %s is deployed, %q pending", got, passed.Status.Source.PendingRevision)
	}
	next := e.change("main", "two")
	e.untilDeployed(next)
	awstest.Eventually(e, "the hook tells of the commit", func() bool {
		return strings.Contains(e.logs.String(), "main brings "+next)
	})
}

// endpoints are the services that hooks of the examples talk to.
type endpoints struct {
	*httptest.Server
	bodies lockedBuffer
	// incidents is how many are open, down whether who knows of them gives no answer.
	incidents atomic.Int64
	down      atomic.Bool
	// releases are what the colours of a service say that they are, by their paths.
	releases sync.Map
}

const incidentToken = "incident-token"

func serveEndpoints(t *testing.T) *endpoints {
	t.Helper()
	e := &endpoints{}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(&e.bodies, "%s %s\n", r.URL.Path, bytes.ReplaceAll(body, []byte("\n"), nil))
		case r.URL.Path == "/incidents" && e.down.Load():
			http.Error(w, "no", http.StatusServiceUnavailable)
		case r.URL.Path == "/incidents" && r.Header.Get("Authorization") == "Bearer "+incidentToken:
			fmt.Fprintf(w, `{"count": %d}`, e.incidents.Load())
		case r.Method == http.MethodGet && path.Base(r.URL.Path) == "health" && path.Dir(r.URL.Path) != "/": // of a colour
		case r.Method == http.MethodGet && path.Base(r.URL.Path) == "version":
			release, _ := e.releases.Load(path.Dir(r.URL.Path))
			fmt.Fprint(w, release)
		case r.URL.Path != "/health":
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(e.Close)
	return e
}

// heard is what was posted to a path.
func (e *endpoints) heard(path string) string {
	var heard strings.Builder
	for line := range strings.Lines(e.bodies.String()) {
		if strings.HasPrefix(line, path+" ") {
			heard.WriteString(line)
		}
	}
	return heard.String()
}
