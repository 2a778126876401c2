package cdk

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/proc"
)

// The package managers that the tests run, from npm, pinned.
var managerVersions = []string{"pnpm@9.15.9", "yarn@1.22.22", "@yarnpkg/cli-dist@4.9.2"}

// managers installs the package managers once for all tests, into the
// repository's .cache folder, and returns their node_modules.
func managers(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("fetches package managers from npm: not in -short")
	}
	parent, err := filepath.Abs("../../.cache")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(parent, "managers-1")
	if isDir(dir) {
		return filepath.Join(dir, "node_modules")
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	temp, err := os.MkdirTemp(parent, "managers-")
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"install", "--no-audit", "--no-fund", "--prefix", temp}, managerVersions...)
	if out, err := exec.CommandContext(t.Context(), "npm", args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.Rename(temp, dir); err != nil && !isDir(dir) {
		t.Fatal(err)
	}
	return filepath.Join(dir, "node_modules")
}

// machine is an environment with node, npm and the named tools on its PATH.
func machine(t *testing.T, tools map[string]string) []string {
	t.Helper()
	bin := t.TempDir()
	for _, name := range []string{"node", "npm"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatalf("this test needs %s: %v", name, err)
		}
		tools[name] = path
	}
	for name, path := range tools {
		if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	return append(network(), "PATH="+bin+":/bin:/usr/bin/nowhere", "HOME="+t.TempDir())
}

// network are the settings of this machine that lead to npm.
func network() []string {
	var env []string
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"} {
		if value := os.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

func TestRealPackageManagers(t *testing.T) {
	modules := managers(t)
	manifest := `{"name":"p","version":"1.0.0","dependencies":{"make-error":"1.3.6"}}`
	for name, c := range map[string]struct {
		manager string
		tools   map[string]string
		// lock makes the lock file, as its author would.
		lock  []string
		file  string
		files []string
	}{
		"npm":    {"npm", map[string]string{}, []string{"npm", "install", "--package-lock-only"}, "package-lock.json", nil},
		"pnpm":   {"pnpm", map[string]string{"pnpm": modules + "/pnpm/bin/pnpm.cjs"}, []string{"pnpm", "install", "--lockfile-only"}, "pnpm-lock.yaml", nil},
		"yarn 1": {"yarn", map[string]string{"yarn": modules + "/yarn/bin/yarn.js"}, []string{"yarn", "install", "--ignore-scripts"}, "yarn.lock", nil},
		"yarn 4": {"yarn", map[string]string{"yarn": modules + "/@yarnpkg/cli-dist/bin/yarn.js"}, []string{"yarn", "install", "--mode=update-lockfile"}, "yarn.lock",
			[]string{".yarnrc.yml", "nodeLinker: node-modules\n"}},
		"yarn 4 of the repository": {"yarn", map[string]string{}, nil, "yarn.lock", []string{".yarnrc.yml", "yarnPath: .yarn/releases/yarn.cjs\nnodeLinker: node-modules\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			env := machine(t, c.tools)
			files := with(map[string]string{"cdk.json": "{}", "package.json": manifest}, c.files...)
			if c.lock == nil {
				release, err := os.ReadFile(modules + "/@yarnpkg/cli-dist/bin/yarn.js")
				if err != nil {
					t.Fatal(err)
				}
				files[".yarn/releases/yarn.cjs"] = string(release)
				c.lock = []string{"node", ".yarn/releases/yarn.cjs", "install", "--mode=update-lockfile"}
			}
			files[c.file] = lockFileOf(t, env, files, c.lock, c.file)
			b := &bench{t: t, env: env, cache: Cache{Dir: t.TempDir()}, now: time.Now()}
			first, second := checkout(t, ".", files), checkout(t, ".", files)
			if done := b.mustInstall(first); done.Manager != c.manager || done.Key == "" || done.Cached {
				t.Errorf("first install is %+v", done)
			}
			if done := b.mustInstall(second); !done.Cached {
				t.Errorf("second install is %+v", done)
			}
			for _, p := range []Project{first, second} {
				cmd := exec.CommandContext(t.Context(), "node", "-e", "require('make-error')")
				cmd.Dir = p.Dir
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("the dependency cannot be loaded: %v\n%s", err, out)
				}
			}
			files["package.json"] = strings.Replace(manifest, "1.3.6", "1.3.5", 1)
			_, err := b.install(checkout(t, ".", files))
			if e := wantReason(t, err, ErrInstallFailed); e.Outlook != problem.Stalls {
				t.Errorf("a lock file that does not fit does not stall: %s", e.Message)
			}
		})
	}
}

// lockFileOf makes a lock file where its author would, in a folder of its own.
func lockFileOf(t *testing.T, env []string, files map[string]string, command []string, name string) string {
	t.Helper()
	if name == "yarn.lock" {
		// So that yarn does not look for a project above.
		files = with(files, name, "")
	}
	p := checkout(t, ".", files)
	path := lookPath(command[0], env)
	cmd := exec.CommandContext(t.Context(), path, command[1:]...)
	cmd.Dir, cmd.Env = p.Dir, append(env, "YARN_ENABLE_IMMUTABLE_INSTALLS=false")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", command, err, out)
	}
	content, err := os.ReadFile(filepath.Join(p.Dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestAnOutageOfTheRegistryIsToldSoonAndMayPass(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for npm's retries: not in -short")
	}
	env := append(machine(t, map[string]string{}), "npm_config_registry=http://127.0.0.1:9/")
	lock := `{"name":"p","version":"1.0.0","lockfileVersion":3,"packages":{"":{"name":"p","version":"1.0.0","dependencies":{"make-error":"1.3.6"}},
		"node_modules/make-error":{"version":"1.3.6","integrity":"sha512-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="}}}`
	p := checkout(t, ".", map[string]string{"cdk.json": "{}", "package.json": `{"name":"p","version":"1.0.0","dependencies":{"make-error":"1.3.6"}}`, "package-lock.json": lock})
	_, err := Install(t.Context(), p, Cache{Dir: t.TempDir()}, InstallOptions{Env: env, Now: time.Now})
	e := wantReason(t, err, ErrInstallFailed, "registry could not be reached", "ECONNREFUSED")
	if e.Outlook != problem.Waits {
		t.Errorf("an outage does not pass by itself: %+v", e)
	}
	if _, ok := errors.AsType[*proc.ExitError](err); !ok {
		t.Errorf("the cause is lost: %#v", e.Err)
	}
}
