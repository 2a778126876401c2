package cdk

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// appWith is an app whose entry point imports more than its first lines.
const appWith = "import * as cdk from 'aws-cdk-lib';\nconst app = new cdk.App();\nexport const stack = new cdk.Stack(app, 'S');\n"

// TestTypeCheck runs the compiler beside the app. What it calls clean must be
// right, whatever part of aws-cdk-lib it left out.
func TestTypeCheck(t *testing.T) {
	for name, c := range map[string]struct {
		app   string
		more  []string
		clean bool
	}{
		"a service by its namespace is known": {appWith + "new cdk.aws_sns.Topic(stack, 'T', { displayName: 'x' });\n", nil, true},
		"a mistake with a service by its namespace is found": {
			appWith + "new cdk.aws_sns.Topic(stack, 'T', { displayName: 1 });\n", nil, false},
		"a mistake with a service by a named import is found": {
			appWith + "import { aws_sqs as q } from 'aws-cdk-lib';\nnew q.Queue(stack, 'T', { nope: 1 });\n", nil, false},
		"a mistake behind the index as a whole is found": {
			appWith + "const all: typeof cdk = cdk;\nconst key = 'aws_s' + 'ns' as 'aws_sns';\nnew all[key].Topic(stack, 1);\n", nil, false},
		"a mistake behind a re-export is found": {
			"import * as lib from '../lib/all';\nnew lib.aws_sns.Topic(new lib.Stack(), 1);\n", []string{"infra/lib/all.ts", "export * from 'aws-cdk-lib';\n"}, false},
		"a mistake in a file that only tests import is not found": {
			appWith, []string{"infra/test/app.test.ts", "const x: number = 'x';\n"}, true},
		"a module by a computed name is left to the app":   {appWith + "const name = 'x';\nvoid import(`../lib/${name}`);\n", nil, false},
		"a module by require is left to the app":           {appWith + "require('../lib/x');\n", []string{"infra/lib/x.ts", "const x: number = 'x';\n"}, false},
		"settings of ts-node are left to the app":          {appWith, []string{"infra/tsconfig.json", `{"compilerOptions":{"module":"commonjs","strict":true},"ts-node":{"files":true}}`}, false},
		"an app without a tsconfig.json is left to itself": {appWith, []string{"infra/tsconfig.json", ""}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReal(t, append([]string{"infra/bin/app.ts", c.app}, c.more...)...)
			if content, err := os.ReadFile(filepath.Join(r.Dir, "tsconfig.json")); err != nil || len(content) == 0 {
				if err := os.Remove(filepath.Join(r.Dir, "tsconfig.json")); err != nil {
					t.Fatal(err)
				}
			}
			s, err := newSynthesis(r.Project, r.options)
			if err != nil {
				t.Fatal(err)
			}
			err = s.script(t.Context(), Types, nil, "typecheck.js", s.Dir, filepath.Join(s.Dir, "bin", "app.ts"))
			if _, doubt := errors.AsType[*doubtError](err); (err == nil) != c.clean || err != nil && !doubt {
				t.Errorf("clean is %v, want %v: %v", err == nil, c.clean, err)
			}
		})
	}
}

func TestTypesAreCheckedAgainWhenTheirSourcesChange(t *testing.T) {
	p := checkout(t, "infra", map[string]string{"infra/bin/app.ts": "a", "infra/README.md": "b", "lib/x.json": "{}", "node_modules/x/index.d.ts": ""})
	before := sourcesDigest(p.Root, p.Root+"/cdk.out")
	write(t, p.Root+"/infra/README.md", "changed")
	write(t, p.Root+"/node_modules/x/index.d.ts", "changed")
	if sourcesDigest(p.Root, p.Root+"/cdk.out") != before || before == "" {
		t.Error("what the compiler does not read changes the digest")
	}
	for _, path := range []string{"infra/bin/app.ts", "lib/x.json", "new.d.mts"} {
		write(t, filepath.Join(p.Root, path), "changed")
		after := sourcesDigest(p.Root, p.Root+"/cdk.out")
		if after == before {
			t.Errorf("%s does not change the digest", path)
		}
		before = after
	}
}

// TestADoubtEndsTheRestAtOnce makes the app wait for ever: only the
// doubt can end it.
func TestADoubtEndsTheRestAtOnce(t *testing.T) {
	p := checkout(t, ".", with(plain, "node_modules/typescript/index.js", "throw new Error('no compiler')", "bin/app.ts", ""))
	s, err := newSynthesis(p, SynthOptions{
		Region: "eu-west-1", Env: []string{"PATH=" + os.Getenv("PATH")}, Output: t.TempDir() + "/out", StateDir: t.TempDir(),
		FallbackCLI: fakeCLI(t, "exec sleep 600"), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.beside(t.Context(), ways{entry: p.Dir + "/bin/app.ts"})
	doubt, ok := errors.AsType[*doubtError](err)
	if !ok || doubt.check != Types {
		t.Errorf("error is %v", err)
	}
}

func TestTheEndOfTheContextIsNoDoubt(t *testing.T) {
	p := checkout(t, ".", with(plain, "node_modules/typescript/index.js", "while (true);", "bin/app.ts", ""))
	s, err := newSynthesis(p, SynthOptions{
		Region: "eu-west-1", Env: []string{"PATH=" + os.Getenv("PATH")}, Output: t.TempDir() + "/out", StateDir: t.TempDir(),
		FallbackCLI: fakeCLI(t, "echo started >started; exec sleep 600"), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		eventually(t, func() (string, bool) { return "", isFile(p.Dir + "/started") })
		cancel(errSuperseded)
	})
	_, err = s.beside(ctx, ways{entry: p.Dir + "/bin/app.ts"})
	wg.Wait()
	if _, doubt := errors.AsType[*doubtError](err); doubt || !errors.Is(err, errSuperseded) {
		t.Errorf("error is %v", err)
	}
}

func TestANodeWithoutTheOptionIsRunWithoutIt(t *testing.T) {
	bin := filepath.Dir(fakeCLI(t, ""))
	write(t, bin+"/node", "#!/bin/sh\ncase $1 in --*) exit 9;; esac\necho '{\"clean\":true}' >\"$2\"\n")
	if err := os.Chmod(bin+"/node", 0o755); err != nil {
		t.Fatal(err)
	}
	p := checkout(t, ".", plain)
	s := &synthesis{Project: p, SynthOptions: SynthOptions{Env: []string{"PATH=" + bin + ":/usr/bin:/bin"}, StateDir: t.TempDir()}}
	if err := s.script(t.Context(), Types, nil, "typecheck.js"); err != nil {
		t.Error(err)
	}
}

var errSuperseded = errors.New("superseded")

func TestNpxRunsWhatTheProjectHas(t *testing.T) {
	p := checkout(t, "infra", map[string]string{
		"node_modules/.bin/tool": "#!/bin/sh\necho \"local $*\"\n", "infra/x": "", "shim/npx": string(npxScript), "bin/npx": "#!/bin/sh\necho \"real $*\"\n",
	})
	for _, path := range []string{"node_modules/.bin/tool", "shim/npx", "bin/npx"} {
		if err := os.Chmod(filepath.Join(p.Root, path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"a tool of the project":   {[]string{"tool", "a b", "-c"}, "local a b -c\n"},
		"a tool it does not have": {[]string{"other", "x"}, "real other x\n"},
		"an option of npx":        {[]string{"--yes", "tool"}, "real --yes tool\n"},
		"a version":               {[]string{"tool@2"}, "real tool@2\n"},
		"a path":                  {[]string{"../bin/tool"}, "real ../bin/tool\n"},
		"nothing":                 {nil, "real \n"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(p.Root+"/shim/npx", c.args...)
			cmd.Dir = p.Dir
			cmd.Env = []string{"PATH=" + p.Root + "/shim:" + p.Root + "/bin:/usr/bin:/bin"}
			got, err := cmd.CombinedOutput()
			if err != nil || string(got) != c.want {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}
