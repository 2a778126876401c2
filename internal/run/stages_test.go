package run

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/fluxsource"
	"awscdk.dev/operator/internal/git"
)

// allSecrets has every field of Secrets set.
var allSecrets = Secrets{
	AWS:      map[string]string{"AWS_SECRET_ACCESS_KEY": "a"},
	Git:      git.Credentials{Password: "g"},
	BuildEnv: map[string]string{"B": "b"}, BuildSecrets: []string{"B"},
	HookEnv: map[string]string{"H": "h"}, HookSecrets: []string{"H"},
	KubernetesToken: "t",
	SigningKeys:     [][]byte{[]byte("k")},
}

// shown names the fields of secrets that are set.
func shown(s Secrets) []string {
	var names []string
	value := reflect.ValueOf(s)
	for i := range value.NumField() {
		if !value.Field(i).IsZero() {
			names = append(names, value.Type().Field(i).Name)
		}
	}
	return names
}

func TestEachStageSeesTheSecretsItNeedsAndNoOther(t *testing.T) {
	if missing := reflect.TypeFor[Secrets]().NumField() - len(shown(allSecrets)); missing != 0 {
		t.Fatalf("%d kinds of secrets are in no case of this test", missing)
	}
	var (
		repository = []string{"Git", "SigningKeys"}
		aws        = []string{"AWS"}
		build      = []string{"BuildEnv", "BuildSecrets"}
		hook       = []string{"HookEnv", "HookSecrets", "KubernetesToken"}
		together   = func(lists ...[]string) []string { return slices.Concat(lists...) }
	)
	type sees struct {
		Stage, Step string
		Secrets     []string
	}
	before := &Hook{Name: decide.BeforeDeploy}
	for name, c := range map[string]struct {
		request Request
		want    []sees
	}{
		"a build": {Request{Operation: OperationBuild}, []sees{
			{"clone", "Cloning", together(repository, aws)},
			{"install", "Installing", build},
			{"synth", "Synthesizing", together(aws, build)},
			{"publish", "Publishing", aws},
		}},
		"a build of an earlier version's request": {Request{}, []sees{
			{"clone", "Cloning", together(repository, aws)},
			{"install", "Installing", build},
			{"synth", "Synthesizing", together(aws, build)},
			{"publish", "Publishing", aws},
		}},
		"a build with a hook": {Request{Operation: OperationBuild, Hook: before}, []sees{
			{"clone", "Cloning", together(repository, aws)},
			{"install", "Installing", build},
			{"hook", "beforeDeploy", together(aws, build, hook)},
			{"synth", "Synthesizing", together(aws, build)},
			{"publish", "Publishing", aws},
		}},
		"a build of what Flux has fetched": {Request{Artifact: &fluxsource.Artifact{}}, []sees{
			{"clone", "Cloning", aws},
			{"install", "Installing", build},
			{"synth", "Synthesizing", together(aws, build)},
			{"publish", "Publishing", aws},
		}},
		"a hook": {Request{Operation: OperationHook, Hook: &Hook{Name: decide.AfterDeploy}}, []sees{
			{"clone", "Cloning", together(repository, aws)},
			{"install", "Installing", build},
			{"hook", "afterDeploy", together(aws, build, hook)},
		}},
		"a hook without a project": {Request{Operation: OperationHook, Hook: &Hook{Name: decide.BeforeDestroy, ProjectMissing: "gone"}}, []sees{
			{"hook", "beforeDestroy", together(aws, build, hook)},
		}},
		"an inspection": {Request{Operation: OperationInspect, Inspect: &Inspect{}}, []sees{
			{"inspect", "Inspecting", repository},
		}},
		"an operation of a later version": {Request{Operation: "Divine"}, nil},
		"a hook without one":              {Request{Operation: OperationHook}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []sees
			for _, stage := range Stages(c.request) {
				got = append(got, sees{stage.Name, stage.Step, shown(allSecrets.For(stage))})
			}
			sorted := cmp.Transformer("sorted", func(s []string) string { return strings.Join(slices.Sorted(slices.Values(s)), " ") })
			if diff := cmp.Diff(c.want, got, sorted); diff != "" {
				t.Errorf("stages (-want +got):\n%s", diff)
			}
		})
	}
}

// TestGitCredentialsAreNeverWithUserCode holds for stages to come, too.
func TestGitCredentialsAreNeverWithUserCode(t *testing.T) {
	for _, r := range []Request{
		{Hook: &Hook{}}, {Artifact: &fluxsource.Artifact{}}, {Operation: OperationHook, Hook: &Hook{}}, {Operation: OperationInspect, Inspect: &Inspect{}},
	} {
		for _, stage := range Stages(r) {
			if stage.UserCode && (stage.Git || stage.Name == StageInstall && stage.AWS) {
				t.Errorf("%s of %s runs user code and sees %v", stage.Name, r.Operation, shown(allSecrets.For(stage)))
			}
			if stage.Hook != (stage.Name == StageHook) {
				t.Errorf("%s sees the secrets of the hook: %t", stage.Name, stage.Hook)
			}
		}
	}
}

func TestTheMessagesOfAPodFitIntoWhatTheKubeletKeeps(t *testing.T) {
	for containers := 1; containers < 40; containers++ {
		if limit := MessageLimit(containers); limit > 4096 || limit*containers > 12288 || limit < 300 {
			t.Errorf("%d containers may say %d bytes each", containers, limit)
		}
	}
}
