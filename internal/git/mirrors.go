package git

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// defaultMaxBytes bounds what one fetch may add to a mirror.
	defaultMaxBytes = 2 << 30
	// maxPacks is how many fetches a mirror takes before a new one is begun:
	// git slows down with the number of packs, and packing them again costs
	// more than fetching one commit again.
	maxPacks = 50
	// keepOld is how long a mirror that was replaced stays on disk, for the
	// checkouts that still read from it.
	keepOld = 24 * time.Hour
	// homesDir holds a folder for each use that is going on; see runner.
	homesDir = "homes"
	// stalledFetch is how long a server may send nothing in mid-fetch. Git
	// itself gives up sooner over HTTP; over SSH it waits for ever.
	stalledFetch = 10 * time.Minute
)

// Mirrors keeps commits of repositories on disk, below one folder, and makes
// checkouts from them. Processes may share the folder. A remote's mirror is
// named after its credentials too: who may not read a repository cannot read
// it from a mirror either.
//
// A mirror holds single commits, not histories: each fetch is one commit by
// hash, at depth 1. Measured on a repository of 3,000 commits and 500 files
// (git 2.39): the first fetch takes 0.7 s and 0.6 MB against 2.7 s and 17 MB
// for the whole history; a partial clone (blob:none) fetches as fast but its
// checkout took 170 s, one request for each file.
//
// Submodules and large files (LFS) are not fetched: their places hold an
// empty folder and a pointer file.
type Mirrors struct {
	root     string
	secret   []byte
	maxBytes int64
	stalled  time.Duration
}

// OpenMirrors returns the mirrors below root, which is made if missing and
// then readable by this user only. maxBytes bounds what one fetch may bring
// and what one checkout may fill, each 2 GiB when 0.
func OpenMirrors(root string, maxBytes int64) (*Mirrors, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("open git mirrors: %w", err)
	}
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, fmt.Errorf("open git mirrors: %w", err)
	}
	secret, err := sharedSecret(filepath.Join(root, "key"))
	if err != nil {
		return nil, fmt.Errorf("open git mirrors: %w", err)
	}
	if maxBytes <= 0 {
		maxBytes = defaultMaxBytes
	}
	return &Mirrors{root: root, secret: secret, maxBytes: maxBytes, stalled: stalledFetch}, nil
}

// Checkout puts the files of one commit into dir, which must be empty or
// missing, and tells what the commit is. The revision is a commit's hash,
// whole or abbreviated, as Head.Revision gives it. A commit that the mirror
// holds costs no network call.
//
// dir becomes a git working tree of its own with a detached HEAD, unless Clone
// says otherwise: git log -1 and git status work in it; it reads its objects from the mirror and shares
// no configuration or hook with it. A mirror that turns out to be damaged is
// replaced once. When Checkout fails, dir may hold anything.
func (m *Mirrors) Checkout(ctx context.Context, remote Remote, revision, dir string) (Commit, error) {
	return m.Clone(ctx, remote, revision, dir, Clone{})
}

// Clone is Checkout with more of what a clone has.
func (m *Mirrors) Clone(ctx context.Context, remote Remote, revision, dir string, c Clone) (Commit, error) {
	mirror, err := m.open(ctx, remote, revision)
	if err != nil {
		return Commit{}, err
	}
	defer mirror.close()
	hash, err := mirror.expand(ctx, revision)
	if err != nil {
		return Commit{}, err
	}
	store, err := mirror.provide(ctx, hash, c)
	if err != nil {
		return Commit{}, err
	}
	commit, err := mirror.export(ctx, store, hash, dir, c)
	if err == nil || ctx.Err() != nil || !errors.Is(err, errDamaged) {
		return commit, err
	}
	// The mirror said it had the commit and could not give it.
	if store, err = mirror.replace(ctx, store, hash); err == nil && c.History {
		store, err = mirror.provide(ctx, hash, c)
	}
	if err != nil {
		return Commit{}, err
	}
	if err := emptyDir(dir); err != nil {
		return Commit{}, err
	}
	return mirror.export(ctx, store, hash, dir, c)
}

// Prune removes the mirrors that no checkout or fetch used since a time.
func (m *Mirrors) Prune(unusedSince time.Time) error {
	entries, err := os.ReadDir(m.root)
	if err != nil {
		return fmt.Errorf("prune git mirrors: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !e.IsDir() || e.Name() == homesDir || info.ModTime().After(unusedSince) {
			continue
		}
		if err := removeMirror(filepath.Join(m.root, e.Name())); err != nil {
			return fmt.Errorf("prune git mirrors: %w", err)
		}
	}
	return nil
}

func removeMirror(dir string) error {
	unlock, ok, err := tryLock(filepath.Join(dir, "lock"))
	if err != nil || !ok {
		return err // in use after all
	}
	defer unlock()
	return os.RemoveAll(dir)
}

// open prepares one use of a remote's mirror.
func (m *Mirrors) open(ctx context.Context, remote Remote, revision string) (*mirror, error) {
	if !IsHash(revision) && !shortHash.MatchString(revision) {
		return nil, invalid("%q is no commit hash; resolve the ref first", printable(revision))
	}
	if len(revision) > 40 {
		return nil, invalid("%s is a SHA-256 repository, which cannot be checked out yet; use a SHA-1 repository", remote.Repository)
	}
	if err := remote.Credentials.Validate(); err != nil {
		return nil, err
	}
	dir := filepath.Join(m.root, remote.digest(m.secret))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make a git mirror: %w", err)
	}
	runner, err := newRunner(ctx, remote, filepath.Join(m.root, homesDir))
	if err != nil {
		return nil, err
	}
	return &mirror{dir: dir, remote: remote, run: runner, maxBytes: m.maxBytes, stalled: m.stalled}, nil
}

// sharedSecret reads the key that names mirrors, or makes it; processes that
// do so at the same time agree on one.
func sharedSecret(path string) ([]byte, error) {
	secret, err := os.ReadFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh) // never fails, by its documentation
	temporary, err := os.CreateTemp(filepath.Dir(path), "key-*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(fresh)
	if err := errors.Join(err, temporary.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(temporary.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.ReadFile(path)
}

// emptyDir leaves dir existing and empty.
func emptyDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// Commit is what people want to know about a commit.
type Commit struct {
	Hash string
	// Author is the author's name, at most 200 characters.
	Author string
	// Subject is the first line of the message, at most 200 characters.
	Subject string
	// Time is when it was committed.
	Time time.Time
}

// commitFormat is what parseCommit reads.
const commitFormat = "--format=%H%x00%an%x00%ct%x00%s"

func parseCommit(out string) (Commit, error) {
	parts := strings.SplitN(out, "\x00", 4)
	if len(parts) != 4 || !IsHash(parts[0]) {
		return Commit{}, errDamaged
	}
	var seconds int64
	if _, err := fmt.Sscan(parts[2], &seconds); err != nil {
		return Commit{}, errDamaged
	}
	return Commit{Hash: parts[0], Author: printable(parts[1]), Subject: printable(parts[3]), Time: time.Unix(seconds, 0).UTC()}, nil
}
