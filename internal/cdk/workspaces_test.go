package cdk

import (
	"os"
	"path/filepath"
	"testing"
)

// vendoring is a repository of workspaces with dependencies of Lambda
// functions and layers that are committed and published as they are.
var vendoring = map[string]string{
	"cdk.json": `{}`, "package.json": `{"workspaces":["packages/*"]}`, "package-lock.json": `{"packages":{"":{},"packages/lib":{}}}`,
	"packages/lib/package.json":                   `{}`,
	"packages/lib/node_modules/stale.js":          "left by somebody",
	"functions/hello/package.json":                `{"dependencies":{"dep":"1"}}`,
	"functions/hello/node_modules/dep/index.js":   "of the first commit",
	"layers/common/nodejs/node_modules/util/x.js": "layer",
}

func TestInstallLeavesCommittedDependenciesAlone(t *testing.T) {
	for name, cached := range map[string]bool{"with a cache": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.env = append(b.env, "FAKE_EXTRA=mkdir -p packages/lib/node_modules && echo 2 >packages/lib/node_modules/x.js")
			if !cached {
				b.cache = Cache{}
			}
			for i, dep := range []string{"of the first commit", "of the second commit"} {
				p := checkout(t, ".", with(vendoring, "functions/hello/node_modules/dep/index.js", dep))
				if done := b.mustInstall(p); done.Cached != (cached && i > 0) {
					t.Errorf("install %d is %+v", i+1, done)
				}
				wantFile(t, p.Root+"/functions/hello/node_modules/dep/index.js", dep)
				wantFile(t, p.Root+"/layers/common/nodejs/node_modules/util/x.js", "layer")
				wantFile(t, p.Root+"/packages/lib/node_modules/x.js", "2\n")
				if isFile(p.Root + "/packages/lib/node_modules/stale.js") {
					t.Error("a workspace's node_modules was not cleared")
				}
			}
		})
	}
}

func TestAWorkspaceIsTheSameWithTheCacheAndWithout(t *testing.T) {
	b := newBench(t)
	for i := range 2 {
		p := checkout(t, ".", vendoring)
		if done := b.mustInstall(p); done.Cached != (i > 0) {
			t.Errorf("install %d is %+v", i+1, done)
		}
		if isFile(p.Root + "/packages/lib/node_modules/stale.js") {
			t.Errorf("install %d leaves a workspace's node_modules that the package manager does not make", i+1)
		}
	}
}

func TestCommittedDependenciesAreNotCached(t *testing.T) {
	b := newBench(t)
	b.mustInstall(checkout(t, ".", vendoring))
	p := checkout(t, ".", vendoring)
	for _, dir := range []string{"functions/hello/node_modules", "layers/common/nodejs/node_modules"} {
		if err := os.RemoveAll(filepath.Join(p.Root, dir)); err != nil {
			t.Fatal(err)
		}
	}
	if done := b.mustInstall(p); !done.Cached {
		t.Fatalf("install is %+v", done)
	}
	for _, dir := range []string{"functions/hello/node_modules", "layers/common/nodejs/node_modules"} {
		if isDir(filepath.Join(p.Root, dir)) {
			t.Errorf("a commit without %s got one of another commit", dir)
		}
	}
}

func TestWhichFoldersAreWorkspaces(t *testing.T) {
	for name, c := range map[string]struct {
		lock, content, workspaces string
		is, isNot                 []string
	}{
		"npm": {lock: "package-lock.json", content: `{"packages":{"":{},"packages/a":{},"other/b":{}}}`, workspaces: `["packages/*"]`,
			is: []string{"packages/a"}, isNot: []string{"other/b", "packages/a/deep", "packages/empty", "../packages/a"}},
		"npm with one left out":   {lock: "package-lock.json", workspaces: `["./packages/**/","!packages/a"]`, is: []string{"packages/a/deep"}, isNot: []string{"packages/a"}},
		"yarn 1":                  {lock: "yarn.lock", workspaces: `{"packages":["other/b"],"nohoist":["**"]}`, is: []string{"other/b"}, isNot: []string{"packages/a"}},
		"yarn 4":                  {lock: "yarn.lock", content: "__metadata:\n  version: 8\n\n\"a@workspace:packages/a\":\n", workspaces: `["*/*"]`, is: []string{"packages/a"}, isNot: []string{"other/b"}},
		"pnpm":                    {lock: "pnpm-lock.yaml", content: "importers:\n\n  .: {}\n\n  packages/a:\n    dependencies: {}\n", is: []string{"packages/a"}, isNot: []string{"other/b"}},
		"globs that are not ones": {lock: "package-lock.json", workspaces: `["packages/[a", "other/b"]`, is: []string{"other/b"}, isNot: []string{"packages/a"}},
	} {
		t.Run(name, func(t *testing.T) {
			manifest := "{}"
			if c.workspaces != "" {
				manifest = `{"workspaces":` + c.workspaces + `}`
			}
			p := checkout(t, ".", map[string]string{"package.json": manifest, c.lock: c.content, "packages/empty/x": "",
				"packages/a/package.json": "{}", "packages/a/deep/package.json": "{}", "other/b/package.json": "{}"})
			k, err := detect(p)
			if err != nil {
				t.Fatal(err)
			}
			for _, dir := range c.is {
				if !k.isWorkspace(dir) {
					t.Errorf("%s is not a workspace", dir)
				}
			}
			for _, dir := range c.isNot {
				if k.isWorkspace(dir) {
					t.Errorf("%s is a workspace", dir)
				}
			}
		})
	}
}

func wantFile(t *testing.T, path, want string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil || string(content) != want {
		t.Errorf("%s is %q, %v; want %q", path, content, err, want)
	}
}
