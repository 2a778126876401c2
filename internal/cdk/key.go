package cdk

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// layout is the version of the cache's format: another one is another key.
const layout = "2"

// maxWalk bounds the files and folders that are looked at in one repository.
const maxWalk = 200_000

// What, beside the lock file and package.json, decides what an install brings;
// folders count with all that is in them.
var (
	besideFiles   = []string{".npmrc", ".yarnrc", ".yarnrc.yml", "pnpm-workspace.yaml", ".pnpmfile.cjs", ".pnpmfile.mjs"}
	besideFolders = []string{".yarn/patches", ".yarn/plugins", "patches"}
)

// dependencyKey is the digest of everything that the dependencies follow
// from: lock file, package.json of the project and its workspaces, settings
// and patches, the package manager, the node executable (its size and time,
// which is cheaper than asking for its version and as good), the platform and
// the variables that are named.
// It is errLink when one of them is a link that cannot be followed within root.
func dependencyKey(root string, k packages, workspaces []string, env, named []string) (string, error) {
	node, err := findNode(env)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(node)
	if err != nil {
		return "", fmt.Errorf("look at node: %w", err)
	}
	root, err = filepath.EvalSymlinks(root)
	if err != nil {
		return "", fmt.Errorf("look at the checkout: %w", err)
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s %s %s %s %d %d\n", layout, k.manager, runtime.GOOS, runtime.GOARCH, info.Size(), info.ModTime().UnixNano())
	for _, setting := range managerSettings(env) {
		fmt.Fprintf(h, "%q\n", setting)
	}
	for _, name := range named {
		fmt.Fprintf(h, "%s=%q\n", name, environ(env).get(name))
	}
	paths := slices.Concat([]string{k.lockFile}, besideFiles, besideFolders)
	for _, workspace := range append([]string{"."}, workspaces...) {
		paths = append(paths, filepath.Join(workspace, "package.json"), filepath.Join(workspace, ".npmrc"))
	}
	slices.Sort(paths)
	for _, path := range slices.Compact(paths) {
		if err := digestPath(h, root, k.dir, path); err != nil {
			return "", fmt.Errorf("digest the dependencies: %w", err)
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:40], nil
}

// managerSettings are the environment's settings of package managers that may
// change what is installed; places and secrets do not.
func managerSettings(env []string) []string {
	var settings []string
	for _, entry := range env {
		name, _, _ := strings.Cut(entry, "=")
		if !isRegistrySetting(name) {
			continue
		}
		neutral := []string{"cache", "config", "auth", "token", "password", "prefix", "logs"}
		name = strings.ToLower(name)
		for _, prefix := range registrySettings {
			name = strings.TrimPrefix(name, strings.ToLower(prefix))
		}
		if !slices.ContainsFunc(neutral, func(s string) bool { return strings.Contains(name, s) }) {
			settings = append(settings, entry)
		}
	}
	slices.Sort(settings)
	return settings
}

// errLink is a link of which it cannot be told what an install finds there.
var errLink = errors.New("a link that cannot be followed")

// digestPath digests a file, or a folder with all that is in it. Links are
// followed, as the package manager does. What does not exist is digested as nothing.
func digestPath(h hash.Hash, root, dir, rel string) error {
	start, err := follow(root, filepath.Join(dir, rel), rel)
	if err != nil {
		return err
	}
	return filepath.WalkDir(start, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(start, path)
		if err != nil {
			return err
		}
		name = filepath.Join(rel, name)
		if d.Type()&fs.ModeSymlink == 0 {
			return digestFile(h, path, name, d.Type(), os.Open)
		}
		return digestLink(h, root, path, name)
	})
}

// digestLink digests the file that a link of a folder leads to.
func digestLink(h hash.Hash, root, path, name string) error {
	target, err := follow(root, path, name)
	if err != nil {
		return err
	}
	info, err := os.Lstat(target)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return fmt.Errorf("%s is %w: it leads to a folder", name, errLink)
	}
	return digestFile(h, target, name, info.Mode().Type(), os.Open)
}

// follow returns where a path leads when all links are followed, or the path
// itself when nothing is there. It is errLink when that is not within root.
func follow(root, path, name string) (string, error) {
	target, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil
	}
	if err != nil {
		return "", fmt.Errorf("%s is %w: %w", name, errLink, err)
	}
	if !inside(root, target) {
		return "", fmt.Errorf("%s is %w: it leads out of the repository", name, errLink)
	}
	return target, nil
}

// digestFile digests a name and its content, which open opens; of a link,
// where it points.
func digestFile(h hash.Hash, path, name string, mode fs.FileMode, open func(string) (*os.File, error)) error {
	if mode&fs.ModeSymlink != 0 {
		target, err := os.Readlink(path)
		fmt.Fprintf(h, "link %q %q\n", name, target)
		return err
	}
	if !mode.IsRegular() {
		fmt.Fprintf(h, "other %q\n", name)
		return nil
	}
	f, err := open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	fmt.Fprintf(h, "file %q %d\n", name, info.Size())
	_, err = io.Copy(h, f)
	return err
}

// folders lists, relative to root, the folders below it for which pick says
// so; it does not look into .git and node_modules, nor follow links.
func folders(root string, pick func(path string, d fs.DirEntry) bool) ([]string, error) {
	var found []string
	seen := 0
	err := fs.WalkDir(quietTree(root), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if seen++; seen > maxWalk {
			return fmt.Errorf("more than %d files", maxWalk)
		}
		if path != "." && pick(path, d) {
			found = append(found, filepath.FromSlash(path))
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		return nil
	})
	return found, err
}
