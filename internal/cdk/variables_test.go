package cdk

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/internal/proc"
)

func TestTheAppSeesTheUsersVariables(t *testing.T) {
	p := checkout(t, ".", plain)
	s, err := newSynthesis(p, SynthOptions{
		Region: "eu-west-1", Account: "111122223333", Output: filepath.Join(t.TempDir(), "out"), StateDir: t.TempDir(), FallbackCLI: "/bin/true", Now: time.Now,
		Env: []string{"PATH=/bin", "NODE_OPTIONS=--max-old-space-size=512", "AWS_ACCESS_KEY_ID=AKIA", "GIT_DIR=/x"},
		Variables: map[string]string{
			"STAGE": "prod", "CI": "false", "NODE_OPTIONS": "--enable-source-maps", "GIT_DIR": "theirs", "CDK_NAG": "on", "AWS_ACCOUNT_ID": "1",
			"AWS_REGION": "us-east-1", "CDK_DEFAULT_ACCOUNT": "2",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	env := s.environment(ways{})
	for name, want := range map[string]string{
		"STAGE": "prod", "CI": "false", "GIT_DIR": "theirs", "CDK_NAG": "on", "AWS_ACCOUNT_ID": "1",
		"NODE_OPTIONS": "--max-old-space-size=512 --enable-source-maps",
		"AWS_REGION":   "eu-west-1", "CDK_DEFAULT_ACCOUNT": "111122223333",
	} {
		if got := env.get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, entry := range (installer{Project: p, InstallOptions: InstallOptions{Env: s.Env, Variables: s.Variables}}).environment() {
		if strings.HasPrefix(entry, "STAGE=") || strings.HasPrefix(entry, "AWS_") {
			t.Errorf("install scripts see %s", entry)
		}
	}
}

// Who sets a check's own settings has it done as he would by hand.
func TestChecksWithSettingsOfTheUsersAreLeftToTheApp(t *testing.T) {
	r := newReal(t)
	r.options.Variables = map[string]string{"TS_NODE_TRANSPILE_ONLY": "true", "CDK_VALIDATION": "false", "STAGE": "prod"}
	write(t, filepath.Join(r.Dir, "bin", "app.ts"), "import { App, Stack, CfnOutput } from 'aws-cdk-lib';\nconst wrong: number = 'three';\nnew CfnOutput(new Stack(new App(), 'S'), 'Stage', { value: `${process.env.STAGE}${wrong}` });\n")
	done := r.mustSynth()
	wantChecks(t, done, ByApp, ByApp)
	if got := tree(t, done.Dir)["S.template.json"]; !strings.Contains(got, "prodthree") {
		t.Errorf("the template is %s", got)
	}
}

func TestAVariableThatNoProcessCanHaveIsExplained(t *testing.T) {
	_, err := Command{Command: proc.Command{Path: "/bin/true", Dir: t.TempDir(), Env: []string{"BIG=" + strings.Repeat("x", 200<<10)}}}.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "spec.build") || !strings.Contains(err.Error(), "128 KiB") {
		t.Errorf("error is %v", err)
	}
}
