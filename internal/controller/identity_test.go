package controller_test

import (
	"encoding/json"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
)

func TestDriftIsLookedForWithTheRoleThatMayRead(t *testing.T) {
	const role = "arn:aws:iam::" + account + ":role/cdk-hnb659fds-lookup-role-" + account + "-" + region
	for name, c := range map[string]struct {
		role      string
		mayAssume bool
	}{
		"that of the app":                 {role, true},
		"or, where there is none, as all": {role + "-gone", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			app, err := json.Marshal(map[string]any{"stackName": "Stack-web", "region": region, "account": account, "lookupRoleARN": c.role})
			w.must(err)
			w.commitFiles(map[string]string{
				"app.json": string(app),
				"template.json": template(t, map[string]any{"Value": map[string]any{
					"Type": "AWS::SSM::Parameter", "Properties": map[string]any{"Name": "/web/value", "Type": "String", "Value": "good"},
				}}),
			})
			w.manage()
			w.create(w.stack("web"))
			w.untilReady("web")
			w.parameter("/web/value", "hacked")
			w.until("web", "drift is found", func(o *v1alpha1.CdkTsStack) bool { return o.Status.DriftDetected })
			if assumed := w.aws.Succeeded(t, "AssumeRole") > 0; assumed != c.mayAssume {
				t.Errorf("the role was assumed: %t, want %t", assumed, c.mayAssume)
			}
			if len(w.aws.Calls(t, "AssumeRole")) == 0 {
				t.Error("the role was not asked for")
			}
		})
	}
}

func TestTwoObjectsOfOneStackDoNotFight(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	w.create(w.stack("web"))
	w.untilReady("web")
	second := w.stack("second")
	second.Spec.StackName = "Stack-web"
	w.create(second)
	refused := w.until("second", "the second is refused", func(o *v1alpha1.CdkTsStack) bool { return reason(o) == "StackOfAnother" })
	contains(t, message(refused), "deployed by the CdkTsStack "+w.namespace+"/web already", "actions.destroy")
	if refused.Status.StackID != "" {
		t.Errorf("the second object claims the stack %s", refused.Status.StackID)
	}
	w.must(w.client.Delete(t.Context(), refused))
	w.untilGone("second")
	if n := w.aws.Succeeded(t, "DeleteStack"); n != 0 {
		t.Errorf("the stack of another was deleted %d times", n)
	}
	if !ready(w.get("web")) {
		t.Error("the first object is not ready any more")
	}
}
