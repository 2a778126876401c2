package admission_test

import (
	"strings"
	"testing"

	"awscdk.dev/operator/config"
	"awscdk.dev/operator/internal/admission"
)

func TestWhatIsProbablyMeant(t *testing.T) {
	v, err := admission.New(config.Definition)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"spec.awsRegon":                    "spec.awsRegion",
		"spec.AWSRegion":                   "spec.awsRegion",
		"spec.stakcName":                   "spec.stackName",
		"spec.source.git.branch":           "",
		"spec.ref":                         "spec.source.git.ref",
		"spec.repository":                  "spec.source.git.repository",
		"spec.autoRedeploy":                "spec.actions.autoRedeploy",
		"spec.lifecycleHook":               "spec.lifecycleHooks",
		"spec.beforeDeploy":                "spec.lifecycleHooks.beforeDeploy",
		"spec.windows.allow[3].form":       "spec.windows.allow.from",
		"spec.hooks.env[0].valueForm":      "spec.hooks.env.valueFrom",
		"metadata.lables":                  "metadata.labels",
		"spec.xyz":                         "",
		"spec.x":                           "",
		"spec":                             "",
		"spec." + strings.Repeat("a", 1e6): "",
		"spec.[[[]]":                       "",
	} {
		if got := v.Nearest(path); got != want {
			t.Errorf("%.40s is %q, want %q", path, got, want)
		}
	}
	if !v.Has("spec.windows.allow.from") || v.Has("spec.windows.allow.form") {
		t.Error("fields of list items are not known by their path")
	}
}

func TestADefinitionThatIsNoneIsAnError(t *testing.T) {
	for _, text := range []string{"", "a: b", "{", "spec: {versions: [{name: v1}]}"} {
		if _, err := admission.New([]byte(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}
