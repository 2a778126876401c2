package cdk

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/redact"
)

func TestInstallDoesNotCacheWhatItCannotRepeat(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		extra string
		note  string
	}{
		"a project with its own install script": {with(plain, "package.json", `{"scripts":{"postinstall":"node build.js"}}`), "", "postinstall"},
		"a workspace with one":                  {with(plain, "package.json", `{"workspaces":["lib"]}`, "lib/package.json", `{"scripts":{"prepare":"tsc"}}`), "", "prepare"},
		"a folder that npm links to":            {with(plain, "package-lock.json", `{"packages":{"":{},"lib":{},"node_modules/lib":{"resolved":"lib","link":true}}}`, "lib/package.json", "{}"), "", "(file:)"},
		"a folder that npm copies":              {with(plain, "package-lock.json", `{"packages":{"":{},"node_modules/lib":{"resolved":"file:lib"}}}`), "", "(file:)"},
		"a folder above, beside workspaces":     {with(plain, "package.json", `{"workspaces":["*/*"]}`, "package-lock.json", `{"packages":{"":{},"node_modules/lib":{"resolved":"../lib","link":true}}}`), "", "(file:)"},
		"a folder in a lock file of npm 6":      {with(plain, "package-lock.json", `{"lockfileVersion":1,"dependencies":{"lib":{"version":"file:lib"}}}`), "", "(file:)"},
		"an absolute link":                      {plain, "ln -s /etc node_modules/etc", "node_modules/etc"},
		"a pipe":                                {plain, "mkfifo node_modules/pipe", "node_modules/pipe"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.env = append(b.env, "FAKE_EXTRA="+c.extra)
			for range 2 {
				p := checkout(t, ".", c.files)
				done := b.mustInstall(p)
				if done.Cached || !strings.Contains(done.Note, c.note) {
					t.Errorf("install is %+v", done)
				}
				if !isFile(p.Dir + "/node_modules/left/lib/index.js") {
					t.Error("the dependencies are not there")
				}
			}
			if b.runs() != 2 {
				t.Errorf("npm ran %d times", b.runs())
			}
		})
	}
}

func TestInstallOfAFolderBuildsItEachTime(t *testing.T) {
	env := machine(t, map[string]string{})
	files := map[string]string{"cdk.json": "{}", "package.json": `{"name":"p","version":"1.0.0","dependencies":{"lib":"file:./lib"}}`,
		"lib/package.json": `{"name":"lib","version":"1.0.0","scripts":{"prepare":"cp source.js built.js"}}`, "lib/source.js": "1"}
	files["package-lock.json"] = lockFileOf(t, env, files, []string{"npm", "install", "--package-lock-only"}, "package-lock.json")
	b := &bench{t: t, env: env, cache: Cache{Dir: t.TempDir()}, now: time.Now()}
	for _, source := range []string{"1", "2"} {
		p := checkout(t, ".", with(files, "lib/source.js", source))
		b.mustInstall(p)
		wantFile(t, p.Dir+"/node_modules/lib/built.js", source)
	}
}

func TestInstallCachesFilesOfTheRepositoryThatTheLockFileKnows(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"an archive": with(plain, "package-lock.json", `{"packages":{"":{},"node_modules/lib":{"resolved":"file:lib-1.0.0.tgz","integrity":"sha512-x"}}}`),
		"a workspace": with(plain, "package.json", `{"workspaces":["lib"]}`, "lib/package.json", "{}",
			"package-lock.json", `{"packages":{"":{},"lib":{},"node_modules/lib":{"resolved":"lib","link":true}},"dependencies":{"lib":{"version":"file:lib"}}}`),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.mustInstall(checkout(t, ".", files))
			if done := b.mustInstall(checkout(t, ".", files)); !done.Cached {
				t.Errorf("install is %+v", done)
			}
		})
	}
}

func TestInstallCachesAProjectThatSetsUpHusky(t *testing.T) {
	b := newBench(t)
	files := with(plain, "package.json", `{"scripts":{"prepare":"husky","test":"jest"}}`)
	b.mustInstall(checkout(t, ".", files))
	if done := b.mustInstall(checkout(t, ".", files)); !done.Cached {
		t.Errorf("install is %+v", done)
	}
}

func TestInstallOfAWorkspaceRestoresAllOfIt(t *testing.T) {
	b := newBench(t)
	b.env = append(b.env, "FAKE_EXTRA=mkdir -p infra/node_modules && echo 2 >infra/node_modules/x.js && ln -s ../infra node_modules/infra")
	files := map[string]string{
		"package.json": `{"workspaces":["infra"]}`, "package-lock.json": `{"packages":{"":{},"infra":{}}}`,
		"infra/package.json": `{}`, "infra/cdk.json": `{}`,
	}
	b.mustInstall(checkout(t, "infra", files))
	p := checkout(t, "infra", files)
	done := b.mustInstall(p)
	if !done.Cached || done.Dir != p.Root {
		t.Errorf("install is %+v", done)
	}
	for _, path := range []string{"infra/node_modules/x.js", "node_modules/infra/cdk.json"} {
		if !isFile(filepath.Join(p.Root, path)) {
			t.Errorf("%s is not there", path)
		}
	}
}

func TestInstallRefusesAWorkspaceThatLeadsOut(t *testing.T) {
	b := newBench(t)
	b.env = append(b.env, "FAKE_EXTRA=mkdir -p infra/node_modules && echo 2 >infra/node_modules/x.js")
	files := map[string]string{
		"package.json": `{"workspaces":["infra"]}`, "package-lock.json": `{}`, "cdk.json": `{}`,
	}
	first := checkout(t, ".", files)
	if err := os.Mkdir(first.Root+"/infra", 0o755); err != nil {
		t.Fatal(err)
	}
	b.mustInstall(first)
	outside := t.TempDir()
	write(t, outside+"/node_modules/precious", "")
	second := checkout(t, ".", files)
	if err := os.Symlink(outside, second.Root+"/infra"); err != nil {
		t.Fatal(err)
	}
	_, err := b.install(second)
	wantReason(t, err, ErrInvalidProjectPath, "infra/node_modules")
	if !isFile(outside + "/node_modules/precious") {
		t.Error("a file outside of the checkout is gone")
	}
}

func TestInstallsOfTheSameKeyAtOnceRunNpmOnce(t *testing.T) {
	b := newBench(t)
	b.env = append(b.env, "FAKE_EXTRA=sleep 0.3")
	var wg sync.WaitGroup
	cached := make([]bool, 4)
	for i := range cached {
		p := checkout(t, ".", plain)
		wg.Go(func() {
			done, err := b.install(p)
			if err != nil {
				t.Error(err)
			}
			cached[i] = done.Cached
		})
	}
	wg.Wait()
	hits := 0
	for _, hit := range cached {
		if hit {
			hits++
		}
	}
	if b.runs() != 1 || hits != 3 {
		t.Errorf("npm ran %d times, %d were restored", b.runs(), hits)
	}
}

func TestInstallWaitsForAnotherOnlyAsLongAsItMay(t *testing.T) {
	b := newBench(t)
	key := b.mustInstall(checkout(t, ".", plain)).Key
	release, err := b.cache.tryLock(key, syscall.LOCK_EX)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = Install(ctx, checkout(t, ".", plain), b.cache, InstallOptions{Env: b.env, Now: time.Now})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
}

func TestInstallErrorsTellWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		dir    string
		files  map[string]string
		extra  string
		reason *problem.Kind
		stalls bool
		parts  []string
	}{
		"no folder":              {"infra", plain, "", ErrInvalidProjectPath, true, []string{`"infra"`, "spec.path"}},
		"a file for a folder":    {"package.json", plain, "", ErrInvalidProjectPath, true, []string{"not a folder"}},
		"no cdk.json":            {".", map[string]string{"package.json": "{}"}, "", ErrInvalidProjectPath, true, []string{"cdk.json"}},
		"no lock file":           {"infra", map[string]string{"infra/cdk.json": "{}", "infra/package.json": "{}"}, "", ErrMissingLockFile, true, []string{"npm install", `"infra"`}},
		"a lock file of another": {"infra", with(plain, "infra/cdk.json", "{}", "infra/package.json", "{}"), "", ErrMissingLockFile, true, []string{"infra", "package-lock.json"}},
		"pnpm is not there":      {".", map[string]string{"cdk.json": "{}", "package.json": "{}", "pnpm-lock.yaml": "x"}, "", ErrInstallFailed, true, []string{"pnpm", "PATH", "packageManager"}},
		"the registry is down": {".", plain, "echo 'npm error code ECONNREFUSED'; exit 1", ErrInstallFailed, false,
			[]string{"registry could not be reached", "ECONNREFUSED"}},
		"a package that the registry does not show": {".", plain, "echo 'npm error code E404'; echo 'npm error 404 Not Found - GET https://npm.example.com/@our%2flib'; exit 1", ErrInstallFailed, false,
			[]string{"@our%2flib", "token", "expired", "published", "tried again"}},
		"the same with pnpm's words": {".", plain, "echo ' ERR_PNPM_FETCH_404  GET https://npm.example.com/@our%2Flib: Not Found - 404'; exit 1", ErrInstallFailed, false,
			[]string{"@our%2Flib", "token", "published"}},
		"a lock file that is out of date": {".", plain, "echo 'npm error code EUSAGE'; exit 1", ErrInstallFailed, true, []string{"EUSAGE", "exit code 1", "commit the lock file (package-lock.json"}},
		"a script that fails":             {".", plain, "echo 'gyp ERR! build error'; exit 1", ErrInstallFailed, false, []string{"gyp ERR!"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.env = append(b.env, "FAKE_EXTRA="+c.extra)
			_, err := b.install(checkout(t, c.dir, c.files))
			if e := wantReason(t, err, c.reason, c.parts...); (e.Outlook == problem.Stalls) != c.stalls {
				t.Errorf("the outlook is %s", e.Outlook)
			}
		})
	}
}

func TestInstallErrorsAreBoundedAndRedacted(t *testing.T) {
	b := newBench(t)
	b.env = append(b.env, "FAKE_EXTRA=i=0; while [ $i -lt 900 ]; do echo token-4711 $i; i=$((i+1)); done; exit 1")
	var log bytes.Buffer
	_, err := Install(t.Context(), checkout(t, ".", plain), b.cache, InstallOptions{
		Env: b.env, Now: time.Now, Log: io.Writer(&log),
		Redact: redact.New("token-4711"),
	})
	e := wantReason(t, err, ErrInstallFailed, "*** 899")
	if strings.Contains(e.Message, "4711") {
		t.Errorf("the message has the secret:\n%s", e.Message)
	}
	if strings.Count(log.String(), "\n") < 900 {
		t.Error("the log is not whole")
	}
}

func TestProjectThatIsALinkOut(t *testing.T) {
	p := checkout(t, "infra", plain)
	if err := os.Symlink(t.TempDir(), p.Dir); err != nil {
		t.Fatal(err)
	}
	wantReason(t, p.Check(), ErrInvalidProjectPath, "symbolic link")
	outside := Project{Root: p.Root, Dir: filepath.Dir(p.Root)}
	wantReason(t, outside.Check(), ErrInvalidProjectPath, "outside")
}
