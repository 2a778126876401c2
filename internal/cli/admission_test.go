package cli_test

import (
	"encoding/json"
	"strings"
	"testing"

	generated "awscdk.dev/operator/config"
	"awscdk.dev/operator/internal/admission"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestAdmissionSaysWhatTheAPIServerSays shows specs to both: what one takes the
// other takes, and each thing that we say the API server says, too.
func TestAdmissionSaysWhatTheAPIServerSays(t *testing.T) {
	fields, err := admission.New(generated.Definition)
	if err != nil {
		t.Fatal(err)
	}
	const git = `"source": {"git": {"repository": "https://git.example/web.git"}}`
	for name, spec := range map[string]string{
		"a good one":                   `{"stackName": "Web", ` + git + `}`,
		"an option for a stack name":   `{"stackName": "S --app /tmp/evil.sh", ` + git + `}`,
		"a path out of the repository": `{"stackName": "Web", "path": "a/../../b", ` + git + `}`,
		"a password in the repository": `{"stackName": "Web", "source": {"git": {"repository": "https://me:hunter2@h/r.git"}}}`,
		"no repository":                `{"stackName": "Web", "source": {"git": {}}}`,
		"no source":                    `{"stackName": "Web", "source": {}}`,
		"two sources":                  `{"stackName": "Web", "source": {"git": {"repository": "https://git.example/web.git"}, "sourceRef": {"kind": "Bucket", "name": "b"}}}`,
		"two identities":               `{"stackName": "Web", "credentialsSecretName": "a", "serviceAccountName": "b", ` + git + `}`,
		"a role of another partition":  `{"stackName": "Web", "roleARN": "arn:aws-cn:iam::123456789012:role/me", ` + git + `}`,
		"no duration":                  `{"stackName": "Web", "timeout": "soon", ` + git + `}`,
		"a negative limit":             `{"stackName": "Web", "limits": {"maxRemoved": -1}, ` + git + `}`,
		"a day by its whole name":      `{"stackName": "Web", "windows": {"allow": [{"days": ["Monday"]}]}, ` + git + `}`,
		"a span without its end":       `{"stackName": "Web", "windows": {"deny": [{"start": "2026-12-20T00:00"}]}, ` + git + `}`,
		"an id twice":                  `{"stackName": "Web", "protect": ["A", "A"], ` + git + `}`,
		"a variable twice":             `{"stackName": "Web", "hooks": {"env": [{"name": "A"}, {"name": "A"}]}, ` + git + `}`,
		"a number for a name":          `{"stackName": 1, ` + git + `}`,
		"a word for a switch":          `{"stackName": "Web", "actions": {"destroy": "no"}, ` + git + `}`,
		"fields that do not exist":     `{"stackName": "Web", "pth": "a", "windows": {"alow": []}, ` + git + `}`,
		"nulls":                        `{"stackName": "Web", "path": null, "actions": {"destroy": null}, "windows": null, ` + git + `}`,
		"a whole number with a point":  `{"stackName": "Web", "limits": {"maxRemoved": 1.0}, ` + git + `}`,
		"half a resource":              `{"stackName": "Web", "limits": {"maxRemoved": 1.5}, ` + git + `}`,
		"a hook that is too long":      `{"stackName": "Web", "lifecycleHooks": {"beforeDeploy": "` + strings.Repeat("x", 200<<10) + `"}, ` + git + `}`,
		"variables of the operator":    `{"stackName": "Web", "build": {"env": [{"name": "PATH", "value": "/evil"}]}, ` + git + `}`,
		"any context":                  `{"stackName": "Web", "cdkContext": ["a=b", {"name": "c", "value": 1}, 2, [3]], ` + git + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			text := `{"apiVersion": "awscdk.dev/v1alpha1", "kind": "CdkTsStack", "metadata": {"name": "odd", "namespace": "default"}, "spec": ` + spec + `}`
			var u unstructured.Unstructured
			if err := json.Unmarshal([]byte(text), &u.Object); err != nil {
				t.Fatal(err)
			}
			object, err := admission.Decode([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			found := fields.Check(t.Context(), object)
			err = client.WithFieldValidation(cluster, "Strict").Create(t.Context(), &u, client.DryRunAll)
			if (err != nil) != (len(found) > 0) {
				t.Fatalf("the API server says %v, and we %v", err, found)
			}
			for _, v := range found {
				says := strings.ToLower(strings.TrimPrefix(v.Message, "it "))
				if strings.HasPrefix(says, admission.Unchecked) {
					says = admission.Unchecked
				}
				if said := strings.ToLower(err.Error()); !v.Unknown && !strings.Contains(said, says) || !strings.Contains(err.Error(), v.Path) {
					t.Errorf("%s: %q is not what the API server says: %v", v.Path, v.Message, err)
				}
				if strings.Contains(v.Message, "hunter2") {
					t.Errorf("a secret is repeated: %s", v.Message)
				}
			}
		})
	}
}
