package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// How much is read of a file, in bytes: of one that a person writes, and of one
// that the CDK writes.
const (
	maxWritten   = 1 << 20
	maxGenerated = 64 << 20
)

// app is what is known of a CDK app in a working copy.
type app struct {
	// folder is that of cdk.json, absolute and without links.
	folder string
	// top is the root of the working copy, or the app's folder where there is
	// none: nothing outside of it is read. inside is the app's folder in it, with
	// slashes, "." for the top itself.
	top    *os.Root
	inside string
	copy   workingCopy
	// app is the command of cdk.json, and output the folder of the assembly.
	command, output string
	name            string
	// notes are what the operator will stumble over.
	notes []string
}

// readApp reads the app of a folder. Nothing of it is run.
func readApp(ctx context.Context, folder string) (*app, error) {
	real, err := filepath.Abs(folder)
	if err == nil {
		real, err = filepath.EvalSymlinks(real)
	}
	if err != nil {
		return nil, fmt.Errorf("there is no folder %s", folder)
	}
	a := &app{folder: real, inside: "."}
	top := real
	if a.copy, err = readWorkingCopy(ctx, real); err != nil {
		return nil, err
	}
	if inside, err := filepath.Rel(a.copy.top, real); a.copy.top != "" && err == nil && filepath.IsLocal(inside) {
		top, a.inside = a.copy.top, filepath.ToSlash(inside)
	}
	if a.top, err = os.OpenRoot(top); err != nil {
		return nil, fmt.Errorf("open %s: %w", folder, err)
	}
	if err := errors.Join(a.readSettings(folder), a.readPackage()); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

func (a *app) close() { _ = a.top.Close() }

// read reads a file of the app's folder. Links are followed inside of the working
// copy only, and a pipe or a device keeps nobody waiting.
func (a *app) read(name string, most int64) ([]byte, error) {
	name = path.Join(a.inside, name)
	info, err := a.top.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, err
	case err != nil:
		// A path that leads out of the root is what it says in other words.
		return nil, fmt.Errorf("%s is not read: it, a link on the way to it, or \"output\" in cdk.json leads out of the repository, or you may not read it", name)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no file", name)
	case info.Size() > most:
		return nil, fmt.Errorf("%s has %d bytes, which is more than %d", name, info.Size(), most)
	}
	file, err := a.top.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, most))
	return bytes.TrimPrefix(data, []byte("\ufeff")), err
}

// readSettings reads cdk.json, which makes a folder that of an app.
func (a *app) readSettings(folder string) error {
	data, err := a.read("cdk.json", maxWritten)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is no CDK app: it has no cdk.json. Name the folder that has one: kubectl cdk init FOLDER", folder)
	}
	if err != nil {
		return err
	}
	var s struct {
		App    json.RawMessage `json:"app"`
		Output string          `json:"output"`
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("cdk.json is not valid: %s", whereInJSON(data, err))
	}
	a.output = "cdk.out"
	if s.Output != "" {
		a.output = filepath.ToSlash(s.Output)
	}
	_ = json.Unmarshal(s.App, &a.command) // a list of words is a command, too
	if len(s.App) == 0 {
		a.notes = append(a.notes, `cdk.json has no "app": the operator does not know how to run it. Add the command, for example "app": "npx ts-node bin/app.ts"`)
	}
	if tool, _, _ := strings.Cut(a.command, " "); strings.HasPrefix(tool, "python") || tool == "mvn" || tool == "dotnet" || tool == "go" {
		a.notes = append(a.notes, fmt.Sprintf("the app is run with %s: this operator builds apps for Node.js only", tool))
	}
	if info, err := a.top.Stat(path.Join(a.inside, filepath.ToSlash(a.command))); a.command != "" && err == nil && info.IsDir() {
		a.output = filepath.ToSlash(a.command) // an assembly stands in the place of a command
	}
	return nil
}

// whereInJSON says where a text stops being JSON.
func whereInJSON(data []byte, err error) string {
	var offset int64
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = syntax.Offset
	} else if value, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Sprintf("%q cannot be a %s", value.Field, value.Value)
	}
	before := data[:min(max(offset-1, 0), int64(len(data)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n')
	text := fmt.Sprintf("line %d, column %d: %s", line, column, err)
	if at := data[len(before):]; len(at) > 0 && (at[0] == '/' || at[0] == '#') {
		text += ". JSON has no comments: take them out"
	}
	return text
}

// lockFiles are those that the operator installs by.
var lockFiles = []string{"package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock"}

// readPackage reads package.json, and looks for what the operator needs beside it.
func (a *app) readPackage() error {
	data, err := a.read("package.json", maxWritten)
	if errors.Is(err, fs.ErrNotExist) {
		a.notes = append(a.notes, "there is no package.json beside cdk.json: the operator installs the app's dependencies by it")
		return nil
	}
	if err != nil {
		return err
	}
	var p struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return fmt.Errorf("package.json is not valid: %s", whereInJSON(data, err))
	}
	a.name = p.Name
	for folder := a.inside; ; folder = path.Dir(folder) {
		for _, file := range lockFiles {
			if _, err := a.top.Stat(path.Join(folder, file)); err == nil {
				return nil
			}
		}
		if folder == "." {
			break
		}
	}
	a.notes = append(a.notes, "there is no lock file, and the operator builds nothing without one (MissingLockFile): run npm install, and commit package-lock.json")
	return nil
}

// listTime bounds the app's own synthesis.
const listTime = 10 * time.Minute

// runList has the project's own CDK run the app, which leaves a new assembly.
func (a *app) runList(ctx context.Context) error {
	command := ""
	for folder := a.inside; command == ""; folder = path.Dir(folder) {
		candidate := filepath.Join(a.top.Name(), filepath.FromSlash(folder), "node_modules", ".bin", "cdk")
		if _, err := os.Stat(candidate); err == nil {
			command = candidate
		}
		if folder == "." {
			break
		}
	}
	if command == "" {
		return errors.New("the project's own cdk is not installed (node_modules/.bin/cdk): install its dependencies, for example with npm ci, or name the stacks with --stack")
	}
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	run := exec.CommandContext(ctx, command, "list")
	run.Dir = a.folder
	run.WaitDelay = time.Second
	said := &tailed{most: 4 << 10}
	run.Stdout, run.Stderr = said, said
	if err := run.Run(); err != nil {
		return fmt.Errorf("the app could not be run (cdk list: %w): %s", err, strings.TrimSpace(said.String()))
	}
	return nil
}

// tailed keeps the end of what is written to it.
type tailed struct {
	most int
	kept []byte
}

func (t *tailed) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - t.most; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

func (t *tailed) String() string { return string(t.kept) }
