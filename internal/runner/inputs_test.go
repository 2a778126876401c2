package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// tree makes a checkout: each file was written, those of read also read.
func tree(t *testing.T, read, written []string) string {
	t.Helper()
	root := t.TempDir()
	at := time.Now().Add(-time.Hour)
	for i, name := range append(append([]string{}, read...), written...) {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
		accessed := at
		if i < len(read) {
			accessed = at.Add(time.Second)
		}
		if err := os.Chtimes(file, accessed, at); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestInputsAreWhatABuildReads(t *testing.T) {
	many := []string{"infra/package.json"}
	for i := range 2 * maxInputs {
		many = append(many, fmt.Sprintf("services/s%d/index.ts", i))
	}
	tooMany := []string{"infra/package.json"}
	for i := range 2 * maxInputs {
		tooMany = append(tooMany, fmt.Sprintf("s%d/index.ts", i))
	}
	for name, c := range map[string]struct {
		project       string
		read, written []string
		want          []string
	}{
		"the project alone": {
			project: "infra", read: []string{"infra/package.json", "infra/bin/app.ts"}, written: []string{"web/index.ts", "README.md"}, want: []string{"infra"},
		},
		"a library and the lock file above": {
			project: "infra", read: []string{"infra/package.json", "package-lock.json", "lib/table/index.ts", "lib/table/src/a.ts"}, written: []string{"lib/queue/index.ts"},
			want: []string{"infra", "lib/table", "package-lock.json"},
		},
		"another workspace's package.json stands for itself": {
			project: "infra", read: []string{"infra/package.json", "web/package.json", "web/tsconfig.base.json"}, want: []string{"infra", "web/package.json", "web/tsconfig.base.json"},
		},
		"what npm put there does not count": {
			project: "infra", read: []string{"infra/package.json", "node_modules/a/index.js", ".git/HEAD"}, want: []string{"infra"},
		},
		"a folder around the project": {
			project: "apps/infra", read: []string{"apps/infra/package.json", "apps/shared.ts"}, want: []string{"apps"},
		},
		"the project is the repository": {
			project: ".", read: []string{"package.json", "lib/a.ts"},
		},
		"a file system without access times": {
			project: "infra", written: []string{"infra/package.json", "lib/a.ts"},
		},
		"no package.json": {
			project: "infra", read: []string{"infra/app.ts"},
		},
		"very many folders": {project: "infra", read: many, want: []string{"infra", "services"}},
		"too many folders":  {project: "infra", read: tooMany},
		"a name that is a glob": {
			project: "infra", read: []string{"infra/package.json", "web/[id]/page.ts"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := tree(t, c.read, c.written)
			got := inputs(root, filepath.Join(root, c.project))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("inputs (-want +got):\n%s", diff)
			}
		})
	}
}

// The access times are the kernel's: a file that is read looks read.
func TestAFileThatIsReadLooksRead(t *testing.T) {
	file := filepath.Join(tree(t, nil, []string{"a"}), "a")
	looksRead := func() bool {
		info, err := os.Lstat(file)
		if err != nil {
			t.Fatal(err)
		}
		return wasRead(info)
	}
	if looksRead() {
		t.Error("a file that was only written looks read")
	}
	if _, err := os.ReadFile(file); err != nil {
		t.Fatal(err)
	}
	if !looksRead() {
		t.Error("a file that was read does not look it: is the temporary folder on a file system mounted with noatime?")
	}
}
