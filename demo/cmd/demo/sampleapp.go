package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"awscdk.dev/operator/internal/git/gittest"
)

// appPath is where the repository holds the sample app.
const appPath = "sample-app"

const (
	// settingsFile is the file of the sample app that the demo's second commit changes.
	settingsFile = "lib/settings.ts"
	// stackFile is the one that its third commit changes.
	stackFile = "lib/web-app-stack.ts"
)

// notSource are folders of a checked-out app that no repository holds.
var notSource = map[string]bool{"node_modules": true, "cdk.out": true, ".git": true}

// sampleApp is the sample app in a repository that the git server serves.
type sampleApp struct {
	repo  *gittest.Repo
	files map[string]string
}

// publishApp makes a repository whose first commit holds the app in dir.
func publishApp(dir, repoDir string) (*sampleApp, string, error) {
	files, err := sourceFiles(dir)
	if err != nil {
		return nil, "", fmt.Errorf("read the sample app: %w", err)
	}
	repo, err := gittest.NewRepo(repoDir)
	if err != nil {
		return nil, "", fmt.Errorf("make a repository: %w", err)
	}
	app := &sampleApp{repo: repo, files: files}
	revision, err := app.commit(files, "Build the web application")
	return app, revision, err
}

// change commits an edit that a colleague might make on an ordinary day.
func (a *sampleApp) change() (revision string, err error) {
	return a.edit(settingsFile, "Give jobs more time", "jobTimeoutSeconds: 30", "jobTimeoutSeconds: 45", "version 1", "version 2")
}

// replaceTable commits an edit that looks as harmless: tables cannot change their key, so the
// table is replaced, and what was in it is gone.
func (a *sampleApp) replaceTable() (revision string, err error) {
	return a.edit(stackFile, "Give orders a key of their own", "partitionKey: { name: 'id'", "partitionKey: { name: 'orderId'")
}

// edit commits a file with old texts replaced by new ones, in pairs.
func (a *sampleApp) edit(file, message string, pairs ...string) (revision string, err error) {
	before := a.files[file]
	after := strings.NewReplacer(pairs...).Replace(before)
	if after == before {
		return "", fmt.Errorf("%s does not hold what the demo changes", file)
	}
	return a.commit(map[string]string{file: after}, message)
}

func (a *sampleApp) commit(files map[string]string, message string) (string, error) {
	inRepo := make(map[string]string, len(files))
	for path, content := range files {
		inRepo[appPath+"/"+path] = content
	}
	revision, err := a.repo.Commit(inRepo, message)
	if err != nil {
		return "", fmt.Errorf("commit %q: %w", message, err)
	}
	return revision, nil
}

// sourceFiles reads what a repository of the app would hold, by slash-separated path.
func sourceFiles(dir string) (map[string]string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	files := map[string]string{}
	err = filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && notSource[entry.Name()]:
			return filepath.SkipDir
		case !entry.Type().IsRegular():
			return nil
		}
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		content, err := root.ReadFile(relative)
		files[filepath.ToSlash(relative)] = string(content)
		return err
	})
	if err == nil && files["package-lock.json"] == "" {
		err = errors.New("package-lock.json is missing")
	}
	return files, err
}
