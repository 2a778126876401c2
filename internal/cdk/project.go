package cdk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Project is a CDK project in a checkout.
type Project struct {
	// Root is the folder of the checkout, absolute.
	Root string
	// Dir is the project's folder: Root itself or inside it, absolute.
	Dir string
}

// Check tells whether there is a CDK project that may be built: a folder
// inside the checkout, also after following symbolic links, with a cdk.json.
func (p Project) Check() error {
	rel, err := p.rel()
	if err != nil {
		return err
	}
	root, err := filepath.EvalSymlinks(p.Root)
	if err != nil {
		return fmt.Errorf("look at the checkout: %w", err)
	}
	dir, err := filepath.EvalSymlinks(p.Dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return stalls(ErrInvalidProjectPath, "There is no folder %q in the repository at this revision. Set spec.path to the folder of the CDK project.", rel)
	}
	if err != nil {
		return fmt.Errorf("look at the project's folder: %w", err)
	}
	if !inside(root, dir) {
		return stalls(ErrInvalidProjectPath, "The folder %q is a symbolic link that leads out of the repository. Set spec.path to a folder inside it.", rel)
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return stalls(ErrInvalidProjectPath, "%q is not a folder. Set spec.path to the folder of the CDK project.", rel)
	}
	if !isFile(filepath.Join(dir, "cdk.json")) {
		return stalls(ErrInvalidProjectPath, "The folder %q has no cdk.json, so it is not a CDK project. Set spec.path to the folder that has one.", rel)
	}
	return nil
}

// rel is the project's folder as the user knows it, relative to the repository.
func (p Project) rel() (string, error) {
	rel, err := filepath.Rel(p.Root, p.Dir)
	if err != nil || !filepath.IsLocal(rel) {
		return "", stalls(ErrInvalidProjectPath, "The project's folder is outside the repository. Set spec.path to a folder inside it.")
	}
	return rel, nil
}

// upwards lists the folders from the project's to the repository's root.
func (p Project) upwards() []string {
	var dirs []string
	for dir := p.Dir; inside(p.Root, dir); dir = filepath.Dir(dir) {
		dirs = append(dirs, dir)
		if dir == p.Root {
			break
		}
	}
	return dirs
}

// find returns the first path that exists as a file, nearest folder first, or
// "". It follows symbolic links: node_modules/.bin is made of them.
func (p Project) find(elem ...string) string {
	for _, dir := range p.upwards() {
		if path := filepath.Join(append([]string{dir}, elem...)...); isFile(path) {
			return path
		}
	}
	return ""
}

// inside tells whether dir is root or below it.
func inside(root, dir string) bool {
	return dir == root || strings.HasPrefix(dir, strings.TrimSuffix(root, "/")+"/")
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
