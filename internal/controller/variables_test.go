package controller_test

import (
	"strings"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
)

func TestVariablesOfTheBuildReachItAndItsSecretsAreNotShown(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.secret("build", map[string]string{"NPM_TOKEN": "npm_very-secret-token", "PATH": "/evil"})
	w.manage()
	obj := w.hooked("web", v1alpha1.LifecycleHooks{BeforeDeploy: `set -eu
echo "the token is $NPM_TOKEN"
kubectl create configmap seen --from-literal=stage="$STAGE" --from-literal=length="${#NPM_TOKEN}" --from-literal=own="$OWN" \
	--from-literal=branch="$(git branch --show-current)"`})
	obj.Spec.Build = &v1alpha1.Build{
		EnvFrom: []v1alpha1.EnvFrom{{SecretRef: &v1alpha1.ObjectRef{Name: "build"}}},
		Env:     []v1alpha1.EnvVar{{Name: "STAGE", Value: "prod"}, {Name: "OWN", Value: "of the build"}},
	}
	obj.Spec.Hooks = &v1alpha1.Hooks{Env: []v1alpha1.EnvVar{{Name: "OWN", Value: "of the hook"}}}
	w.create(obj)
	refused := w.until("web", "the Secret's PATH is refused", func(o *v1alpha1.CdkTsStack) bool { return reason(o) == "VariableRefused" })
	contains(t, message(refused), "spec.build.envFrom[0] must not set PATH", "envFrom.prefix")
	w.edit("web", `{"spec":{"build":{"envFrom":null,"env":[{"name":"STAGE","value":"prod"},{"name":"OWN","value":"of the build"},
		{"name":"NPM_TOKEN","valueFrom":{"secretKeyRef":{"name":"build","key":"NPM_TOKEN"}}}]}}}`)
	seen := w.configMap("seen")
	if seen["stage"] != "prod" || seen["length"] != "21" || seen["own"] != "of the hook" || seen["branch"] != "main" {
		t.Errorf("the hook saw %v", seen)
	}
	w.untilReady("web")
	if strings.Contains(w.logs.String(), "npm_very-secret-token") {
		t.Error("the logs show the token")
	}
	contains(t, w.logs.String(), "the token is ***")
}
