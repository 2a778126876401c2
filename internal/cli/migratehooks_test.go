package cli

import (
	"os"
	"slices"
	"strings"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"

	"sigs.k8s.io/yaml"
)

// recognised lists the fields that a hook could be replaced by, whether or not
// the definition has them.
func recognised(hook, script string) (fields []string) {
	for _, p := range purposes {
		if slices.Contains(p.hooks, hook) && p.in(script) {
			fields = append(fields, p.field)
		}
	}
	return slices.Compact(fields)
}

func TestTheProductionDocumentIsRecognised(t *testing.T) {
	data, err := os.ReadFile("../../test/seed/testdata/manifest.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var obj v1alpha1.CdkTsStack
	if err := yaml.Unmarshal(data, &obj); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(recognised("beforeDeploy", obj.Spec.LifecycleHooks.BeforeDeploy), " "); got != "spec.windows spec.freeze spec.policies" {
		t.Errorf("beforeDeploy is taken for %s", got)
	}
	if got := strings.Join(recognised("afterDeploy", obj.Spec.LifecycleHooks.AfterDeploy), " "); got != "spec.verification" {
		t.Errorf("afterDeploy is taken for %s", got)
	}
}

func TestWhatIsOnlySaidIsNotRecognised(t *testing.T) {
	for name, script := range map[string]string{
		"a clock that is only shown":     "date +%H\nnpm test || exit 1",
		"an incident in a comment":       "# no incident: curl it\nexit 1",
		"a text about approvals":         "echo 'annotations.approved'\nexit 1",
		"incidents that stop nothing":    "curl https://incidents.example || true",
		"a request that is no incident":  "curl -f https://registry.example || exit 1",
		"databases that stop nothing":    "aws rds describe-db-instances --query BackupRetentionPeriod",
		"another stack, by its own name": "kubectl get cdk web -o name",
	} {
		if got := recognised("beforeDeploy", script); len(got) > 0 {
			t.Errorf("%s is taken for %v", name, got)
		}
	}
}

func TestHoursAreReadFromWhatIsPlain(t *testing.T) {
	const end = "\n  exit 1\nfi"
	for name, c := range map[string]struct{ script, want string }{
		"hours of the day":        {"H=$(date +%H)\nif [ $H -lt 9 ] || [ $H -ge 17 ]; then" + end, `{from: "09:00", to: "17:00"}`},
		"days, and the last hour": {"H=$(date +%-H) D=$(date +%u)\nif [ \"$D\" -gt 5 ] || [ \"$H\" -lt 9 ] || [ \"$H\" -gt 17 ]; then" + end, `{days: [Mon, Tue, Wed, Thu, Fri], from: "09:00", to: "18:00"}`},
		"double brackets":         {"H=\"$(date +%k)\"\nif [[ ${H} -le 8 ]] || [[ ${H} -gt 22 ]]; then" + end, `{from: "09:00", to: "23:00"}`},
		"a zone":                  {"export TZ=America/New_York\nH=$(date +%H)\nif [ $H -lt 9 ] || [ $H -ge 17 ]; then" + end, "America/New_York"},
		"and, not or":             {"H=$(date +%H)\nif [ $H -lt 9 ] && [ $H -ge 17 ]; then" + end, ""},
		"something else, too":     {"H=$(date +%H)\nif [ $H -lt 9 ] || [ $H -ge 17 ] || [ -n \"$X\" ]; then" + end, ""},
		"another variable":        {"H=$(nproc)\nif [ $H -lt 9 ] || [ $H -ge 17 ]; then" + end, ""},
		"no error":                {"H=$(date +%H)\nif [ $H -lt 9 ] || [ $H -ge 17 ]; then\necho late\nfi\nexit 1", ""},
		"only a beginning":        {"H=$(date +%H)\nif [ $H -lt 9 ]; then" + end, ""},
		"hours of a longer day":   {"H=$(date +%H)\nif [ $H -lt 9 ] || [ $H -ge 99 ]; then" + end, ""},
		"a night":                 {"H=$(date +%H)\nif [ $H -lt 22 ] || [ $H -ge 4 ]; then" + end, ""},
		"a clock of twelve hours": {"H=$(date +%I)\nif [ $H -lt 9 ] || [ $H -ge 11 ]; then" + end, ""},
	} {
		h, ok := readHours(c.script)
		if ok != (c.want != "") {
			t.Errorf("%s: read %v", name, ok)
			continue
		}
		if ok && !strings.Contains(strings.Join(h.lines(), "\n"), c.want) {
			t.Errorf("%s: %v, want %s", name, h.lines(), c.want)
		}
	}
}

func TestAScriptThatAlwaysFailsIsKnown(t *testing.T) {
	for script, want := range map[string]bool{
		"echo no\nexit 1":                          true,
		"exit 0":                                   false,
		"if true; then\n  exit 1\nfi":              false,
		"[[ $A == b ]] || exit 1":                  false,
		"guard() {\n  exit 1\n}":                   false,
		"# exit 1\necho exit 1":                    false,
		"set -e\ncurl -f https://example\nexit 12": true,
	} {
		if alwaysFails(script) != want {
			t.Errorf("%q: %v", script, !want)
		}
	}
}

func TestNamesOfObjects(t *testing.T) {
	for stack, want := range map[string]string{
		"WebApp-Production": "web-app-production", "HTTPApi": "http-api", "Prod/Web": "prod-web", "S3Bucket2": "s3-bucket2",
		"a--b": "a-b", "ABC": "abc", "web": "web", "AWSCDKApp": "awscdk-app", "X": "x", "---": "stack",
		strings.Repeat("Ab", 64): "ab" + strings.Repeat("-ab", 20),
	} {
		if got := objectName(stack); got != want {
			t.Errorf("%s is %s, want %s", stack, got, want)
		}
	}
	taken := map[string]bool{}
	long := objectName(strings.Repeat("a", 128))
	for range 12 {
		if name := unique(long, taken); len(name) > maxName {
			t.Errorf("%s is too long", name)
		}
	}
	if len(taken) != 12 {
		t.Errorf("%d names, want 12", len(taken))
	}
}
