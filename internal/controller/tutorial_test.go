package controller_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"

	"sigs.k8s.io/yaml"
)

// cdkInit leaves a project as `cdk init` does: a first commit of the files, on a
// branch that git chooses, and the lock file of the installation after it, not
// committed. (aws-cdk 2.1148, lib/commands/init.)
const cdkInit = `
mkdir -p bin node_modules/x && echo '{}' > package.json && echo '{}' > cdk.json && echo node_modules > .gitignore
echo "new WebStack(app, 'WebStack');" > bin/web.ts
git init --quiet --initial-branch=trunk && git add . && git commit --quiet -m "Initial commit"
echo '{}' > package-lock.json`

// What the tutorial says, typed literally, makes the commit that its manifest
// asks for.
func TestTheTutorialsStepsFitItsManifest(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "tutorial.md"))
	if err != nil {
		t.Fatal(err)
	}
	steps := block(t, string(text), "```sh\n(mkdir web && cd web\n.*?)```")
	var obj v1alpha1.CdkTsStack
	if err := yaml.UnmarshalStrict([]byte(block(t, string(text), "```yaml\n(.*?)```")), &obj); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	remote := filepath.Join(dir, "remote.git")
	typed := regexp.MustCompile(`(?m)^npx aws-cdk@2 init .*$`).ReplaceAllLiteralString(steps, cdkInit)
	typed = strings.Replace(typed, obj.Spec.Source.Git.Repository, remote, 1)
	script := "set -euo pipefail\ngit init --quiet --bare " + remote + "\n" + typed
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, script, out)
	}
	pushed, err := exec.CommandContext(t.Context(), "git", "-C", remote, "ls-tree", "-r", "--name-only", obj.Spec.Source.Git.Ref).CombinedOutput()
	if err != nil {
		t.Fatalf("the manifest's ref %s was not pushed: %s", obj.Spec.Source.Git.Ref, pushed)
	}
	contains(t, "\n"+string(pushed), "\npackage-lock.json\n", "\ncdk.json\n")
	// The CDK names the stack after the folder.
	folder := regexp.MustCompile(`mkdir (\w)(\w*)`).FindStringSubmatch(steps)
	if app := strings.ToUpper(folder[1]) + folder[2] + "Stack"; obj.Spec.StackName != app {
		t.Errorf("stackName is %s, and the app's is %s", obj.Spec.StackName, app)
	}
}

func block(t *testing.T, text, pattern string) string {
	t.Helper()
	m := regexp.MustCompile("(?s)" + pattern).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("the tutorial has no block %s", pattern)
	}
	return m[1]
}
