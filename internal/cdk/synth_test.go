package cdk

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/redact"
)

// real is a checkout of testdata/app with its real dependencies, which all
// tests take from one installation in the repository's .cache folder.
type real struct {
	t *testing.T
	Project
	options SynthOptions
	log     *bytes.Buffer
}

func newReal(t *testing.T, edits ...string) *real {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the real npm and cdk, which takes minutes: not in -short")
	}
	files := map[string]string{}
	app := os.DirFS("testdata/app")
	err := fs.WalkDir(app, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(app, path)
		files["infra/"+path] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	p := checkout(t, "infra", with(files, edits...))
	shared, err := filepath.Abs("../../.cache/cdk")
	if err != nil {
		t.Fatal(err)
	}
	env := append(network(), "PATH="+os.Getenv("PATH"), "HOME="+os.Getenv("HOME"), "AWS_EC2_METADATA_DISABLED=true")
	done, err := Install(t.Context(), p, Cache{Dir: shared}, InstallOptions{Env: env, Log: os.Stderr, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	r := &real{t: t, Project: p, log: new(bytes.Buffer)}
	r.options = SynthOptions{
		Region: "eu-west-1", Env: env, Output: filepath.Join(t.TempDir(), "out"), StateDir: filepath.Join(t.TempDir(), "state"),
		// What is found right belongs to the test: a memory of its own.
		Dependencies: done.Key, Cache: Cache{Dir: t.TempDir()}, Log: r.log, Now: time.Now,
	}
	return r
}

func (r *real) synth() (Synthesized, error) {
	r.log.Reset()
	return Synth(r.t.Context(), r.Project, r.options)
}

func (r *real) mustSynth() Synthesized {
	r.t.Helper()
	done, err := r.synth()
	if err != nil {
		r.t.Fatalf("%v\n%s", err, r.log)
	}
	return done
}

func wantChecks(t *testing.T, done Synthesized, types, templates string) {
	t.Helper()
	if diff := cmp.Diff([]Check{{Types, types}, {Templates, templates}}, done.Checks); diff != "" {
		t.Error(diff)
	}
}

// templates are the files of an assembly that matter for a deployment.
func templates(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for path, content := range tree(t, dir) {
		if strings.HasSuffix(path, ".template.json") || strings.HasSuffix(path, ".assets.json") || strings.HasPrefix(path, "asset.") {
			found[path] = content
		}
	}
	if len(found) < 10 {
		t.Fatalf("only %d files in %s", len(found), dir)
	}
	return found
}

func TestSynthChecksOnceAndBringsForthWhatTheOrdinaryWayDoes(t *testing.T) {
	r := newReal(t)
	r.options.Context = []string{"greeting=overridden", `greeting=it's "quoted" --app=$(id) ü`}
	done := r.mustSynth()
	wantChecks(t, done, Beside, Beside)
	fast := templates(t, done.Dir)
	if !strings.Contains(fast["Web.template.json"], `it's \"quoted\" --app=$(id) ü`) {
		t.Errorf("the context did not reach the template:\n%s", fast["Web.template.json"])
	}
	wantChecks(t, r.mustSynth(), Remembered, Remembered)
	s, err := newSynthesis(r.Project, r.options)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.run(t.Context(), ways{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(templates(t, done.Dir), fast); diff != "" {
		t.Errorf("the ordinary way brings forth something else:\n%s", diff)
	}
	r.options.Context = []string{"greeting=another"}
	wantChecks(t, r.mustSynth(), Remembered, Beside)
}

// bundlingApp is an app that says itself where its assembly goes, writes beside
// it, and has a stack that is bundled without and one with a container.
const bundlingApp = `import * as fs from 'fs';
import * as path from 'path';
import * as cdk from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
const app = new cdk.App({ outdir: 'cdk.out' });
fs.writeFileSync('cdk.out/beside.txt', 'by hand the folder is there');
const image = lambda.Runtime.NODEJS_20_X.bundlingImage;
const local = { tryBundle: (out: string) => { fs.writeFileSync(path.join(out, 'bundled.txt'), 'x'); return true; } };
function stack(id: string, bundling: cdk.BundlingOptions) {
  const code = lambda.Code.fromAsset(__dirname, { bundling });
  new lambda.Function(new cdk.Stack(app, id, { stackName: 'company-' + id.toLowerCase() }), 'Fn', { code, handler: 'x.y', runtime: lambda.Runtime.NODEJS_20_X });
}
stack('Local', { image, local });
stack('Container', { image });
`

func TestSynthBundlesWhatIsDeployedIntoTheFolderOfTheApp(t *testing.T) {
	r := newReal(t, "infra/bin/app.ts", bundlingApp, "infra/cdk.json", `{"app": "npx ts-node -T bin/app.ts"}`)
	r.options.Env = append(environ(r.options.Env).unset("PATH"), "PATH="+binWith(t, "node", "npx", "npm", "sh", "env", "dirname", "basename", "uname", "sed"))
	r.options.Stack = "Local"
	done := r.mustSynth()
	if want := filepath.Join(r.Dir, "cdk.out"); done.Dir != want || done.Root != r.Root || !isFile(want+"/beside.txt") {
		t.Errorf("the assembly is in %s with assets of %s, want %s of %s", done.Dir, done.Root, want, r.Root)
	}
	if found, _ := filepath.Glob(done.Dir + "/asset.*/bundled.txt"); len(found) != 1 {
		t.Errorf("%d assets are bundled", len(found))
	}
	r.options.Stack = "Container"
	_, err := r.synth()
	wantReason(t, err, ErrNotSupported, "Container/Fn/Code/Stage", "docker", "without bundling")
}

// binWith is a folder of these programs alone.
func binWith(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestSynthTellsWhereTypesAreWrong(t *testing.T) {
	r := newReal(t, "infra/lib/helper.ts", "export const limit: number = 'three';\n")
	write(t, filepath.Join(r.Dir, "bin", "app.ts"), "import { limit } from '../lib/helper';\nimport { App, Stack } from 'aws-cdk-lib';\nnew Stack(new App(), `S${limit}`);\n")
	_, err := r.synth()
	e := wantReason(t, err, ErrSynthFailed, "lib/helper.ts", "TS2322", "not assignable to type 'number'")
	if e.Outlook != problem.Stalls {
		t.Error("a compiler's error does not stall")
	}
	if strings.Contains(e.Message, r.Root) {
		t.Errorf("the message has the checkout's folder:\n%s", e.Message)
	}
}

func TestSynthTellsWhereTheAppThrew(t *testing.T) {
	r := newReal(t)
	r.options.Context = []string{"throw=yes"}
	_, err := r.synth()
	e := wantReason(t, err, ErrSynthFailed, "infra/bin/app.ts:28", "Error: the app was asked to fail")
	if strings.Contains(e.Message, "node_modules") {
		t.Errorf("the message has frames of libraries:\n%s", e.Message)
	}
}

func TestSynthLeavesTemplatesThatAreNotCleanToTheApp(t *testing.T) {
	r := newReal(t, "infra/bin/app.ts", `import * as cdk from 'aws-cdk-lib';
const stack = new cdk.Stack(new cdk.App(), 'S');
new cdk.CfnResource(stack, 'Bucket', { type: 'AWS::S3::Bucket', properties: { NoSuchProperty: 1 } });
`)
	wantChecks(t, r.mustSynth(), ByApp, ByApp)
	if !strings.Contains(r.log.String(), "NoSuchProperty") {
		t.Errorf("the app's own validation was not told:\n%s", r.log)
	}
	// The next time it is not tried in vain.
	wantChecks(t, r.mustSynth(), Beside, ByApp)
	if strings.Contains(r.log.String(), "once more") || !strings.Contains(r.log.String(), "NoSuchProperty") {
		t.Errorf("the app was run twice, or without its validation:\n%s", r.log)
	}
}

func TestSynthWithoutACLI(t *testing.T) {
	p := checkout(t, ".", plain)
	o := SynthOptions{Region: "eu-west-1", Env: []string{"PATH=/usr/bin:/bin"}, Output: t.TempDir() + "/out", StateDir: t.TempDir(), Now: time.Now}
	_, err := Synth(t.Context(), p, o)
	wantReason(t, err, ErrSynthFailed, "aws-cdk", "devDependencies")
	o.FallbackCLI = fakeCLI(t, `[ "$1" = synth ] || exit 9; for a; do case $a in --output=*) mkdir -p "${a#--output=}" && echo '{"version":"1.0.0"}' >"${a#--output=}/manifest.json";; esac; done`)
	done, err := Synth(t.Context(), p, o)
	if err != nil || done.CLI != o.FallbackCLI {
		t.Errorf("synthesised %+v, %v", done, err)
	}
}

// fakeCLI is a shell script in the place of cdk, for what the real one does
// not do on demand.
func fakeCLI(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cdk")
	write(t, path, "#!/bin/sh\n"+script+"\n")
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSynthErrorsTellWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		reason *problem.Kind
		stalls bool
		parts  []string
	}{
		"bad credentials":      {`echo "InvalidClientTokenId: The security token included in the request is invalid"; exit 1`, ErrCredentialsInvalid, false, []string{"Secret"}},
		"not enough memory":    {`echo "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"; exit 134`, ErrSynthFailed, false, []string{"memory", "NODE_OPTIONS"}},
		"killed by the host":   {`kill -9 $$`, ErrSynthFailed, false, []string{"memory"}},
		"no assembly":          {`true`, ErrSynthFailed, false, []string{"no cloud assembly"}},
		"a secret in an error": {`echo "Error: token-4711"; exit 1`, ErrSynthFailed, false, []string{"Error: ***"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := checkout(t, ".", plain)
			_, err := Synth(t.Context(), p, SynthOptions{
				Region: "eu-west-1", Env: []string{"PATH=/usr/bin:/bin"}, Output: t.TempDir() + "/out", StateDir: t.TempDir(), Now: time.Now,
				FallbackCLI: fakeCLI(t, c.script), Redact: redact.New("token-4711"),
			})
			if e := wantReason(t, err, c.reason, c.parts...); (e.Outlook == problem.Stalls) != c.stalls || strings.Contains(e.Message, "4711") {
				t.Errorf("the outlook is %s:\n%s", e.Outlook, e.Message)
			}
		})
	}
}

func TestSynthEnvironment(t *testing.T) {
	o := SynthOptions{
		Region: "eu-west-1", Account: "123456789012", StateDir: "/state", Dependencies: "key", Cache: Cache{Dir: "/cache"},
		Env: []string{"PATH=/bin", "AWS_PROFILE=other", "AWS_ROLE_ARN=x", "AWS_CA_BUNDLE=/ca", "AWS_REGION=us-east-1", "GIT_ASKPASS=x", "CDK_HOME=/shared", "FORCE_COLOR=1"},
	}
	static := map[string]string{"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"}
	for name, c := range map[string]struct {
		credentials map[string]string
		w           ways
		want        []string
		unwanted    []string
	}{
		"with keys of its own": {static, ways{}, []string{"AWS_ACCESS_KEY_ID=id", "AWS_CA_BUNDLE=/ca", "AWS_EC2_METADATA_DISABLED=true", "AWS_REGION=eu-west-1",
			"CDK_DEFAULT_ACCOUNT=123456789012", "CDK_HOME=/state/cdk", "PATH=/state/bin:/bin", "CI=true", "DISABLE_V8_COMPILE_CACHE=1"},
			[]string{"AWS_PROFILE", "AWS_ROLE_ARN", "GIT_ASKPASS", "FORCE_COLOR", "TS_NODE", "CDK_VALIDATION", "NODE_COMPILE_CACHE"}},
		"with the identity of the process": {nil, ways{}, []string{"AWS_PROFILE=other", "AWS_ROLE_ARN=x"}, []string{"AWS_EC2_METADATA_DISABLED"}},
		"with checks beside":               {static, ways{entry: "x", plugin: "y"}, []string{"TS_NODE_TRANSPILE_ONLY=true", "CDK_VALIDATION=false"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := &synthesis{SynthOptions: o}
			s.Credentials = c.credentials
			env := s.environment(c.w)
			for _, want := range c.want {
				key, value, _ := strings.Cut(want, "=")
				if env.get(key) != value {
					t.Errorf("%s is %q, want %q", key, env.get(key), value)
				}
			}
			for _, unwanted := range c.unwanted {
				if strings.Contains(strings.Join(env, "\n"), unwanted) {
					t.Errorf("the environment has %s", unwanted)
				}
			}
		})
	}
}

func TestNoContextValueIsTakenForAnOption(t *testing.T) {
	got := contextArguments([]string{"--app=evil", "a=2=3"})
	if diff := cmp.Diff([]string{"--context=--app=evil", "--context=a=2=3"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTSNodeEntry(t *testing.T) {
	dir := checkout(t, ".", map[string]string{"bin/app.ts": "", "bin/app.js": ""}).Dir
	for command, want := range map[string]string{
		`"npx ts-node --prefer-ts-exts bin/app.ts"`:    "bin/app.ts",
		`"npx ts-node bin/app.ts an argument"`:         "bin/app.ts",
		`"npx ts-node bin/app.ts"`:                     "bin/app.ts",
		`"ts-node bin/app.ts"`:                         "bin/app.ts",
		`"node -r ts-node/register bin/app.ts"`:        "bin/app.ts",
		`"npx ts-node -T bin/app.ts"`:                  "",
		`"npx ts-node --swc bin/app.ts"`:               "",
		`"npx ts-node --project x.json bin/app.ts"`:    "",
		`"npx ts-node bin/none.ts"`:                    "",
		`"npx ts-node bin/app.js"`:                     "",
		`"npx tsx bin/app.ts"`:                         "",
		`"npm run build && node bin/app.js"`:           "",
		`"TS_NODE_LOG_ERROR=1 npx ts-node bin/app.ts"`: "",
		`["ts-node", "bin/app.ts"]`:                    "",
		``:                                             "",
	} {
		t.Run(command, func(t *testing.T) {
			if want != "" {
				want = filepath.Join(dir, want)
			}
			s := settings{App: []byte(command)}
			if got := s.tsNodeEntry(dir); got != want {
				t.Errorf("entry is %q, want %q", got, want)
			}
		})
	}
}
