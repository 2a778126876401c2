package cli_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/run"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// TestOutputsCanBeReadByPrograms parses what -o writes.
func TestOutputsCanBeReadByPrograms(t *testing.T) {
	s := &session{t: t}
	t.Cleanup(clearStacks)
	s.object(building)
	s.change("web", func(st *v1alpha1.CdkTsStackStatus) {
		st.Drift = &v1alpha1.DriftStatus{Error: "x"}
		st.Changes = &v1alpha1.Changes{Operation: "a", Summary: "1 to add", ChangeCounts: v1alpha1.ChangeCounts{Add: 1}}
		st.History = []v1alpha1.HistoryEntry{{Operation: "a", Kind: v1alpha1.OperationDeploy, Outcome: v1alpha1.OutcomeFailed, StartedAt: metav1.NewTime(now), EndedAt: metav1.NewTime(now)}}
	})
	for _, verb := range [][]string{{"list"}, {"status", "web"}, {"plan", "web"}, {"history", "web"}, {"drift", "web"}, {"events", "web"}} {
		for _, format := range []string{"json", "yaml", "name"} {
			got := s.play(append(verb, "-o", format), "", false)
			text, ok := strings.CutSuffix(got, "(exit code 0)\n")
			var value any
			switch format {
			case "json":
				if err := json.Unmarshal([]byte(text), &value); err != nil {
					ok = false
				}
			case "yaml":
				if err := yaml.Unmarshal([]byte(text), &value); err != nil {
					ok = false
				}
			case "name":
				ok = ok && (verb[0] == "events" || text == "cdktsstack.awscdk.dev/web\n")
			}
			if !ok {
				t.Errorf("%s -o %s: %s", verb, format, got)
			}
		}
	}
}

// TestNamesAreCompleted asks as kubectl does.
func TestNamesAreCompleted(t *testing.T) {
	s := &session{t: t}
	t.Cleanup(clearStacks)
	s.object("metadata: {name: web}\nspec: {stackName: Shop}\n")
	s.object("metadata: {name: web-prod}\nspec: {stackName: Shop}\n")
	s.object("metadata: {name: api}\nspec: {stackName: Api}\n")
	for _, verb := range []string{"status", "why", "plan", "history", "logs", "events", "drift", "approve", "acknowledge", "override", "deploy", "rollback", "suspend", "resume", "destroy"} {
		if got := s.play([]string{"__complete", verb, "we"}, "", false); !strings.HasPrefix(got, "web\nweb-prod\n:4\n") {
			t.Errorf("%s: %s", verb, got)
		}
	}
	if got := s.play([]string{"__complete", "status", "-o", ""}, "", false); !strings.HasPrefix(got, "json\nyaml\nname\n:4\n") {
		t.Error(got)
	}
	if got := s.play([]string{"completion"}, "", false); !strings.HasPrefix(got, "#!/bin/sh\nexec kubectl cdk __complete \"$@\"\n") {
		t.Error(got)
	}
}

// TestKubectlFindsTheNames has the real kubectl complete, and call the plugin.
func TestKubectlFindsTheNames(t *testing.T) {
	s := &session{t: t}
	t.Cleanup(clearStacks)
	s.object("metadata: {name: web}\nspec: {stackName: Shop}\n")
	dir := t.TempDir()
	self, err := os.Executable()
	s.must(err)
	s.must(os.Symlink(self, filepath.Join(dir, "kubectl-cdk")))
	script, _ := strings.CutSuffix(s.play([]string{"completion"}, "", false), "(exit code 0)\n")
	s.must(os.WriteFile(filepath.Join(dir, "kubectl_complete-cdk"), []byte(script), 0o700))
	kubectl := filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl")
	s.must(os.Symlink(kubectl, filepath.Join(dir, "kubectl")))
	t.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
	for _, c := range []struct{ args, want string }{
		{"__complete cdk sta", "status\tTell all that is known"},
		{"__complete cdk status w", "web\n:4\n"},
		{"cdk list -o name", "cdktsstack.awscdk.dev/web\n"},
	} {
		out, err := exec.CommandContext(t.Context(), kubectl, strings.Fields(c.args)...).Output()
		if err != nil || !strings.HasPrefix(string(out), c.want) {
			t.Errorf("kubectl %s: %v, %q, want %q", c.args, err, out, c.want)
		}
	}
}

// TestEveryStageOfARunCanBeChosen holds the names of the stages to those that
// runs have, and their lines to the steps that lead them.
func TestEveryStageOfARunCanBeChosen(t *testing.T) {
	s := &session{t: t}
	t.Cleanup(clearStacks)
	s.object(building)
	s.pod(`
metadata: {name: operator-3, namespace: awscdk-operator-system, labels: {app.kubernetes.io/name: awscdk-operator}}
spec: {containers: [{name: manager, args: [manager]}]}
status: {phase: Running, containerStatuses: [{name: manager, state: {running: {}}}]}
`)
	hook := &run.Hook{Name: "beforeDeploy"}
	stages := slices.Concat(run.Stages(run.Request{Hook: hook}), run.Stages(run.Request{Operation: run.OperationInspect, Inspect: &run.Inspect{}}))
	for _, stage := range stages {
		node.write("operator-3/manager", "2026-03-02T11:59:01Z default/web ["+stage.Step+"] of "+stage.Name)
	}
	for _, stage := range stages {
		want := "[" + stage.Step + "] of " + stage.Name + "\n(exit code 0)\n"
		if got := s.play([]string{"logs", "web", "-c", stage.Name}, "", false); got != want {
			t.Errorf("%s: %s", stage.Name, got)
		}
	}
}
