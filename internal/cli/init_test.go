package cli_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestTheProjectsOwnCDKListsTheStacks runs the real cdk of a real app, since that
// is asked for.
func TestTheProjectsOwnCDKListsTheStacks(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the real npm and cdk, which takes a minute: not in -short")
	}
	t.Setenv("GIT_CONFIG_GLOBAL", "/dev/null")
	s := &folder{t: t, dir: t.TempDir()}
	for _, command := range [][]string{
		{"cp", "-r", "../../test/seed/app/production-stack", s.in("production-stack")},
		{"git", "-C", s.dir, "init", "-q", "-b", "main"},
		{"git", "-C", s.dir, "remote", "add", "origin", "git@github.com:company/webapp-infrastructure.git"},
		{"npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", "--prefix", s.in("production-stack")},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %s\n%s", command, err, out)
		}
	}
	before := s.run([]string{"init", "DIR/production-stack"}, "")
	if !strings.Contains(before, "give --list") || !strings.Contains(before, "(exit code 2)") {
		t.Errorf("the app was run unasked, or what to do is not said:\n%s", before)
	}
	got := s.run([]string{"init", "DIR/production-stack", "--list", "--production", "--ssh-secret", "production-ssh-key"}, "")
	for _, want := range []string{
		"\n  stackName: WebApp-Production-Stack\n", "\n  name: web-app-production-stack\n", "\n  path: ./production-stack\n",
		"\n      repository: git@github.com:company/webapp-infrastructure.git\n", "\n  protect:\n", "(exit code 0)",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if strings.Contains(got, "REFUSES") {
		t.Error(got)
	}
	// An app that throws says so.
	s.must(exec.Command("sh", "-c", `echo 'throw new Error("no such luck")' > "$0"`, s.in("production-stack/bin/sample-app.ts")).Run())
	if got := s.run([]string{"init", "DIR/production-stack", "--list"}, ""); !strings.Contains(got, "no such luck") || !strings.Contains(got, "(exit code 1)") {
		t.Error(got)
	}
}
