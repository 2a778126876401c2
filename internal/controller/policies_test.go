package controller_test

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/internal/controller"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// policy makes a ConfigMap with rules, or gives it others.
func (w *world) policy(namespace, name, rules string, labels map[string]string) {
	w.Helper()
	c := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels}, Data: map[string]string{"rules.yaml": rules}}
	if err := w.client.Create(w.Context(), c); err != nil {
		w.must(w.client.Update(w.Context(), c))
	}
}

// policed is an object with a policy of its namespace.
func (w *world) policed(name, configMap string) *v1alpha1.CdkTsStack {
	obj := w.stack(name)
	obj.Spec.Policies = []v1alpha1.Policy{{Name: "team", ConfigMapRef: &v1alpha1.ConfigMapReference{Name: configMap}}}
	return obj
}

const (
	namedTopics = `rules: [{name: named-topics, resources: ["AWS::SNS::Topic"], expression: "resource.properties.DisplayName != 'one'", message: call it otherwise}]`
	anyTopics   = `rules: [{name: any, expression: "template.Resources.Topic.Type == 'AWS::SNS::Topic' && plan.account == '123456789012' && object.spec.stackName == 'Stack-web'", message: m}]`
)

func TestAPolicyOfTheNamespaceHoldsItsPlans(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.policy(w.namespace, "rules", namedTopics, nil)
	w.policy(w.namespace, "unrelated", "x", nil)
	w.manage()
	w.create(w.policed("web", "rules"))
	denied := w.until("web", "the plan is denied", because("PolicyDenied"))
	contains(t, message(denied), "breaks rule named-topics of policy team at Topic (AWS::SNS::Topic): call it otherwise", "change the app, or the policy")
	if p := denied.Status.Changes.Policies; p == nil || p.Denied != 1 || p.Findings[0].LogicalID != "Topic" || p.Digest == "" {
		t.Errorf("the results are %+v", p)
	}
	w.hasEvent("web", "PolicyDenied")
	// While it waits nothing is written, and AWS is asked nothing.
	version, read := denied.ResourceVersion, w.aws.Succeeded(t, "GetTemplate")
	time.Sleep(3 * time.Second) // passes at each look at the repository
	if still := w.get("web"); still.ResourceVersion != version || w.aws.Succeeded(t, "GetTemplate") != read || read != 1 {
		t.Errorf("version %s, then %s; the template was read %d times", version, still.ResourceVersion, w.aws.Succeeded(t, "GetTemplate"))
	}
	if n := w.aws.Succeeded(t, "ExecuteChangeSet"); n != 0 {
		t.Fatalf("%d executions", n)
	}
	w.policy(w.namespace, "rules", anyTopics, nil)
	w.pass(2 * time.Minute)
	deployed := w.untilReady("web")
	if p := deployed.Status.Changes.Policies; p == nil || p.Denied+p.Warned != 0 {
		t.Errorf("the results are %+v", p)
	}
	w.readsOnly("rules", "web-plan")
}

// readsOnly fails the test when the operator has read another ConfigMap of the
// world's namespace than those.
func (w *world) readsOnly(names ...string) {
	w.Helper()
	f, err := os.Open(auditLog)
	w.must(err)
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	read := 0
	for lines.Scan() {
		var r request
		w.must(json.Unmarshal(lines.Bytes(), &r))
		o := r.ObjectRef
		if r.ImpersonatedUser.Username != operatorUser || o.Resource != "configmaps" || o.Namespace != w.namespace || r.Verb != "get" {
			continue
		}
		read++
		if !slices.Contains(names, o.Name) {
			w.Errorf("the operator read the ConfigMap %s", o.Name)
		}
	}
	if read == 0 {
		w.Error("the operator read no ConfigMap")
	}
}

func TestAPolicyOfTheOperatorHoldsForAllObjects(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	label := map[string]string{controller.PolicyLabel: "true"}
	w.policy(operatorNamespace, "all-stacks", `{match: "object.metadata.namespace == '`+w.namespace+`'", `+namedTopics+`}`, label)
	w.policy(operatorNamespace, "no-policy", "x", nil)
	t.Cleanup(func() {
		for _, name := range []string{"all-stacks", "no-policy"} {
			_ = w.client.Delete(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: operatorNamespace, Name: name}})
		}
	})
	w.manageEvery("@every 1s", func(o *managerOptions) { o.policies = operatorNamespace })
	w.create(w.stack("web"))
	denied := w.until("web", "the plan is denied", because("PolicyDenied"))
	contains(t, message(denied), "breaks rule named-topics of policy operator/all-stacks at Topic")
	// Nothing in the object switches it off.
	w.edit("web", `{"spec":{"policies":[{"name":"mine","builtIn":"NoOpenPorts","enforcement":"Warn"}]},"metadata":{"labels":{"awscdk.dev/plan-policy":"false"},"annotations":{"awscdk.dev/plan-policy":"false","emergency-deployment":"true","emergency-reason":"x"}}}`)
	w.until("web", "it is judged by both", func(o *v1alpha1.CdkTsStack) bool {
		c := o.Status.Changes
		return c != nil && c.Policies != nil && c.Policies.Digest != denied.Status.Changes.Policies.Digest && c.Policies.Denied == 1 && o.Status.Held != nil
	})
	if n := w.aws.Succeeded(t, "ExecuteChangeSet"); n != 0 {
		t.Fatalf("%d executions", n)
	}
	w.must(w.client.Delete(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: operatorNamespace, Name: "all-stacks"}}))
	w.pass(2 * time.Minute)
	w.untilReady("web")
}

// A built-in policy that the operator names holds for objects that name none, and
// one that is to warn only holds nothing.
func TestABuiltInPolicyOfTheOperatorHoldsForAllObjects(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Open": map[string]any{"Type": "AWS::S3::Bucket", "Properties": map[string]any{
		"PublicAccessBlockConfiguration": map[string]any{"BlockPublicAcls": false},
	}}})
	m := w.manageEvery("@every 1s", func(o *managerOptions) { o.builtIn = []string{"NoPublicBuckets"} })
	w.create(w.stack("web"))
	denied := w.until("web", "the plan is denied", because("PolicyDenied"))
	contains(t, message(denied), "of policy operator/NoPublicBuckets at Open (AWS::S3::Bucket)")
	// Nothing in the object loosens it.
	w.edit("web", `{"spec":{"policies":[{"name":"mine","builtIn":"NoPublicBuckets","enforcement":"Warn"}]}}`)
	w.until("web", "it is judged by both", func(o *v1alpha1.CdkTsStack) bool {
		p := o.Status.Changes.Policies
		return p != nil && p.Warned > 0 && p.Denied == denied.Status.Changes.Policies.Denied && because("PolicyDenied")(o)
	})
	m.stop()
	w.manageEvery("@every 1s", func(o *managerOptions) { o.builtIn = []string{"NoPublicBuckets=Warn"} })
	if p := w.untilReady("web").Status.Changes.Policies; p == nil || p.Denied != 0 || p.Warned == 0 {
		t.Errorf("the results are %+v", p)
	}
	w.hasEvent("web", "PolicyWarning")
}

func TestAPolicyThatCannotBeReadIsToldAtOnce(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.policy(w.namespace, "rules", "rules: [{name: r, expression: \"true &&\\n  plan.size() > nosuch\", message: m}]", nil)
	w.manage()
	w.create(w.policed("web", "rules"))
	refused := w.until("web", "the mistake is told", because("PolicyInvalid"))
	contains(t, message(refused), "ConfigMap "+w.namespace+"/rules, key rules.yaml: rule r: expression: line 2, column 17: undeclared reference to 'nosuch'")
	if refused.Status.Operation != nil || refused.Status.Plan != nil {
		t.Errorf("it builds: %+v", refused.Status.Operation)
	}
	w.must(w.client.Delete(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "rules"}}))
	w.pass(2 * time.Minute)
	missing := w.until("web", "it is missing", because("PolicyNotFound"))
	contains(t, message(missing), "the ConfigMap "+w.namespace+"/rules that spec.policies team names does not exist: create it, or take the policy out of the spec")
	w.policy(w.namespace, "rules", anyTopics, nil)
	w.pass(2 * time.Minute)
	w.untilReady("web")
	// What is deployed is not judged, and stays; an edit that breaks the policy is told.
	w.edit("web", `{"spec":{"policies":[{"name":"team","configMapRef":{"name":"other"}}]}}`)
	w.until("web", "it is missing", because("PolicyNotFound"))
	w.edit("web", `{"spec":{"policies":[{"name":"team","builtIn":"Baseline"}]}}`)
	w.untilReady("web")
	if n := w.aws.Succeeded(t, "ExecuteChangeSet"); n != 1 {
		t.Errorf("%d executions", n)
	}
}

// Warnings hold nothing, and are told once.
func TestWarningsOfAPolicy(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.policy(w.namespace, "rules", namedTopics, nil)
	w.manage()
	obj := w.policed("web", "rules")
	obj.Spec.Policies[0].Enforcement = v1alpha1.EnforcementWarn
	w.create(obj)
	deployed := w.untilReady("web")
	if p := deployed.Status.Changes.Policies; p == nil || p.Warned != 1 || p.Denied != 0 {
		t.Errorf("the results are %+v", p)
	}
	w.hasEvent("web", "PolicyWarning")
}

func TestAPolicyNamesExactlyOneSource(t *testing.T) {
	w := newWorld(t)
	for name, p := range map[string]v1alpha1.Policy{
		"needs exactly one of configMapRef and builtIn":     {Name: "none"},
		"policy needs exactly one":                          {Name: "both", BuiltIn: "Baseline", ConfigMapRef: &v1alpha1.ConfigMapReference{Name: "rules"}},
		"Unsupported value":                                 {Name: "unknown", BuiltIn: "NoSuch"},
		"name must hold only lower-case letters":            {Name: "A b", BuiltIn: "Baseline"},
		"name must be the name of a ConfigMap in this name": {Name: "bad", ConfigMapRef: &v1alpha1.ConfigMapReference{Name: "../x"}},
	} {
		obj := w.stack("web")
		obj.Spec.Policies = []v1alpha1.Policy{p}
		err := w.client.Create(t.Context(), obj, client.DryRunAll)
		if err == nil {
			t.Errorf("%+v is taken", p)
			continue
		}
		contains(t, err.Error(), name)
	}
}

// A template that cannot be read lets nothing through.
func TestAPlanWhoseTemplateCannotBeReadWaits(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.policy(w.namespace, "rules", anyTopics, nil)
	w.aws.Fault(t, awstest.Fault{Service: "cloudformation", Action: "GetTemplate", Code: "AccessDenied", Status: 403, Count: -1})
	w.manage()
	w.create(w.policed("web", "rules"))
	w.until("web", "it says that it may not", because("AccessDenied"))
	if n := w.aws.Succeeded(t, "ExecuteChangeSet"); n != 0 {
		t.Fatalf("%d executions", n)
	}
	w.aws.Heal(t)
	w.untilReady("web")
}
