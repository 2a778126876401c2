package git

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ProjectPath returns the folder that a user's path names inside a checkout:
// ".", "stacks/app" and "./stacks/app/" are understood. An absolute path, one
// with "..", one into .git, and one that a symbolic link leads out of the
// checkout are refused, as is what is no folder; the error is of kind
// ErrProjectPath. The result holds no symbolic link.
func ProjectPath(root, path string) (string, error) {
	slashed := filepath.ToSlash(path)
	parts := strings.Split(slashed, "/")
	switch {
	case hasControl(path):
		return "", fail(ErrProjectPath, "the path %q holds a control character", path)
	case strings.HasPrefix(slashed, "/"):
		return "", fail(ErrProjectPath, "the path %q is absolute; write it from the repository's top, as in stacks/app", path)
	case slices.Contains(parts, ".."):
		return "", fail(ErrProjectPath, "the path %q leaves the repository; write it without '..'", path)
	case slices.ContainsFunc(parts, func(p string) bool { return strings.EqualFold(p, ".git") }):
		return "", fail(ErrProjectPath, "the path %q lies in git's own folder", path)
	}
	realRoot, err := filepath.EvalSymlinks(root)
	if err != nil {
		return "", failBecause(ErrProjectPath, err, "the checkout is gone")
	}
	resolved, err := filepath.EvalSymlinks(filepath.Join(realRoot, filepath.FromSlash(slashed)))
	if err != nil {
		return "", failBecause(ErrProjectPath, err, "the path %q does not exist in the repository at this revision", path)
	}
	if resolved != realRoot && !strings.HasPrefix(resolved, realRoot+string(filepath.Separator)) {
		return "", fail(ErrProjectPath, "the path %q is a symbolic link out of the repository", path)
	}
	if inside, _ := filepath.Rel(realRoot, resolved); strings.EqualFold(strings.Split(filepath.ToSlash(inside), "/")[0], ".git") {
		return "", fail(ErrProjectPath, "the path %q lies in git's own folder", path)
	}
	if info, err := os.Stat(resolved); err != nil || !info.IsDir() {
		return "", fail(ErrProjectPath, "the path %q is not a folder", path)
	}
	return resolved, nil
}
