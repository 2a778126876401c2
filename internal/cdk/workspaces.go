package cdk

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// hasWorkspaces tells whether an install makes more than one node_modules.
func (k packages) hasWorkspaces() bool {
	return readManifest(k.dir).Workspaces != nil || isFile(filepath.Join(k.dir, "pnpm-workspace.yaml"))
}

// workspaces lists the folders below a workspace root that have a
// package.json: all that may be workspaces.
func (k packages) workspaces() ([]string, error) {
	if !k.hasWorkspaces() {
		return nil, nil
	}
	files, err := folders(k.dir, func(_ string, d fs.DirEntry) bool { return d.Name() == "package.json" && !d.IsDir() })
	if err != nil {
		return nil, fmt.Errorf("look for workspaces: %w", err)
	}
	for i, file := range files {
		files[i] = filepath.Dir(file)
	}
	return slices.DeleteFunc(files, func(dir string) bool { return dir == "." }), nil
}

// trees lists the node_modules folders for which pick says so, relative to
// dir; without workspaces, of dir's own only.
func (k packages) trees(pick func(tree string) bool) ([]string, error) {
	if !k.hasWorkspaces() {
		if info, err := os.Lstat(filepath.Join(k.dir, "node_modules")); err != nil || !info.IsDir() || !pick("node_modules") {
			return nil, nil
		}
		return []string{"node_modules"}, nil
	}
	found, err := folders(k.dir, func(path string, d fs.DirEntry) bool {
		return d.IsDir() && d.Name() == "node_modules" && pick(filepath.FromSlash(path))
	})
	if err != nil {
		return nil, fmt.Errorf("look for installed dependencies: %w", err)
	}
	return found, nil
}

// manages tells whether a node_modules folder is the package manager's: it is
// beside the package.json of the root or of a workspace. Another one may be
// part of the repository, as that of a Lambda function or layer often is.
func (k packages) manages(tree string) bool {
	dir := filepath.Dir(tree)
	return dir == "." || k.isWorkspace(dir)
}

// isWorkspace tells whether a folder is a workspace. The lock files of pnpm
// and yarn 2 tell; npm's also names other folders, and yarn 1's none.
func (k packages) isWorkspace(dir string) bool {
	if !filepath.IsLocal(dir) || !isFile(filepath.Join(k.dir, dir, "package.json")) {
		return false
	}
	if k.manager == "pnpm" || k.berry() {
		return k.names(filepath.ToSlash(dir))
	}
	return readManifest(k.dir).hasWorkspace(filepath.ToSlash(dir))
}

// hasWorkspace tells whether the globs of "workspaces" name a folder: the last
// one that matches decides, and one that begins with ! excludes.
func (m manifest) hasWorkspace(dir string) bool {
	found := false
	for _, glob := range m.workspaceGlobs() {
		glob, excludes := strings.CutPrefix(glob, "!")
		// "./packages/*/" is "packages/*".
		if ok, err := doublestar.Match(path.Clean("/"+glob), "/"+dir); ok && err == nil {
			found = !excludes
		}
	}
	return found
}

// workspaceGlobs are the globs of "workspaces", which is a list, or an object
// of yarn 1 that has one.
func (m manifest) workspaceGlobs() []string {
	var globs []string
	if json.Unmarshal(m.Workspaces, &globs) == nil {
		return globs
	}
	var object struct {
		Packages []string `json:"packages"`
	}
	_ = json.Unmarshal(m.Workspaces, &object)
	return object.Packages
}
