package runner

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/internal/cdk"
)

// The bounds of Plan.Inputs, which are globs of a later inspection.
const (
	maxInputs      = 50
	maxInputLength = 256
	// maxInputWalk bounds the files and folders that are looked at.
	maxInputWalk = 200_000
	// fileTick is more than the step in which the kernel counts file times:
	// 10 ms at most, with HZ=100.
	fileTick = 15 * time.Millisecond
)

// reads tells what is read of a checkout from a moment on. The zero value
// cannot tell.
type reads struct {
	Checkout string    `json:"checkout,omitempty"`
	Since    time.Time `json:"since,omitzero"`
}

// watchReads begins to watch a checkout that is complete. What is read is seen
// by the access times, which Linux sets at the first read after a write
// (relatime, see mount(8)); whether they are kept is tried beside the checkout.
func watchReads(checkout string) reads {
	probe, err := os.MkdirTemp(filepath.Dir(checkout), "probe-")
	if err != nil {
		return reads{}
	}
	defer os.RemoveAll(probe)
	file := filepath.Join(probe, "file")
	if os.WriteFile(file, []byte("x"), 0o600) != nil {
		return reads{}
	}
	written, err := os.Lstat(file)
	if err != nil {
		return reads{}
	}
	r := reads{checkout, written.ModTime()}
	time.Sleep(fileTick)
	_, errFile := os.ReadFile(file)
	_, errDir := os.ReadDir(probe)
	if errFile != nil || errDir != nil || !r.sawFile(file) || !r.sawFile(probe) {
		return reads{}
	}
	return r
}

func (r reads) sawFile(name string) bool {
	info, err := os.Lstat(name)
	return err == nil && r.saw(info)
}

// saw says whether a file, link or folder was read, or made, since.
func (r reads) saw(info fs.FileInfo) bool { return accessTime(info).After(r.Since) }

// inputs are the paths of the checkout that the build of a project follows
// from: its folder, the lock file above it with what belongs to that and, of
// what lies beside it, the folders that were listed or of which a file was
// read; of links, of files that describe packages and of files in a folder
// around the project, those alone. That the folders around the project were
// listed says nothing: every search for a package does that.
//
// It is nil when the project is the whole repository, or it cannot be told.
func (r reads) inputs(project string) []string {
	rel, err := filepath.Rel(r.Checkout, project)
	if err != nil || rel == "." || !filepath.IsLocal(rel) || r.Since.IsZero() {
		return nil
	}
	rel = filepath.ToSlash(rel)
	found := []string{rel}
	seen := 0
	err = fs.WalkDir(os.DirFS(r.Checkout), ".", func(name string, d fs.DirEntry, err error) error {
		if seen++; err != nil || seen > maxInputWalk {
			return fs.ErrInvalid
		}
		if d.IsDir() && (name == rel || d.Name() == ".git" || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		info, err := d.Info()
		if err == nil && r.saw(info) {
			found = append(found, input(name, rel, d)...)
		}
		return err
	})
	if err != nil {
		return nil
	}
	found = fold(found)
	if len(found) > maxInputs {
		for i, p := range found {
			found[i], _, _ = strings.Cut(p, "/")
		}
		found = fold(found)
	}
	if len(found) > maxInputs || slices.ContainsFunc(found, notPlain) {
		return nil
	}
	return append(found, cdk.Project{Root: r.Checkout, Dir: project}.DependencyGlobs()...)
}

// input is what counts when a file or folder was read, nothing for some.
func input(name, project string, d fs.DirEntry) []string {
	around := func(dir string) bool { return dir == "." || strings.HasPrefix(project, dir+"/") }
	dir, base := path.Dir(name), path.Base(name)
	switch manifest := base == "package.json" || (strings.HasPrefix(base, "tsconfig") && path.Ext(base) == ".json"); {
	case d.IsDir() && around(name):
		return nil
	case d.IsDir() || manifest || around(dir) || d.Type()&fs.ModeSymlink != 0:
		return []string{name}
	}
	return []string{dir} // a new file in there is one that may be read next time
}

// fold sorts paths and drops those that are in the folder of another.
func fold(paths []string) []string {
	slices.Sort(paths)
	var kept []string
	for _, p := range slices.Compact(paths) {
		if !slices.ContainsFunc(kept, func(k string) bool { return strings.HasPrefix(p, k+"/") }) {
			kept = append(kept, p)
		}
	}
	return kept
}

// notPlain says whether a path means something else as a glob.
func notPlain(p string) bool {
	return len(p) > maxInputLength || strings.ContainsAny(p, "*?[]{}\\,") || strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' })
}
