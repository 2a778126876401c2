package cdk

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awscdk.dev/operator/internal/problem"
)

// synthesisOf prepares the synthesis of a project with a cdk.json.
func synthesisOf(t *testing.T, cdkJSON string, edits ...string) (*synthesis, error) {
	t.Helper()
	p := checkout(t, "infra", with(map[string]string{"infra/cdk.json": cdkJSON}, edits...))
	return newSynthesis(p, SynthOptions{
		Region: "eu-west-1", Account: "111122223333", Env: []string{"PATH=/usr/bin:/bin", "HOME=" + filepath.Join(p.Root, "home")},
		Output: t.TempDir() + "/out", StateDir: t.TempDir(), FallbackCLI: fakeCLI(t, ""), Now: time.Now,
	})
}

func TestSettingsThatCannotBeAppliedAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		cdkJSON string
		edits   []string
		reason  *problem.Kind
		parts   []string
	}{
		"no rollback":                       {`{"rollback": false}`, nil, ErrNotSupported, []string{`"rollback": false`, "Remove"}},
		"no rollback, by the user":          {`{}`, []string{"home/.cdk.json", `{"rollback": false}`}, ErrNotSupported, []string{"rollback"}},
		"tags that are none":                {`{"tags": ["team=web"]}`, nil, ErrSynthFailed, []string{`"team=web"`, `{"Key": "team", "Value": "web"}`}},
		"a tag without a value":             {`{"tags": [{"Key": "team"}]}`, nil, ErrSynthFailed, []string{`{"Key": "team"}`}},
		"resources to import":               {`{}`, []string{"infra/migrate.json", `{"Source": "localfile", "Resources": [{}]}`}, ErrNotSupported, []string{"migrate.json", "cdk deploy"}},
		"resources of this account":         {`{}`, []string{"infra/migrate.json", `{"Source": "arn:aws:cloudformation:eu-west-1:111122223333:x", "Resources": [{}]}`}, ErrNotSupported, []string{"migrate.json"}},
		"an assembly out of the repository": {`{"app": "../.."}`, nil, ErrAssemblyInvalid, []string{`"../.."`, "outside"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := synthesisOf(t, c.cdkJSON, c.edits...)
			if e := wantReason(t, err, c.reason, c.parts...); e.Outlook != problem.Stalls {
				t.Error("it is tried again in vain")
			}
		})
	}
}

func TestSettingsThatChangeNothingAreNotRefused(t *testing.T) {
	for name, edits := range map[string][]string{
		"a migration of another account": {"infra/migrate.json", `{"Source": "arn:aws:cloudformation:eu-west-1:444455556666:x", "Resources": [{}]}`},
		"a migration that is none":       {"infra/migrate.json", "<html>"},
		"the rollback is the usual one":  {"infra/cdk.json", `{"rollback": true, "strict": true, "requireApproval": "any-change"}`},
		"the project overrules the user": {"infra/cdk.json", `{"rollback": true}`, "home/.cdk.json", `{"rollback": false}`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := synthesisOf(t, `{}`, edits...); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestVariablesThatAreOptionsOfADeploymentAreRefused(t *testing.T) {
	p := checkout(t, ".", plain)
	for variable, refused := range map[string]bool{
		"CDK_ROLE_ARN=arn:aws:iam::111122223333:role/x": true,
		"CDK_TAGS=team=web":                             true,
		"CDK_HOTSWAP=true":                              true,
		"CDK_HOTSWAP=false":                             false,
		"CDK_ROLLBACK=false":                            true,
		"CDK_ROLLBACK=true":                             false,
		"CDK_STAGE=prod":                                false,
	} {
		name, value, _ := strings.Cut(variable, "=")
		_, err := newSynthesis(p, SynthOptions{
			Region: "eu-west-1", Output: t.TempDir() + "/out", StateDir: t.TempDir(), FallbackCLI: fakeCLI(t, ""), Now: time.Now,
			Variables: map[string]string{name: value},
		})
		switch {
		case refused:
			wantReason(t, err, ErrNotSupported, name)
		case err != nil:
			t.Errorf("%s: %v", variable, err)
		}
	}
}

func TestTagsOfTheSettings(t *testing.T) {
	for settings, want := range map[string]map[string]string{
		`{"tags": [{"Key": "team", "Value": "web"}, {"Key": "empty", "Value": ""}]}`: {"team": "web", "empty": ""},
		`{"tags": []}`:              nil,
		`{"tags": {"team": "web"}}`: nil, // the CLI passes over it
		`{}`:                        nil,
	} {
		s, err := synthesisOf(t, settings)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, s.tags); diff != "" {
			t.Errorf("%s:\n%s", settings, diff)
		}
	}
}

func TestTheQualifierIsThatOfTheContext(t *testing.T) {
	const key = "@aws-cdk/core:bootstrapQualifier"
	s, err := synthesisOf(t, `{"context": {"`+key+`": "own"}}`)
	if err != nil {
		t.Fatal(err)
	}
	for want, context := range map[string][]string{
		"own":   {"other=x"},
		"other": {key + "=first", key + "=other"},
		"":      {key + "=../bucket"},
	} {
		if got := s.settings.qualifier(context); got != want {
			t.Errorf("qualifier is %q, want %q", got, want)
		}
	}
}

func TestTheAssemblyIsWhereItIsByHand(t *testing.T) {
	for name, c := range map[string]struct {
		cdkJSON string
		edits   []string
		// want is relative to the repository, "" for the folder of the run.
		want string
	}{
		"as usual":                      {`{}`, nil, "infra/cdk.out"},
		"elsewhere in the project":      {`{"output": "build/cdk"}`, nil, "infra/build/cdk"},
		"elsewhere in the repository":   {`{"output": "../dist/infra"}`, nil, "dist/infra"},
		"as the user has it":            {`{}`, []string{"home/.cdk.json", `{"output": "out"}`}, "infra/out"},
		"out of the repository":         {`{"output": "../../dist"}`, nil, ""},
		"by an absolute path":           {`{"output": "/tmp/dist"}`, nil, ""},
		"in place of the project":       {`{"output": "."}`, nil, ""},
		"around the project":            {`{"output": ".."}`, nil, ""},
		"an assembly instead of an app": {`{"app": "made"}`, []string{"infra/made/manifest.json", "{}"}, "infra/made"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := synthesisOf(t, c.cdkJSON, c.edits...)
			if err != nil {
				t.Fatal(err)
			}
			want := s.Output
			if c.want != "" {
				want = filepath.Join(s.Root, c.want)
			}
			if s.out != want {
				t.Errorf("the assembly is expected in %s, want %s", s.out, want)
			}
		})
	}
	t.Run("by a link out of the repository", func(t *testing.T) {
		s, err := synthesisOf(t, `{}`)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(t.TempDir(), filepath.Join(s.Dir, "cdk.out")); err != nil {
			t.Fatal(err)
		}
		if got := s.settings.place(s.Project, s.Output); got != s.Output {
			t.Errorf("the assembly is expected in %s", got)
		}
	})
}

// assembling is a script that writes an assembly with one stack, as the CLI
// does, and notes its arguments.
func assembling(path, name string) string {
	manifest, _ := json.Marshal(map[string]any{"version": "55.0.0", "artifacts": map[string]any{
		"Id": stackIn("aws://unknown-account/unknown-region", path, name),
	}})
	return `echo "$@" >>args
for a; do case $a in --output=*) out=${a#--output=};; esac; done
mkdir -p "$out" && echo '` + string(manifest) + `' >"$out/manifest.json" && echo '{"Resources":{"A":{}}}' >"$out/S.template.json"
case " $* " in *" ` + path + ` "*) exit 0;; esac
echo "No stacks match the name(s) x"; exit 1`
}

func TestOnlyTheStackIsBundledWhateverItIsCalled(t *testing.T) {
	for name, c := range map[string]struct {
		path, stackName string
		first, second   []string
	}{
		"by its path":                  {"Prod/Api", "Prod/Api", []string{"synth Prod/Api Prod/Api/** --exclusively --quiet"}, []string{"synth Prod/Api Prod/Api/** --exclusively --quiet"}},
		"by its name":                  {"Prod/Api", "company-api", []string{"synth company-api ", "synth Prod/Api Prod/Api/** --exclusively --quiet"}, []string{"synth Prod/Api Prod/Api/** --exclusively --quiet"}},
		"by an id, its path a pattern": {"Api [1]", "Id", []string{"synth Id ", "synth --quiet"}, []string{"synth --quiet"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := checkout(t, ".", plain)
			cache := Cache{Dir: t.TempDir()}
			for round, want := range [][]string{c.first, c.second} {
				_ = os.Remove(filepath.Join(p.Dir, "args"))
				_, err := Synth(t.Context(), p, SynthOptions{
					Region: "eu-west-1", Env: []string{"PATH=/usr/bin:/bin"}, Output: t.TempDir() + "/out", StateDir: t.TempDir(), Now: time.Now,
					FallbackCLI: fakeCLI(t, assembling(c.path, "company-api")), Stack: c.stackName, Cache: cache, Dependencies: "key",
				})
				if err != nil && !strings.Contains(c.path, "[") {
					t.Fatal(err)
				}
				content, err := os.ReadFile(filepath.Join(p.Dir, "args"))
				if err != nil {
					t.Fatal(err)
				}
				runs := strings.Split(strings.TrimSpace(string(content)), "\n")
				if len(runs) != len(want) {
					t.Fatalf("in round %d the app was run as\n%s\nwant\n%s", round, content, strings.Join(want, "\n"))
				}
				for i := range runs {
					if !strings.HasPrefix(runs[i], want[i]) {
						t.Errorf("in round %d the app was run as %q, want %q", round, runs[i], want[i])
					}
				}
			}
		})
	}
}

func TestAStackThatNamesAnotherOnesAssetHasAllBundled(t *testing.T) {
	const anywhere, shared = "aws://unknown-account/unknown-region", "0123456789abcdef0123456789abcdef"
	owner := stackArtifact(anywhere, nil)
	owner["dependencies"] = []string{"Owner.assets"}
	dir := assemblyOf(t, map[string]any{
		"Owner": owner, "Reader": stackArtifact(anywhere, map[string]any{"templateFile": "Reader.template.json"}), "Other": stackArtifact(anywhere, nil),
		"Owner.assets": map[string]any{"type": typeAssets, "properties": map[string]any{"file": "Owner.assets.json"}},
	})
	write(t, filepath.Join(dir, "Owner.assets.json"), `{"files":{"`+shared+`":{}}}`)
	write(t, filepath.Join(dir, "Reader.template.json"), `{"Resources":{"A":{"Key":"`+shared+`.zip"}}}`)
	a, err := ReadAssembly(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"Owner": false, "Other": false, "Reader": true} {
		if got := mustFind(t, a, name).refersToOthers(); got != want {
			t.Errorf("%s refers to others: %v", name, got)
		}
	}
	if selection(everything) != nil {
		t.Error("not everything is bundled")
	}
}

func TestALockThatWasCommittedStopsNobody(t *testing.T) {
	s, err := synthesisOf(t, `{}`, "infra/cdk.out/read.1.1.lock", "1", "infra/cdk.out/synth.lock", "1", "infra/cdk.out/manifest.json", "{}", "infra/cdk.out/kept.txt", "x")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.clear(); err != nil {
		t.Fatal(err)
	}
	entries, _ := os.ReadDir(s.out)
	if len(entries) != 1 || entries[0].Name() != "kept.txt" {
		t.Errorf("there is still %v", entries)
	}
}

func TestTheSettingsOfADeveloperAreOverruled(t *testing.T) {
	for name, c := range map[string]struct {
		cdkJSON   string
		variables map[string]string
		want      string
	}{
		"in cdk.json":  {`{"app": "x", "profile": "me", "region": "us-west-2"}`, nil, " --profile= --region=eu-west-1"},
		"as variables": {`{"app": "x"}`, map[string]string{"CDK_PROFILE": "me", "CDK_REGION": "us-west-2"}, " --profile= --region=eu-west-1"},
		"not at all":   {`{"app": "x"}`, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := checkout(t, ".", with(plain, "cdk.json", c.cdkJSON))
			_, err := Synth(t.Context(), p, SynthOptions{
				Region: "eu-west-1", Env: []string{"PATH=/usr/bin:/bin"}, Variables: c.variables, Output: t.TempDir() + "/out", StateDir: t.TempDir(), Now: time.Now,
				FallbackCLI: fakeCLI(t, assembling("Web", "Web")), Stack: "Web",
			})
			if err != nil {
				t.Fatal(err)
			}
			args, _ := os.ReadFile(filepath.Join(p.Dir, "args"))
			if !strings.Contains(string(args), c.want) || c.want == "" && strings.Contains(string(args), "--region") {
				t.Errorf("the CLI got %s", args)
			}
		})
	}
}

func TestWhatAProgramLacksIsNamed(t *testing.T) {
	const bundled = "/app/bin/app.ts:14\n«FailedToBundleAsset» Failed to bundle asset Web/Fn/Code/Stage, bundle output is located at /x: "
	for name, c := range map[string]struct {
		output string
		parts  []string
	}{
		"no docker":        {bundled + "Error: spawnSync docker ENOENT", []string{"Web/Fn/Code/Stage", "docker", "without bundling"}},
		"no daemon":        {"docker: Cannot connect to the Docker daemon at unix:///var/run/docker.sock.\n" + bundled + "docker exited with status 125", []string{"Web/Fn/Code/Stage", "docker"}},
		"no esbuild":       {"Error: spawnSync docker ENOENT\n    at new Bundling (/app/node_modules/aws-cdk-lib/aws-lambda-nodejs/lib/bundling.js:1:1)\n--> Command: docker build /app/node_modules/aws-cdk-lib/aws-lambda-nodejs/lib/docker", []string{"esbuild", "devDependencies"}},
		"no other program": {"Error: spawnSync hugo ENOENT", []string{"hugo", "PATH"}},
		"no bundler":       {"/bin/sh: 1: go: not found\n" + bundled + "Error: Command failed: go build -o /asset-output\n/bin/sh: 1: go: not found", []string{"program go"}},
		"no app":           {"/bin/sh: line 1: mvn: command not found\nmvn -q exec:java: Subprocess exited with error 127", []string{"program mvn"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := checkout(t, ".", plain)
			write(t, filepath.Join(p.Dir, "output"), c.output)
			_, err := Synth(t.Context(), p, SynthOptions{
				Region: "eu-west-1", Env: []string{"PATH=/usr/bin:/bin"}, Output: t.TempDir() + "/out", StateDir: t.TempDir(), Now: time.Now,
				FallbackCLI: fakeCLI(t, "cat output; exit 1"),
			})
			if e := wantReason(t, err, ErrNotSupported, c.parts...); e.Outlook != problem.Stalls {
				t.Error("it is tried again in vain")
			}
		})
	}
}

func TestAProgramThatTheAppCanDoWithoutIsNotBlamed(t *testing.T) {
	p := checkout(t, ".", plain)
	_, err := Synth(t.Context(), p, SynthOptions{
		Region: "eu-west-1", Env: []string{"PATH=/usr/bin:/bin"}, Output: t.TempDir() + "/out", StateDir: t.TempDir(), Now: time.Now,
		FallbackCLI: fakeCLI(t, `echo "/bin/sh: 1: git: not found"; echo "Error: STAGE is not set"; echo "Subprocess exited with error 1"; exit 1`),
	})
	wantReason(t, err, ErrSynthFailed, "STAGE is not set")
}

func TestAnAssemblyInTheWrongPlaceIsFound(t *testing.T) {
	p := checkout(t, ".", plain)
	_, err := Synth(t.Context(), p, SynthOptions{
		Region: "eu-west-1", Env: []string{"PATH=/usr/bin:/bin"}, Output: t.TempDir() + "/out", StateDir: t.TempDir(), Now: time.Now,
		FallbackCLI: fakeCLI(t, `mkdir -p dist/cdk; echo '{"version":"1.0.0","artifacts":{"A":{}}}' >dist/cdk/manifest.json; echo "ENOENT: manifest.json"; exit 1`),
	})
	wantReason(t, err, ErrSynthFailed, `"dist/cdk"`, `"cdk.out"`, `"output": "dist/cdk"`)
}

func TestMessagesLeaveOutWhatEveryToolPrints(t *testing.T) {
	p := checkout(t, ".", with(plain, "noise", "(node:7) Warning: NodeVersionSupportWarning: The AWS SDK\nwill require node >=22\n\nMore information can be found at: https://a.co/x\n(Use `node --trace-warnings ...` to show where the warning was created)\nit went wrong\n"))
	_, err := Synth(t.Context(), p, SynthOptions{
		Region: "eu-west-1", Env: []string{"PATH=/usr/bin:/bin"}, Output: t.TempDir() + "/out", StateDir: t.TempDir(), Now: time.Now,
		FallbackCLI: fakeCLI(t, "cat noise; exit 1"),
	})
	if e := wantReason(t, err, ErrSynthFailed); e.Message != "cdk synth failed (exit code 1):\nit went wrong" {
		t.Errorf("message is %q", e.Message)
	}
}
