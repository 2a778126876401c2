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
		// Two more containers than were known of.
		if limit := MessageLimit(containers); limit > 4096 || limit*(containers+2) > 12288 || limit < 290 {
			t.Errorf("%d containers may say %d bytes each", containers, limit)
		}
	}
}

func TestCredentialsInTheAddressLeaveTheRequest(t *testing.T) {
	own := git.Credentials{Username: "me", Password: "own"}
	for name, c := range map[string]struct {
		address string
		given   git.Credentials
		want    string
		git     git.Credentials
	}{
		"a password":               {"https://bob:pa%20ss@example.com/x.git", git.Credentials{}, "https://example.com/x.git", git.Credentials{Username: "bob", Password: "pa ss"}},
		"a token for a name":       {"https://ghp_token@example.com:8443/x.git", git.Credentials{}, "https://example.com:8443/x.git", git.Credentials{Username: "ghp_token"}},
		"those of a Secret win":    {"https://bob:pass@example.com/x.git", own, "https://example.com/x.git", own},
		"none":                     {"https://example.com/x.git", own, "https://example.com/x.git", own},
		"a login is no credential": {"ssh://git@example.com/x.git", git.Credentials{}, "ssh://git@example.com/x.git", git.Credentials{}},
		"nor one of scp":           {"git@example.com:x.git", git.Credentials{}, "git@example.com:x.git", git.Credentials{}},
	} {
		r, s := Request{Repository: c.address, Path: "app"}.Apart(Secrets{Git: c.given, KubernetesToken: "t"})
		same := cmp.Comparer(func(a, b git.Credentials) bool {
			return a.Username == b.Username && a.Password == b.Password && string(a.SSHPrivateKey) == string(b.SSHPrivateKey)
		})
		if r.Repository != c.want || !cmp.Equal(s.Git, c.git, same) || r.Path != "app" || s.KubernetesToken != "t" {
			t.Errorf("%s: %s, %q and %q", name, r.Repository, s.Git.Username, s.Git.Password)
		}
	}
}
