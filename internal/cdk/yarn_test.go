package cdk

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// yarnProject is a project of yarn 4 with one dependency, which has a command,
// and with the settings.
func yarnProject(t *testing.T, env []string, settings string, more ...string) map[string]string {
	t.Helper()
	files := with(map[string]string{
		"cdk.json": "{}", ".yarnrc.yml": settings,
		"package.json": `{"name":"p","version":"1.0.0","dependencies":{"mkdirp":"1.0.4"}}`,
	}, more...)
	files["yarn.lock"] = lockFileOf(t, env, files, []string{"yarn", "install", "--mode=update-lockfile"}, "yarn.lock")
	return files
}

// hookLike runs a script in a project as a hook does.
func hookLike(t *testing.T, p Project, c Cache, env []string, script string) string {
	t.Helper()
	tools, err := p.Tools(t.TempDir(), c, env)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Dir, cmd.Env = p.Dir, tools.Apply(env)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return string(out)
}

// What the install was given is what the app and the hooks are given: by hand,
// `yarn run` sees to that.
func TestWhatYarnHasInstalledIsFound(t *testing.T) {
	modules := managers(t)
	env := machine(t, map[string]string{"yarn": modules + "/@yarnpkg/cli-dist/bin/yarn.js"})
	for name, settings := range map[string]string{
		"Plug'n'Play":      "enableTelemetry: false\n", // it is the default
		"node_modules":     "nodeLinker: node-modules\n",
		"links to a store": "nodeLinker: pnpm\n",
	} {
		t.Run(name, func(t *testing.T) {
			pnp := strings.HasPrefix(name, "Plug")
			files := yarnProject(t, env, settings)
			c := Cache{Dir: t.TempDir()}
			times := 2 // the second time from the cache
			if pnp {
				times = 1
			}
			for range times {
				p := checkout(t, ".", files)
				if _, err := Install(t.Context(), p, c, InstallOptions{Env: env, Now: time.Now}); err != nil {
					t.Fatal(err)
				}
				if isFile(filepath.Join(p.Dir, ".pnp.cjs")) != pnp || isDir(filepath.Join(p.Dir, "node_modules", "mkdirp")) == pnp {
					t.Error("the packages are not where the project wants them")
				}
				script, want := `node -e "console.log(require('mkdirp/package.json').version)"; yarn mkdirp --version`, "1.0.4\n1.0.4\n"
				if pnp {
					script, want = script+"; npx mkdirp --version", want+"1.0.4\n"
				}
				if got := hookLike(t, p, c, env, script); got != want {
					t.Errorf("the dependency is not found: %s", got)
				}
			}
		})
	}
}

// A repository that holds its packages needs no registry, and keeps its files.
func TestZeroInstallsNeedNoRegistry(t *testing.T) {
	modules := managers(t)
	env := machine(t, map[string]string{"yarn": modules + "/@yarnpkg/cli-dist/bin/yarn.js"})
	author := checkout(t, ".", yarnProject(t, env, "enableGlobalCache: false\n"))
	cmd := exec.CommandContext(t.Context(), lookPath("yarn", env), "install")
	cmd.Dir, cmd.Env = author.Dir, append(env, "YARN_ENABLE_IMMUTABLE_INSTALLS=false")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	before, err := os.ReadFile(filepath.Join(author.Dir, ".pnp.cjs"))
	if err != nil {
		t.Fatal(err)
	}
	p := checkout(t, ".", nil)
	if err := os.CopyFS(p.Dir, os.DirFS(author.Dir)); err != nil {
		t.Fatal(err)
	}
	c := Cache{Dir: t.TempDir()}
	offline := append(env, "YARN_ENABLE_NETWORK=0")
	if _, err := Install(t.Context(), p, c, InstallOptions{Env: offline, Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(filepath.Join(p.Dir, ".pnp.cjs"))
	if err != nil || string(before) != string(after) {
		t.Errorf("the committed .pnp.cjs is another: %v", err)
	}
	if got := hookLike(t, p, c, offline, `node -e "console.log(require('mkdirp/package.json').version)"`); got != "1.0.4\n" {
		t.Errorf("the dependency is not found: %s", got)
	}
}

// The project's own CLI, which is in no node_modules.
func TestAnAppWithPlugAndPlayIsSynthesised(t *testing.T) {
	modules := managers(t)
	env := append(machine(t, map[string]string{"yarn": modules + "/@yarnpkg/cli-dist/bin/yarn.js"}), "AWS_EC2_METADATA_DISABLED=true")
	files := with(map[string]string{
		"cdk.json": `{"app":"node app.js"}`, ".yarnrc.yml": "enableTelemetry: false\n",
		"app.js": "const { App, Stack, CfnOutput } = require('aws-cdk-lib');\nnew CfnOutput(new Stack(new App(), 'S'), 'Stage', { value: process.env.STAGE });\n",
	})
	manifest := `{"name":"p","version":"1.0.0","dependencies":{"aws-cdk-lib":"2.200.0","constructs":"10.4.2"},"devDependencies":{"aws-cdk":"2.1148.1"}}`
	files["package.json"] = manifest
	shared, err := filepath.Abs("../../.cache/cdk")
	if err != nil {
		t.Fatal(err)
	}
	// Shared by all runs of this test, and behind a link.
	c := Cache{Dir: filepath.Join(t.TempDir(), "link")}
	if err := os.Symlink(shared, c.Dir); err != nil {
		t.Fatal(err)
	}
	files["yarn.lock"] = lockFileOf(t, append(env, "YARN_GLOBAL_FOLDER="+filepath.Join(shared, "yarn-berry")), files, []string{"yarn", "install", "--mode=update-lockfile"}, "yarn.lock")
	p := checkout(t, ".", files)
	if _, err := Install(t.Context(), p, c, InstallOptions{Env: env, Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	done, err := Synth(t.Context(), p, SynthOptions{
		Region: "eu-west-1", Account: "111122223333", Env: env, Variables: map[string]string{"STAGE": "prod"}, Stack: "S",
		Output: filepath.Join(t.TempDir(), "out"), StateDir: t.TempDir(), Cache: c, Log: &log, Now: time.Now,
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	if got := tree(t, done.Dir)["S.template.json"]; !strings.Contains(got, `"prod"`) {
		t.Errorf("the template is %s", got)
	}
}

// Who installs by corepack has no pnpm or yarn on PATH, and the app calls it.
func TestWhatCorepackInstallsWithIsThereForTheApp(t *testing.T) {
	p := checkout(t, ".", with(map[string]string{"cdk.json": "{}", "package.json": `{"packageManager":"pnpm@9.15.9"}`, "pnpm-lock.yaml": "lockfileVersion: '9.0'\n"}))
	bin := t.TempDir()
	write(t, filepath.Join(bin, "corepack"), "#!/bin/sh\necho \"corepack $* $COREPACK_HOME\"\n")
	if err := os.Chmod(filepath.Join(bin, "corepack"), 0o755); err != nil {
		t.Fatal(err)
	}
	env := []string{"PATH=" + bin + ":/bin:/usr/bin/nowhere"}
	if got := hookLike(t, p, Cache{Dir: "/cache"}, env, "pnpm exec ts-node"); got != "corepack pnpm exec ts-node /cache/corepack\n" {
		t.Errorf("pnpm is %q", got)
	}
}

// A runner has yarn 1 on its PATH, for projects of that version.
func TestWhichYarn(t *testing.T) {
	const classic, berry = "# yarn lockfile v1\n", "__metadata:\n  version: 8\n"
	tests := map[string]struct{ manifest, lock, programs, want string }{
		"a project of yarn 1":                           {"{}", classic, "yarn corepack", "yarn -v"},
		"a project of yarn 1 that pins it":              {`{"packageManager":"yarn@1.22.22"}`, classic, "yarn corepack", "yarn -v"},
		"a project that pins a later yarn":              {`{"packageManager":"yarn@4.9.2"}`, berry, "yarn corepack", "corepack yarn -v"},
		"a project that pins a later yarn, no corepack": {`{"packageManager":"yarn@4.9.2"}`, berry, "yarn", "yarn -v"},
		"a project of a later yarn that pins none":      {"{}", berry, "yarn corepack", "yarn -v"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := checkout(t, ".", with(map[string]string{"cdk.json": "{}", "package.json": test.manifest, "yarn.lock": test.lock}))
			bin := t.TempDir()
			for program := range strings.FieldsSeq(test.programs) {
				write(t, filepath.Join(bin, program), "#!/bin/sh\necho \"${0##*/} $*\"\n")
				if err := os.Chmod(filepath.Join(bin, program), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			env := []string{"PATH=" + bin}
			if got := strings.TrimSpace(hookLike(t, p, Cache{Dir: "/cache"}, env, "yarn -v")); got != test.want {
				t.Errorf("yarn -v is %q, want %q", got, test.want)
			}
		})
	}
}
