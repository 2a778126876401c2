package runner

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// The bounds of Plan.Inputs, which are globs of a later inspection.
const (
	maxInputs      = 50
	maxInputLength = 256
	// maxInputWalk bounds the files and folders that are looked at.
	maxInputWalk = 200_000
)

// inputs are the paths of a checkout that a build has read: the project's
// folder and, of what lies beside it, the folders of the files that were read
// since the checkout; at the top, and of files that describe packages, the
// files alone. It is nil when the project is the whole repository, or when it
// cannot be told.
//
// What was read is seen by the access times, which Linux sets at the first
// read after a write (relatime, see mount(8)). Where they are not kept, the
// project's package.json, which every build reads, does not look read either.
func inputs(checkout, project string) []string {
	rel, err := filepath.Rel(checkout, project)
	if err != nil || rel == "." || !filepath.IsLocal(rel) {
		return nil
	}
	if info, err := os.Lstat(filepath.Join(project, "package.json")); err != nil || !wasRead(info) {
		return nil
	}
	found := []string{filepath.ToSlash(rel)}
	seen := 0
	err = filepath.WalkDir(checkout, func(name string, d fs.DirEntry, err error) error {
		if seen++; err != nil || seen > maxInputWalk {
			return fs.ErrInvalid
		}
		if d.IsDir() {
			if name == project || d.Name() == ".git" || d.Name() == "node_modules" {
				return fs.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err != nil || !wasRead(info) {
			return err
		}
		file, err := filepath.Rel(checkout, name)
		found = append(found, input(filepath.ToSlash(file)))
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
	return found
}

// input is what counts when a file was read: its folder, since a new file in
// there is one that may be read next time, or the file alone.
func input(file string) string {
	dir, name := path.Dir(file), path.Base(file)
	if dir == "." || name == "package.json" || (strings.HasPrefix(name, "tsconfig") && path.Ext(name) == ".json") {
		return file
	}
	return dir
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
