package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// tree makes a Checkout: each file was written, and those of read were read
// after it was complete; a name that ends with a slash is a folder that was listed.
func tree(t *testing.T, read, written []string) reads {
	t.Helper()
	root := t.TempDir()
	at := time.Now().Add(-time.Hour)
	accessed := map[string]time.Time{}
	for _, name := range append(append([]string{}, read...), written...) {
		file := filepath.Join(root, filepath.FromSlash(name))
		dir := filepath.Dir(file)
		if strings.HasSuffix(name, "/") {
			dir = file
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for ; dir != root; dir = filepath.Dir(dir) {
			accessed[dir] = at
		}
		if !strings.HasSuffix(name, "/") {
			if err := os.WriteFile(file, []byte("x"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		accessed[root], accessed[file] = at, at
	}
	for _, name := range read {
		accessed[filepath.Join(root, filepath.FromSlash(name))] = at.Add(time.Second)
	}
	for path, when := range accessed {
		if err := os.Chtimes(path, when, at); err != nil {
			t.Fatal(err)
		}
	}
	return reads{Checkout: root, Since: at}
}

func TestInputsAreWhatABuildReads(t *testing.T) {
	many, tooMany := []string{}, []string{}
	for i := range 2 * maxInputs {
		many = append(many, fmt.Sprintf("services/s%d/index.ts", i))
		tooMany = append(tooMany, fmt.Sprintf("s%d/index.ts", i))
	}
	for name, c := range map[string]struct {
		project       string
		read, written []string
		want          []string
	}{
		"the project alone": {
			project: "infra", read: []string{"infra/bin/app.ts"}, written: []string{"web/index.ts", "README.md"}, want: []string{"infra"},
		},
		"a library": {
			project: "infra", read: []string{"versions.json", "lib/table/index.ts", "lib/table/src/a.ts"}, written: []string{"lib/queue/index.ts"},
			want: []string{"infra", "lib/table", "versions.json"},
		},
		"another workspace's package.json stands for itself": {
			project: "infra", read: []string{"web/package.json", "web/tsconfig.base.json"}, want: []string{"infra", "web/package.json", "web/tsconfig.base.json"},
		},
		"what npm put there does not count": {
			project: "infra", read: []string{"node_modules/a/index.js", ".git/HEAD"}, want: []string{"infra"},
		},
		"a file beside the project": {
			project: "apps/infra", read: []string{"apps/shared.ts"}, written: []string{"apps/web/index.ts"}, want: []string{"apps/infra", "apps/shared.ts"},
		},
		"a folder of folders that was listed": {
			project: "infra", read: []string{"services/", "services/a/index.ts"}, written: []string{"services/b/README.md", "web/index.ts"},
			want: []string{"infra", "services"},
		},
		"the folders around the project were listed, as every search does": {
			project: "apps/infra", read: []string{"./", "apps/"}, written: []string{"apps/web/index.ts"}, want: []string{"apps/infra"},
		},
		"a lock file above the project, with what may appear beside it": {
			project: "apps/infra", written: []string{"package-lock.json", "apps/infra/cdk.json"},
			want: []string{
				"apps/infra",
				"{package.json,package-lock.json,npm-shrinkwrap.json,pnpm-lock.yaml,yarn.lock,.npmrc,.yarnrc,.yarnrc.yml,pnpm-workspace.yaml,.pnpmfile.cjs,.pnpmfile.mjs}",
				"{.yarn/patches,.yarn/plugins,patches}/**",
			},
		},
		"the project is the repository": {project: ".", read: []string{"lib/a.ts"}},
		"very many folders":             {project: "infra", read: many, want: []string{"infra", "services"}},
		"too many folders":              {project: "infra", read: tooMany},
		"a name that is a glob":         {project: "infra", read: []string{"web/[id]/page.ts"}},
		"a name of other bytes":         {project: "infra", read: []string{"web/\xe9t\xe9/page.ts"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := tree(t, c.read, c.written)
			got := r.inputs(filepath.Join(r.Checkout, c.project))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("inputs (-want +got):\n%s", diff)
			}
		})
	}
}

// The access times are the kernel's own.
func TestWhatIsReadIsSeen(t *testing.T) {
	root := tree(t, nil, []string{"infra/package.json", "lib/a.ts", "lib/b.ts", "services/a/index.ts", "web/index.ts", "config/versions.json"}).Checkout
	for _, dir := range []string{"lib", "services", "web", "config"} { // as a checkout leaves them: not read
		if err := os.Chtimes(filepath.Join(root, dir), time.Now().Add(-time.Hour), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	r := watchReads(root)
	if r.Since.IsZero() {
		t.Fatal("no access times are kept: is the temporary folder on a file system mounted with noatime?")
	}
	read := func(name string) {
		if _, err := os.ReadFile(filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	read("infra/package.json")
	read("lib/a.ts")
	if _, err := os.ReadDir(filepath.Join(root, "services")); err != nil {
		t.Fatal(err)
	}
	// Neither a later write nor a new file hides that it was read before.
	read("config/versions.json")
	time.Sleep(fileTick)
	for _, name := range []string{"config/versions.json", "services/new"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte("y"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got := r.inputs(filepath.Join(root, "infra"))
	if want := []string{"config", "infra", "lib", "services"}; !slices.Equal(got, want) {
		t.Errorf("inputs %q, want %q", got, want)
	}
}

func TestWithoutAccessTimesEveryCommitCounts(t *testing.T) {
	root := tree(t, nil, []string{"infra/package.json", "lib/a.ts"}).Checkout
	if got := (reads{Checkout: root}).inputs(filepath.Join(root, "infra")); got != nil {
		t.Errorf("inputs %q, want none", got)
	}
}
