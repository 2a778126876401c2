package cdk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fakeNPM behaves like `npm ci` of one small package, counts its calls, and
// does what the variables of its environment ask for.
const fakeNPM = `#!/bin/sh
echo run >>"$FAKE_CALLS"
[ "$1" = ci ] || { echo "npm error code EUSAGE"; exit 1; }
env >"$FAKE_CALLS.env"
rm -rf node_modules
mkdir -p node_modules/.bin node_modules/left/lib
echo "module.exports = 1" >node_modules/left/lib/index.js
printf '#!/bin/sh\necho left\n' >node_modules/left/cli.sh
chmod 755 node_modules/left/cli.sh
ln -s ../left/cli.sh node_modules/.bin/left
[ -z "$FAKE_EXTRA" ] || eval "$FAKE_EXTRA"
`

// bench is a machine with a fake npm and a cache.
type bench struct {
	t     *testing.T
	cache Cache
	calls string
	env   []string
	now   time.Time
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir := t.TempDir()
	b := &bench{t: t, cache: Cache{Dir: filepath.Join(dir, "cache")}, calls: filepath.Join(dir, "calls"), now: time.Unix(1_700_000_000, 0)}
	write(t, filepath.Join(dir, "bin", "npm"), fakeNPM)
	write(t, filepath.Join(dir, "bin", "node"), "#!/bin/sh\n")
	for _, name := range []string{"npm", "node"} {
		if err := os.Chmod(filepath.Join(dir, "bin", name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b.env = []string{"PATH=" + filepath.Join(dir, "bin") + ":/usr/bin:/bin", "HOME=" + dir, "FAKE_CALLS=" + b.calls, "AWS_SECRET_ACCESS_KEY=s3cret", "GIT_ASKPASS=/x", "SSH_AUTH_SOCK=/y"}
	return b
}

// runs counts how often npm ran.
func (b *bench) runs() int {
	content, err := os.ReadFile(b.calls)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		b.t.Fatal(err)
	}
	return strings.Count(string(content), "run")
}

func (b *bench) install(p Project) (Installed, error) {
	return Install(b.t.Context(), p, b.cache, InstallOptions{Env: b.env, Now: func() time.Time { return b.now }})
}

func (b *bench) mustInstall(p Project) Installed {
	b.t.Helper()
	done, err := b.install(p)
	if err != nil {
		b.t.Fatal(err)
	}
	return done
}

// checkout makes a project of files; a name that ends in a slash is a folder.
func checkout(t *testing.T, dir string, files map[string]string) Project {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		write(t, filepath.Join(root, name), content)
	}
	return Project{Root: root, Dir: filepath.Join(root, dir)}
}

// plain is a project that has what it needs and no more.
var plain = map[string]string{"cdk.json": `{"app":"true"}`, "package.json": `{"name":"p"}`, "package-lock.json": `{"packages":{"":{}}}`}

func with(base map[string]string, more ...string) map[string]string {
	files := map[string]string{}
	for name, content := range base {
		files[name] = content
	}
	for i := 0; i < len(more); i += 2 {
		files[more[i]] = more[i+1]
	}
	return files
}

// tree lists what is in a folder: names, contents, where links lead.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if info.Mode()&os.ModeSymlink != 0 {
			target, err := os.Readlink(path)
			found[rel] = "-> " + target
			return err
		}
		content, err := os.ReadFile(path)
		found[rel] = fmt.Sprintf("%v %s", info.Mode(), content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestInstallFillsTheCacheOnceAndRestores(t *testing.T) {
	b := newBench(t)
	first, second := checkout(t, ".", plain), checkout(t, ".", plain)
	if done := b.mustInstall(first); done.Cached || done.Manager != "npm" || done.Key == "" {
		t.Errorf("first install is %+v", done)
	}
	if done := b.mustInstall(second); !done.Cached {
		t.Errorf("second install is %+v", done)
	}
	if b.runs() != 1 {
		t.Errorf("npm ran %d times", b.runs())
	}
	if diff := cmp.Diff(tree(t, first.Dir+"/node_modules"), tree(t, second.Dir+"/node_modules")); diff != "" {
		t.Error(diff)
	}
	// The same checkout again, with something left in it.
	write(t, second.Dir+"/node_modules/stray.js", "")
	if done := b.mustInstall(second); !done.Cached {
		t.Errorf("third install is %+v", done)
	}
	if _, err := os.Stat(second.Dir + "/node_modules/stray.js"); err == nil {
		t.Error("what was left in the checkout is still there")
	}
}

func TestInstallKeyFollowsFromWhatDecides(t *testing.T) {
	b := newBench(t)
	base := b.mustInstall(checkout(t, ".", plain)).Key
	for name, files := range map[string]map[string]string{
		"the lock file":   with(plain, "package-lock.json", `{"packages":{"":{},"node_modules/x":{}}}`),
		"package.json":    with(plain, "package.json", `{"name":"q"}`),
		"npm's settings":  with(plain, ".npmrc", "legacy-peer-deps=true"),
		"a patch":         with(plain, "patches/left.patch", "-"),
		"another manager": with(plain, "npm-shrinkwrap.json", "{}", "package.json", `{"packageManager":"npm@10"}`),
	} {
		t.Run(name, func(t *testing.T) {
			if b.mustInstall(checkout(t, ".", files)).Key == base {
				t.Error("the key is the same")
			}
		})
	}
	t.Run("the sources do not", func(t *testing.T) {
		if b.mustInstall(checkout(t, ".", with(plain, "bin/app.ts", "x", "cdk.json", "{}"))).Key != base {
			t.Error("the key is another")
		}
	})
}

func TestInstallGivesScriptsNoCredentials(t *testing.T) {
	b := newBench(t)
	b.mustInstall(checkout(t, ".", plain))
	content, err := os.ReadFile(b.calls + ".env")
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"AWS_", "GIT_", "SSH_"} {
		if strings.Contains(string(content), secret) {
			t.Errorf("npm's environment has %s:\n%s", secret, content)
		}
	}
	if !strings.Contains(string(content), "CI=true") {
		t.Errorf("npm's environment has no CI:\n%s", content)
	}
}

func TestInstallRefillsWhatAProjectChanged(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"a longer file":           func(path string) error { return appendTo(path, "evil") },
		"a file of the same size": func(path string) error { return os.WriteFile(path, []byte("module.exports = 2\n"), 0o644) },
		"another permission":      func(path string) error { return os.Chmod(path, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			first := checkout(t, ".", plain)
			b.mustInstall(first)
			if err := change(first.Dir + "/node_modules/left/lib/index.js"); err != nil {
				t.Fatal(err)
			}
			second := checkout(t, ".", plain)
			if done := b.mustInstall(second); done.Cached || b.runs() != 2 {
				t.Errorf("install is %+v after %d runs, want a fresh one", done, b.runs())
			}
			content, err := os.ReadFile(second.Dir + "/node_modules/left/lib/index.js")
			if err != nil || string(content) != "module.exports = 1\n" {
				t.Errorf("content is %q, %v", content, err)
			}
			if done := b.mustInstall(checkout(t, ".", plain)); !done.Cached {
				t.Error("the cache was not filled again")
			}
		})
	}
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}
