package controller_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// app is a template of one resource that holds a value.
type app struct {
	value      any
	parameters map[string]any
	outputs    map[string]any
}

func ref(parameter string) map[string]any { return map[string]any{"Ref": parameter} }

func output(value any, export string) map[string]any {
	o := map[string]any{"Value": value}
	if export != "" {
		o["Export"] = map[string]any{"Name": export}
	}
	return o
}

func (w *world) commitApps(apps map[string]app, files map[string]string) string {
	w.Helper()
	all := map[string]string{}
	for folder, a := range apps {
		data, err := json.Marshal(map[string]any{
			"Parameters": a.parameters, "Outputs": a.outputs,
			"Resources": map[string]any{"It": map[string]any{"Type": "Local::Test::Resource", "Properties": map[string]any{"Value": a.value}}},
		})
		w.must(err)
		all[folder+"/template.json"] = string(data)
	}
	for name, text := range files {
		all[name] = text
	}
	return w.commitFiles(all)
}

// member is an object of one folder of the world's repository.
func (w *world) member(name string, dependsOn ...string) *v1alpha1.CdkTsStack {
	obj := w.stack(name)
	obj.Spec.Path = name
	obj.Spec.Actions = &v1alpha1.Actions{AutoRedeploy: ptr.To(true), DriftDetection: ptr.To(false)}
	for _, other := range dependsOn {
		obj.Spec.DependsOn = append(obj.Spec.DependsOn, v1alpha1.Dependency{Name: other})
	}
	return obj
}

var plainText = map[string]any{"Type": "String"}

func attribute(of, name string) map[string]any {
	return map[string]any{"Fn::GetAtt": []string{of, name}}
}

// stacksOf are the names of the stacks that calls of an action were about, each
// once, in the order of the first call that went well.
func (w *world) stacksOf(action string) []string {
	w.Helper()
	var all []string
	for _, c := range w.aws.Calls(w, action) {
		for _, name := range []string{"Stack-network", "Stack-database", "Stack-app"} {
			if strings.Contains(c.Target, name) && c.Error == "" && !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}

func (w *world) describe(name string) *cfn.DescribeStacksOutput {
	w.Helper()
	found, err := w.cloudFormation().DescribeStacks(w.Context(), &cfn.DescribeStacksInput{StackName: &name})
	w.must(err)
	return found
}

// chain commits three apps, each of which needs what the one before it has, and
// makes their objects in the wrong order; edit may change each before that.
func (w *world) chain(edits ...func(*v1alpha1.CdkTsStack)) {
	w.Helper()
	create := func(obj *v1alpha1.CdkTsStack) {
		for _, edit := range edits {
			edit(obj)
		}
		w.create(obj)
	}
	w.commitApps(map[string]app{
		"network":  {value: "vpc-1", outputs: map[string]any{"VpcId": output(attribute("It", "Value"), "vpc")}},
		"database": {value: map[string]any{"Fn::ImportValue": "vpc"}, outputs: map[string]any{"Endpoint": output("db.example", "endpoint")}},
		"app": {
			value:      map[string]any{"Fn::Join": []any{"/", []any{ref("Vpc"), ref("Endpoint"), map[string]any{"Fn::ImportValue": "endpoint"}}}},
			parameters: map[string]any{"Vpc": plainText, "Endpoint": plainText},
			outputs:    map[string]any{"Joined": output(attribute("It", "Value"), "")},
		},
	}, map[string]string{"app/app.json": `{"parameters":{"Vpc":"context:vpcId"}}`})
	last := w.member("app", "database")
	last.Spec.ContextFrom = []v1alpha1.ContextFrom{{Key: "vpcId", Stack: &v1alpha1.StackOutput{Name: "network", Output: "VpcId"}}}
	last.Spec.ParametersFrom = []v1alpha1.ParameterFrom{{Parameter: "Endpoint", Stack: &v1alpha1.StackOutput{Name: "database", Output: "Endpoint"}}}
	create(last)
	create(w.member("database", "network"))
	create(w.member("network"))
}

func TestChainedStacksComeInOrderAndGoTheOtherWayRound(t *testing.T) {
	w := newWorld(t)
	w.manage()
	w.chain()
	last := w.untilReady("app")
	if got, want := w.stacksOf("ExecuteChangeSet"), []string{"Stack-network", "Stack-database", "Stack-app"}; !slices.Equal(got, want) {
		t.Errorf("they were deployed in the order %v, want %v", got, want)
	}
	if got, want := last.Status.Outputs["Joined"], "vpc-1/db.example/db.example"; got != want {
		t.Errorf("the app was given %q, want %q", got, want)
	}
	if got := last.Status.Target.Inputs; got == "" {
		t.Error("the target does not tell what was read")
	}
	if n := len(last.Status.History); n != 1 {
		t.Errorf("the app took %d deployments, want 1", n)
	}
	w.must(w.client.DeleteAllOf(t.Context(), &v1alpha1.CdkTsStack{}, client.InNamespace(w.namespace)))
	for _, name := range []string{"app", "database", "network"} {
		w.untilGone(name)
	}
	if got, want := w.stacksOf("DeleteStack"), []string{"Stack-app", "Stack-database", "Stack-network"}; !slices.Equal(got, want) {
		t.Errorf("they were deleted in the order %v, want %v", got, want)
	}
	if n := w.aws.Succeeded(t, "DeleteStack"); n != 3 {
		t.Errorf("DeleteStack was called %d times, want 3", n)
	}
}

// Each shard knows of the objects of others what its own wait for.
func TestOrderHoldsAcrossShards(t *testing.T) {
	w := newWorld(t)
	w.shards()
	w.chain(func(obj *v1alpha1.CdkTsStack) {
		if obj.Name == "database" {
			obj.Labels = map[string]string{v1alpha1.ShardLabel: "blue"}
		}
	})
	if got, want := w.untilReady("app").Status.Outputs["Joined"], "vpc-1/db.example/db.example"; got != want {
		t.Errorf("the app was given %q, want %q", got, want)
	}
	if got, want := w.stacksOf("ExecuteChangeSet"), []string{"Stack-network", "Stack-database", "Stack-app"}; !slices.Equal(got, want) {
		t.Errorf("they were deployed in the order %v, want %v", got, want)
	}
	w.must(w.client.DeleteAllOf(t.Context(), &v1alpha1.CdkTsStack{}, client.InNamespace(w.namespace)))
	w.untilGone("network")
	if got, want := w.stacksOf("DeleteStack"), []string{"Stack-app", "Stack-database", "Stack-network"}; !slices.Equal(got, want) {
		t.Errorf("they were deleted in the order %v, want %v", got, want)
	}
}

// What is read when a deployment is decided upon may be another value when its
// change set is made. It is never deployed as if it were the one before.
func TestAValueThatChangesDuringTheBuildIsDeployedAsItself(t *testing.T) {
	w := newWorld(t)
	w.commitApps(map[string]app{"app": {value: ref("Size"), parameters: map[string]any{"Size": plainText}, outputs: map[string]any{"Size": output(ref("Size"), "")}}}, nil)
	w.manage()
	settings := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "settings"}, Data: map[string]string{"size": "small"}}
	w.must(w.client.Create(t.Context(), settings))
	gate := filepath.Join(t.TempDir(), "open")
	obj := w.member("app")
	obj.Spec.LifecycleHooks = &v1alpha1.LifecycleHooks{BeforeDeploy: "until [ -e " + gate + " ]; do sleep 0.1; done"}
	obj.Spec.ParametersFrom = []v1alpha1.ParameterFrom{{Parameter: "Size", ConfigMapKeyRef: &v1alpha1.InputKey{Name: "settings", Key: "size"}}}
	w.create(obj)
	before := w.until("app", "its hook runs", func(o *v1alpha1.CdkTsStack) bool {
		return o.Status.Operation != nil && o.Status.Operation.RunStep == "beforeDeploy"
	})
	settings.Data["size"] = "large"
	w.must(w.client.Update(t.Context(), settings))
	w.must(os.WriteFile(gate, nil, 0o600))
	after := w.untilReady("app")
	if got := after.Status.Outputs["Size"]; got != "large" {
		t.Errorf("the size is %q, want large", got)
	}
	if after.Status.Target.Inputs == before.Status.Target.Inputs {
		t.Error("the new value was deployed for the target of the old one")
	}
	if n := w.aws.Succeeded(t, "ExecuteChangeSet"); n != 1 {
		t.Errorf("%d change sets were executed, want 1", n)
	}
}

func TestACommitIsDeployedInOrder(t *testing.T) {
	w := newWorld(t)
	w.manage()
	w.chain()
	w.untilReady("app")
	w.aws.ForgetCalls(t)
	// The exports do not change; all three have something to do.
	hash := w.commitApps(map[string]app{
		"network":  {value: "vpc-1", outputs: map[string]any{"VpcId": output(attribute("It", "Value"), "vpc"), "More": output("m", "")}},
		"database": {value: map[string]any{"Fn::ImportValue": "vpc"}, outputs: map[string]any{"Endpoint": output("db.example", "endpoint"), "More": output("m", "")}},
		"app":      {value: "new", parameters: map[string]any{"Vpc": plainText, "Endpoint": plainText}, outputs: map[string]any{"Joined": output(attribute("It", "Value"), "")}},
	}, nil)
	w.until("app", "it is at the new commit", func(o *v1alpha1.CdkTsStack) bool { return ready(o) && o.Status.Deployed.Target.Revision == hash })
	if got, want := w.stacksOf("CreateChangeSet"), []string{"Stack-network", "Stack-database", "Stack-app"}; !slices.Equal(got, want) {
		t.Errorf("they were planned in the order %v, want %v", got, want)
	}
}

func TestAStackIsDeletedAfterThoseThatReadIt(t *testing.T) {
	w := newWorld(t)
	w.manage()
	w.chain()
	w.untilReady("app")
	w.must(w.client.Delete(t.Context(), w.get("network")))
	waiting := w.until("network", "it waits", because("DependentsExist"))
	contains(t, message(waiting), "app (not deleted)", "database (not deleted)", v1alpha1.DeleteBeforeDependentsAnnotation)
	if n := w.aws.Succeeded(t, "DeleteStack"); n != 0 {
		t.Fatalf("DeleteStack was called %d times", n)
	}
	w.must(w.client.Delete(t.Context(), w.get("app")))
	w.must(w.client.Delete(t.Context(), w.get("database")))
	w.untilGone("network")
}

func TestACircleIsNamedAndEndsWithAnEdit(t *testing.T) {
	w := newWorld(t)
	w.commitApps(map[string]app{"a": {value: "1"}, "b": {value: "1"}, "c": {value: "1"}}, nil)
	w.manage()
	w.create(w.member("a", "b"))
	w.create(w.member("b", "c"))
	w.create(w.member("c", "a"))
	for name, way := range map[string]string{"a": "a → b → c → a", "b": "b → c → a → b", "c": "c → a → b → c"} {
		contains(t, message(w.until(name, "the circle is refused", because("DependencyCycle"))), way)
	}
	if calls := w.aws.Calls(t, "CreateChangeSet"); len(calls) > 0 {
		t.Errorf("AWS was called: %v", calls)
	}
	w.edit("b", `{"spec":{"dependsOn":null}}`)
	for _, name := range []string{"a", "b", "c"} {
		w.untilReady(name)
	}
	// A circle of deployed stacks is deleted, too.
	w.edit("b", `{"spec":{"dependsOn":[{"name":"c"}]}}`)
	w.until("a", "the circle is refused", because("DependencyCycle"))
	w.must(w.client.DeleteAllOf(t.Context(), &v1alpha1.CdkTsStack{}, client.InNamespace(w.namespace)))
	for _, name := range []string{"a", "b", "c"} {
		w.untilGone(name)
	}
	first := w.aws.Calls(t, "DeleteStack")[0]
	contains(t, first.Target, "Stack-a")
}

// A commit takes away an import and the export of it in one go.
func TestAnExportIsRemovedAfterItsImport(t *testing.T) {
	w := newWorld(t)
	w.commitApps(map[string]app{
		"network": {value: "vpc-1", outputs: map[string]any{"VpcId": output(attribute("It", "Value"), "vpc")}},
		"app":     {value: map[string]any{"Fn::ImportValue": "vpc"}},
	}, nil)
	w.manage()
	w.create(w.member("network"))
	w.create(w.member("app", "network"))
	w.untilReady("app")
	w.aws.ForgetCalls(t)
	hash := w.commitApps(map[string]app{"network": {value: "vpc-2"}, "app": {value: "none"}}, nil)
	for _, name := range []string{"network", "app"} {
		w.until(name, "it is at the new commit", func(o *v1alpha1.CdkTsStack) bool { return ready(o) && o.Status.Deployed.Target.Revision == hash })
	}
	tries := 0
	for _, c := range w.aws.Calls(t, "ExecuteChangeSet") {
		if strings.Contains(c.Target, "network") {
			tries++
		}
	}
	if tries != 2 {
		t.Errorf("the stack with the export was deployed %d times, want one failure and one success", tries)
	}
}

// Without dependsOn AWS is the one that refuses.
func TestTheDeletionOfAnExportInUseIsExplained(t *testing.T) {
	w := newWorld(t)
	w.commitApps(map[string]app{
		"network": {value: "vpc-1", outputs: map[string]any{"VpcId": output(attribute("It", "Value"), "vpc")}},
		"app":     {value: map[string]any{"Fn::ImportValue": "vpc"}},
	}, nil)
	w.manage()
	w.create(w.member("network"))
	w.untilReady("network")
	w.create(w.member("app"))
	w.untilReady("app")
	w.must(w.client.Delete(t.Context(), w.get("network")))
	contains(t, message(w.until("network", "AWS refuses", because("DestroyFailed"))), "vpc", "Delete Stack-app first")
	w.must(w.client.Delete(t.Context(), w.get("app")))
	w.untilGone("network")
}

func TestASecretParameterIsSeenNowhere(t *testing.T) {
	w := newWorld(t)
	hidden := map[string]any{"Type": "String", "NoEcho": true}
	w.commitApps(map[string]app{"app": {
		value: ref("Password"), parameters: map[string]any{"Password": hidden, "Size": map[string]any{"Type": "String", "Default": "s"}},
		outputs: map[string]any{"Size": output(ref("Size"), "")},
	}}, nil)
	m := w.manage()
	const first, second = "correct-horse-battery", "staple-of-the-future"
	w.secret("db", map[string]string{"password": first})
	w.must(w.client.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "settings"}, Data: map[string]string{"size": "large"}}))
	obj := w.member("app")
	obj.Spec.Outputs = &v1alpha1.OutputsTarget{ConfigMapName: "app-outputs"}
	obj.Spec.ParametersFrom = []v1alpha1.ParameterFrom{
		{Parameter: "Password", SecretKeyRef: &v1alpha1.InputKey{Name: "db", Key: "password"}},
		{Parameter: "Size", ConfigMapKeyRef: &v1alpha1.InputKey{Name: "settings", Key: "size"}},
	}
	w.create(obj)
	before := w.untilReady("app")
	if got := before.Status.Outputs["Size"]; got != "large" {
		t.Errorf("the parameter of the ConfigMap is %q, want large", got)
	}
	for _, p := range w.describe("Stack-app").Stacks[0].Parameters {
		if aws.ToString(p.ParameterKey) == "Password" && aws.ToString(p.ParameterValue) != "****" {
			t.Errorf("AWS shows the parameter as %q", aws.ToString(p.ParameterValue))
		}
	}
	w.holds(first)
	// Another password is another target, and deployed without being asked.
	var secret corev1.Secret
	w.must(w.client.Get(t.Context(), types.NamespacedName{Namespace: w.namespace, Name: "db"}, &secret))
	secret.Data["password"] = []byte(second)
	w.must(w.client.Update(t.Context(), &secret))
	w.pass(2 * time.Minute)
	after := w.until("app", "the new password is deployed", func(o *v1alpha1.CdkTsStack) bool {
		return ready(o) && o.Status.Target.Inputs != before.Status.Target.Inputs && len(o.Status.History) == 2
	})
	if got := after.Status.History[0]; got.Outcome != v1alpha1.OutcomeSucceeded || after.Status.Deployed.Target.Revision != before.Status.Deployed.Target.Revision {
		t.Errorf("the new password was deployed as %+v", got)
	}
	w.holds(second)
	w.seenNowhere(first, second)
	m.stop()
	w.restartsQuietly("app")
}

// What AWS says of a failure may repeat a parameter.
func TestASecretThatAWSRepeatsIsHidden(t *testing.T) {
	w := newWorld(t)
	const password = "correct-horse-battery"
	w.commitFiles(map[string]string{"app/template.json": `{"Parameters":{"Password":{"Type":"String","NoEcho":true}},
		"Resources":{"It":{"Type":"Local::Test::Resource","Properties":{"FailOn":"Create","Message":{"Fn::Sub":"the password ${Password} is too long"}}}}}`})
	w.manage()
	w.secret("db", map[string]string{"password": password})
	w.aws.Fault(t, awstest.Fault{Service: "cloudformation", Action: "CreateChangeSet", Code: "ValidationError", Message: "Parameter value " + password + " for parameter name Password is odd", Status: 400, Count: 1})
	obj := w.member("app")
	obj.Spec.Retry = &v1alpha1.Retry{Limit: ptr.To[int32](1), Interval: &metav1.Duration{Duration: time.Second}}
	obj.Spec.ParametersFrom = []v1alpha1.ParameterFrom{{Parameter: "Password", SecretKeyRef: &v1alpha1.InputKey{Name: "db", Key: "password"}}}
	w.create(obj)
	failed := w.until("app", "both attempts failed", func(o *v1alpha1.CdkTsStack) bool {
		return len(o.Status.History) == 2 && because("DeploymentFailed")(o)
	})
	contains(t, message(failed), "the password *** is too long")
	contains(t, failed.Status.History[1].Message, "Parameter value *** for parameter name Password is odd")
	w.seenNowhere(password)
}

// restartsQuietly starts a manager again, and holds that it does nothing about
// objects that are as they should be.
func (w *world) restartsQuietly(names ...string) {
	w.Helper()
	versions := map[string]string{}
	for _, name := range names {
		versions[name] = w.untilReady(name).ResourceVersion
	}
	w.aws.ForgetCalls(w)
	w.manage()
	listings := w.git.Listings()
	awstest.Eventually(w, "the repository was looked at again, twice", func() bool { return w.git.Listings() >= listings+2 })
	for name, version := range versions {
		if got := w.get(name); got.ResourceVersion != version {
			w.Errorf("%s was written: version %s became %s: %s", name, version, got.ResourceVersion, message(got))
		}
	}
	if calls := w.aws.Calls(w, ""); len(calls) > 0 {
		w.Errorf("AWS was called: %v", calls)
	}
}

// holds says that the app's resource has a value in AWS.
func (w *world) holds(value string) {
	w.Helper()
	contains(w, string(w.state()), value)
}

// state is all that the local AWS has.
func (w *world) state() []byte {
	w.Helper()
	answer, err := http.Get(w.aws.URL + "/_localaws/state")
	w.must(err)
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	w.must(err)
	return data
}

// seenNowhere looks for values in all that the operator writes.
func (w *world) seenNowhere(values ...string) {
	w.Helper()
	var objects v1alpha1.CdkTsStackList
	var maps corev1.ConfigMapList
	w.must(w.client.List(w.Context(), &objects, client.InNamespace(w.namespace)))
	w.must(w.client.List(w.Context(), &maps, client.InNamespace(w.namespace)))
	places := map[string]string{"the objects": marshalled(w, objects), "ConfigMaps": marshalled(w, maps), "logs": w.logs.String()}
	for _, obj := range objects.Items {
		places["events of "+obj.Name] = marshalled(w, w.events(obj.Name))
	}
	w.must(filepath.WalkDir(w.data, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			data, err := os.ReadFile(path)
			if err == nil {
				places[path] = string(data)
			}
		}
		return nil
	}))
	for place, text := range places {
		for _, value := range values {
			if strings.Contains(text, value) {
				w.Errorf("%s hold %q", place, value)
			}
		}
	}
}

func marshalled(tb testing.TB, v any) string {
	tb.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}

// networkTemplate and appTemplate are the apps of examples/16-order.yaml.
func networkTemplate(vpc string) string {
	return `{"Resources":{"Vpc":{"Type":"Local::Test::Resource","Properties":{"Value":"vpc-` + vpc + `"}}},"Outputs":{"VpcId":{"Value":{"Fn::GetAtt":["Vpc","Value"]}}}}`
}

const appTemplate = `{"Parameters":{"Vpc":{"Type":"String"},"Stage":{"Type":"String"},"DatabasePassword":{"Type":"String","NoEcho":true}},
	"Resources":{"App":{"Type":"Local::Test::Resource","Properties":{"Value":{"Fn::Join":["/",[{"Ref":"Vpc"},{"Ref":"Stage"}]]},"Message":{"Ref":"DatabasePassword"}}}},
	"Outputs":{"Told":{"Value":{"Fn::GetAtt":["App","Value"]}}}}`

func oneStackFollowsAnother(e *example) {
	const network = "shop-network"
	if got := e.untilReady(e.name).Status.Outputs["Told"]; got != "vpc-one/production" {
		e.Errorf("the app was told %q", got)
	}
	commit := e.change("main", "two")
	e.until(network, "the commit is deployed", func(o *v1alpha1.CdkTsStack) bool { return ready(o) && o.Status.Deployed.Target.Revision == commit })
	// The commit changes nothing of the app, but what the app is told.
	app := e.until(e.name, "it is told the new network", func(o *v1alpha1.CdkTsStack) bool { return ready(o) && o.Status.Outputs["Told"] == "vpc-two/production" })
	if n := len(app.Status.History); n != 2 {
		e.Errorf("the app took %d deployments for two networks", n)
	}
	e.must(e.client.DeleteAllOf(e.Context(), &v1alpha1.CdkTsStack{}, client.InNamespace(e.namespace)))
	e.untilGone(network)
	e.seenNowhere("correct-horse-battery")
	if first := e.aws.Calls(e, "DeleteStack")[0]; !strings.Contains(first.Target, "Shop-App") {
		e.Errorf("%s was deleted first", first.Target)
	}
}

func TestAParameterThatDoesNotFitIsRefused(t *testing.T) {
	w := newWorld(t)
	w.commitApps(map[string]app{"app": {value: ref("Shown"), parameters: map[string]any{"Shown": plainText}}}, nil)
	w.manage()
	w.secret("db", map[string]string{"password": "correct-horse-battery"})
	obj := w.member("app")
	obj.Spec.ParametersFrom = []v1alpha1.ParameterFrom{{Parameter: "Shown", SecretKeyRef: &v1alpha1.InputKey{Name: "db", Key: "password"}}}
	w.create(obj)
	contains(t, message(w.until("app", "it is refused", because("ParameterShown"))), "Shown", "noEcho")
	w.edit("app", `{"spec":{"parametersFrom":[{"parameter":"Pasword","secretKeyRef":{"name":"db","key":"password"}}]}}`)
	contains(t, message(w.until("app", "it is refused", because("ParameterUnknown"))), "Pasword", "it has Shown")
	if n := len(w.aws.Calls(t, "CreateChangeSet")); n > 0 {
		t.Errorf("CreateChangeSet was called %d times", n)
	}
	w.seenNowhere("correct-horse-battery")
}

func TestAnOutputThatVanishesChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.manage()
	w.chain()
	before := w.untilReady("app")
	w.edit("app", `{"spec":{"dependsOn":null}}`) // it waits for what it reads, and not for the commit
	hash := w.commitApps(map[string]app{"network": {value: "vpc-1", outputs: map[string]any{"Vpc": output(attribute("It", "Value"), "vpc")}}}, nil)
	w.until("network", "it is at the new commit", func(o *v1alpha1.CdkTsStack) bool { return ready(o) && o.Status.Deployed.Target.Revision == hash })
	waiting := w.until("app", "it says what is missing", because("OutputMissing"))
	contains(t, message(waiting), "network", "VpcId", "it has Vpc", "stays as it is")
	if got, want := waiting.Status.Deployed.Target.Inputs, before.Status.Deployed.Target.Inputs; got != want {
		t.Errorf("it is deployed with other inputs: %s, want %s", got, want)
	}
	w.commitApps(map[string]app{"network": {value: "vpc-1", outputs: map[string]any{"VpcId": output(attribute("It", "Value"), "vpc")}}}, nil)
	w.untilReady("app")
}

func TestAnImportOfWhatNobodyExportsIsExplained(t *testing.T) {
	w := newWorld(t)
	w.commitApps(map[string]app{"app": {value: map[string]any{"Fn::ImportValue": "vpc"}}}, nil)
	w.manage()
	w.create(w.member("app"))
	contains(t, message(w.until("app", "it is refused", because("ExportMissing"))), "No export named vpc found", "spec.dependsOn")
}

func TestARestartDeploysNothingThatWasRead(t *testing.T) {
	w := newWorld(t)
	m := w.manage()
	w.chain()
	w.untilReady("app")
	m.stop()
	w.restartsQuietly("app", "database", "network")
}
