package git

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"awscdk.dev/operator/internal/problem"
)

// export writes the files of a commit into dir and describes the commit. An
// error that a new mirror may cure is errDamaged.
func (m *mirror) export(ctx context.Context, store, hash, dir string, c Clone) (Commit, error) {
	if err := prepareWorkTree(store, hash, dir, m.remote.Repository); err != nil {
		return Commit{}, fmt.Errorf("prepare a checkout: %w", err)
	}
	if err := m.writeRefs(ctx, store, hash, filepath.Join(dir, ".git"), c); err != nil {
		return Commit{}, fmt.Errorf("prepare a checkout: %w", err)
	}
	type described struct {
		commit Commit
		err    error
	}
	about := make(chan described, 1)
	go func() { // beside the checkout: starting a program is what takes time
		commit, err := m.describe(ctx, store, hash)
		about <- described{commit, err}
	}()
	err := m.checkout(ctx, store, hash, dir)
	if err == nil && c.Own {
		err = m.own(ctx, filepath.Join(dir, ".git"))
	}
	answer := <-about
	if err = errors.Join(err, answer.err); err == nil {
		return answer.commit, nil
	}
	if ctx.Err() != nil {
		return Commit{}, failBecause(ErrUnreachable, ctx.Err(), "checking out %s was not done in time", hash)
	}
	if tooLarge, ok := errors.AsType[*problem.Problem](err); ok {
		return Commit{}, tooLarge
	}
	return Commit{}, errors.Join(errDamaged, fmt.Errorf("check out %s: %w", hash, err))
}

// checkout writes the files, and stops when they turn out to be too large: a
// small pack can hold very large files, or the same ones very often.
func (m *mirror) checkout(ctx context.Context, store, hash, dir string) error {
	measured, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	size := make(chan error, 1)
	go func() { // beside the checkout, as it mostly has nothing to say
		err := m.measure(ctx, store, hash)
		if err != nil {
			cancel(err)
		}
		size <- err
	}()
	err := m.run.checkout(measured, dir, hash)
	if sizeErr := <-size; sizeErr != nil {
		return sizeErr
	}
	return err
}

func (m *mirror) describe(ctx context.Context, store, hash string) (Commit, error) {
	out, err := m.run.git(ctx, store, "log", "-1", "--no-show-signature", commitFormat, "--end-of-options", hash, "--")
	if err != nil {
		return Commit{}, err
	}
	return parseCommit(out)
}

// prepareWorkTree makes dir a repository whose HEAD is the commit and whose
// objects are the store's. Written by hand it takes no process, and gets no
// template, hook or configuration from anywhere.
func prepareWorkTree(store, hash, dir string, repository Repository) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty", dir)
	}
	gitDir := filepath.Join(dir, ".git")
	for _, sub := range []string{"objects/info", "objects/pack", "refs/heads"} {
		if err := os.MkdirAll(filepath.Join(gitDir, filepath.FromSlash(sub)), 0o755); err != nil {
			return err
		}
	}
	config := fmt.Sprintf("[core]\n\trepositoryformatversion = 0\n\tbare = false\n[remote \"origin\"]\n\turl = \"%s\"\n", repository)
	files := map[string]string{
		"HEAD":                    hash + "\n",
		"config":                  config,
		"objects/info/alternates": filepath.Join(store, "objects") + "\n",
	}
	// Where history ends, if the store has none of it.
	if shallow, err := os.ReadFile(filepath.Join(store, "shallow")); err == nil {
		files["shallow"] = string(shallow)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(gitDir, filepath.FromSlash(name)), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}
