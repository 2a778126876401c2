// Package gittest makes git repositories and serves them over HTTP, HTTPS and
// SSH on loopback, for tests and for the demo. It needs the git program and
// nothing else, and reports failures as errors, so that programs may use it.
package gittest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Repo is a bare repository on disk. Its methods may be used while it is
// served; two writers of one branch at a time are not supported.
type Repo struct {
	// Dir is the bare repository's directory.
	Dir string

	clock time.Time
}

// epoch dates the first commit of a repository; each later one is a minute
// younger, so that the same files give the same hashes on every machine.
var epoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// NewRepo makes an empty bare repository at dir, with main as its default
// branch. Missing folders are made.
func NewRepo(dir string) (*Repo, error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, err
	}
	if _, err := run(nil, "", "init", "--quiet", "--bare", "--template=", "--initial-branch=main", "--", dir); err != nil {
		return nil, err
	}
	return &Repo{Dir: dir, clock: epoch}, nil
}

// Commit writes files over what main holds and returns the new commit's hash.
// An empty files map makes a commit that changes nothing.
func (r *Repo) Commit(files map[string]string, message string) (string, error) {
	return r.CommitTo("main", files, message)
}

// CommitTo is Commit for any branch; a branch that does not exist begins
// without files.
func (r *Repo) CommitTo(branch string, files map[string]string, message string) (string, error) {
	var changes bytes.Buffer
	for _, path := range sortedKeys(files) {
		fmt.Fprintf(&changes, "M 100644 inline %s\ndata %d\n%s\n", quote(path), len(files[path]), files[path])
	}
	return r.commit(branch, changes.String(), message)
}

// CommitSymlink puts a symbolic link on main.
func (r *Repo) CommitSymlink(path, target, message string) (string, error) {
	return r.commit("main", fmt.Sprintf("M 120000 inline %s\ndata %d\n%s\n", quote(path), len(target), target), message)
}

// CommitSubmodule puts a submodule entry and its .gitmodules on main, as an
// attacker's repository might hold it.
func (r *Repo) CommitSubmodule(path, url, hash, message string) (string, error) {
	modules := fmt.Sprintf("[submodule %q]\n\tpath = %s\n\turl = %s\n", path, path, url)
	return r.commit("main", fmt.Sprintf("M 100644 inline .gitmodules\ndata %d\n%s\nM 160000 %s %s\n", len(modules), modules, hash, quote(path)), message)
}

// CommitExecutable writes a file that may be executed, or makes one so.
func (r *Repo) CommitExecutable(path, content, message string) (string, error) {
	return r.commit("main", fmt.Sprintf("M 100755 inline %s\ndata %d\n%s\n", quote(path), len(content), content), message)
}

// Rename moves a file or folder of main.
func (r *Repo) Rename(from, to, message string) (string, error) {
	return r.commit("main", fmt.Sprintf("R %s %s\n", quote(from), quote(to)), message)
}

// Remove deletes paths from main.
func (r *Repo) Remove(message string, paths ...string) (string, error) {
	var changes strings.Builder
	for _, p := range paths {
		fmt.Fprintf(&changes, "D %s\n", quote(p))
	}
	return r.commit("main", changes.String(), message)
}

func (r *Repo) commit(branch, changes, message string) (string, error) {
	ref := "refs/heads/" + branch
	r.clock = r.clock.Add(time.Minute)
	var in strings.Builder
	fmt.Fprintf(&in, "commit %s\nauthor Ada Test <ada@example.com> %d +0000\ncommitter Ada Test <ada@example.com> %d +0000\ndata %d\n%s\n",
		ref, r.clock.Unix(), r.clock.Unix(), len(message), message)
	if parent, err := r.Head(branch); err == nil {
		fmt.Fprintf(&in, "from %s\n", parent)
	}
	in.WriteString(changes + "\ndone\n")
	if _, err := run([]byte(in.String()), r.Dir, "fast-import", "--quiet", "--done", "--force"); err != nil {
		return "", err
	}
	return r.Head(branch)
}

// Head returns the commit a branch points at.
func (r *Repo) Head(branch string) (string, error) {
	return run(nil, r.Dir, "rev-parse", "--verify", "--quiet", "--end-of-options", "refs/heads/"+branch+"^{commit}")
}

// Branch makes a branch at a commit, or moves it there.
func (r *Repo) Branch(name, at string) error { return r.ForceUpdate("refs/heads/"+name, at) }

// Tag makes a lightweight tag at a commit, or moves it there.
func (r *Repo) Tag(name, at string) error { return r.ForceUpdate("refs/tags/"+name, at) }

// AnnotatedTag makes a tag with an object of its own, or moves it.
func (r *Repo) AnnotatedTag(name, at, message string) error {
	_, err := run([]byte(message+"\n"), r.Dir, "tag", "--annotate", "--force", "--file=-", "--", name, at)
	return err
}

// ForceUpdate points any ref (refs/…) at a commit, whatever it pointed at before.
func (r *Repo) ForceUpdate(ref, at string) error {
	_, err := run(nil, r.Dir, "update-ref", "--no-deref", "--end-of-options", ref, at)
	return err
}

// ForceUpdateAll points many refs at one commit, in one step.
func (r *Repo) ForceUpdateAll(at string, refs ...string) error {
	var in strings.Builder
	for _, ref := range refs {
		fmt.Fprintf(&in, "update %s %s\n", ref, at)
	}
	_, err := run([]byte(in.String()), r.Dir, "update-ref", "--stdin")
	return err
}

// DeleteRef removes a ref.
func (r *Repo) DeleteRef(ref string) error {
	_, err := run(nil, r.Dir, "update-ref", "--no-deref", "-d", "--end-of-options", ref)
	return err
}

// Config sets one setting of the repository, such as uploadpack.allowFilter.
func (r *Repo) Config(key, value string) error {
	_, err := run(nil, r.Dir, "config", "--", key, value)
	return err
}

// CommitTree copies a folder of the local disk onto main, .git and
// node_modules left out. It is how the demo fills its repository.
func (r *Repo) CommitTree(from, message string) (string, error) {
	files := map[string]string{}
	err := filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules"):
			return filepath.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		files[filepath.ToSlash(rel)] = string(body)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read %s: %w", from, err)
	}
	return r.Commit(files, message)
}

// run executes git with nothing of the user's own configuration.
func run(stdin []byte, dir string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if dir != "" {
		args = append([]string{"--git-dir=" + dir}, args...)
	}
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Env = environment()
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}

func environment() []string {
	stamp := fmt.Sprintf("%d +0000", epoch.Unix())
	return []string{
		"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "HOME=/nonexistent",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/nonexistent/gitconfig",
		"GIT_AUTHOR_NAME=Ada Test", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_AUTHOR_DATE=" + stamp,
		"GIT_COMMITTER_NAME=Ada Test", "GIT_COMMITTER_EMAIL=ada@example.com", "GIT_COMMITTER_DATE=" + stamp,
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
	}
}

func quote(path string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(path) + `"`
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
