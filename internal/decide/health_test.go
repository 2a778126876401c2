package decide

import (
	"encoding/json"
	"os"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const healthScript = "../../config/argocd/health.lua"

// argoHealth is what config/argocd/health.lua makes of an object in a Lua
// machine without libraries, the most restricted that Argo CD has.
func argoHealth(t *testing.T, obj *v1alpha1.CdkTsStack) (status, message string) {
	t.Helper()
	script, err := os.ReadFile(healthScript)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(obj)
	if err != nil {
		t.Fatal(err)
	}
	var plain any
	if err := json.Unmarshal(data, &plain); err != nil {
		t.Fatal(err)
	}
	l := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer l.Close()
	l.SetGlobal("obj", toLua(l, plain))
	if err := l.DoString(string(script)); err != nil {
		t.Fatalf("%s: %v", healthScript, err)
	}
	found, ok := l.Get(-1).(*lua.LTable)
	if !ok {
		t.Fatalf("%s returned %s", healthScript, l.Get(-1))
	}
	return found.RawGetString("status").String(), found.RawGetString("message").String()
}

func toLua(l *lua.LState, value any) lua.LValue {
	switch v := value.(type) {
	case map[string]any:
		table := l.NewTable()
		for key, field := range v {
			table.RawSetString(key, toLua(l, field))
		}
		return table
	case []any:
		table := l.NewTable()
		for _, item := range v {
			table.Append(toLua(l, item))
		}
		return table
	case string:
		return lua.LString(v)
	case float64:
		return lua.LNumber(v)
	case bool:
		return lua.LBool(v)
	}
	return lua.LNil
}

// checkHealth holds Argo CD's view against ours, in every state that a
// transcript comes through.
func checkHealth(t *testing.T, obj *v1alpha1.CdkTsStack) {
	t.Helper()
	status, message := argoHealth(t, obj)
	ready := meta.FindStatusCondition(obj.Status.Conditions, v1alpha1.ConditionReady)
	want := "Progressing"
	switch {
	case ready == nil || !obj.DeletionTimestamp.IsZero():
	case meta.IsStatusConditionTrue(obj.Status.Conditions, v1alpha1.ConditionStalled):
		want = "Degraded"
	case obj.Spec.Suspend || ready.Reason == "DeployDisabled":
		want = "Suspended"
	case ready.Status == metav1.ConditionTrue:
		want = "Healthy"
	case ready.Status == metav1.ConditionFalse:
		want = "Degraded"
	}
	if status != want {
		t.Errorf("Argo CD shows %s, want %s: %+v", status, want, ready)
	}
	if ready != nil && message != ready.Message {
		t.Errorf("Argo CD says %q, want %q", message, ready.Message)
	}
}

func TestArgoCDWaitsForAnEditToBeSeen(t *testing.T) {
	obj := &v1alpha1.CdkTsStack{ObjectMeta: metav1.ObjectMeta{Generation: 2}}
	if status, _ := argoHealth(t, obj); status != "Progressing" {
		t.Errorf("a new object is %s", status)
	}
	obj.Status.ObservedGeneration = 1
	obj.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: "Deployed", Message: "Web is deployed"}}
	if status, _ := argoHealth(t, obj); status != "Progressing" {
		t.Errorf("an object whose edit was not seen is %s", status)
	}
	obj.Status.ObservedGeneration = 2
	if status, message := argoHealth(t, obj); status != "Healthy" || message != "Web is deployed" {
		t.Errorf("a deployed object is %s: %s", status, message)
	}
}
