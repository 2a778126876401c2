package git

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// fetch brings one commit into a store, or else into the store of whole
// histories, and returns which. The caller holds the mirror's lock. The error
// is of one of this package's kinds, or errDamaged.
func (m *mirror) fetch(ctx context.Context, store, hash string) (string, error) {
	if err := writeStore(store, ""); err != nil {
		return "", errors.Join(errDamaged, err)
	}
	removeLeftovers(store)
	err := m.fetchCommit(ctx, store, hash)
	if err == nil || decided(ctx, err) {
		return store, err
	}
	// Why did it fail? This package's own client tells causes apart.
	moved, unreachable := m.relocate(ctx)
	if unreachable != nil {
		return "", unreachable
	}
	if moved && m.fetchCommit(ctx, store, hash) == nil {
		return store, nil
	}
	if !m.intact(ctx, store) {
		return "", errDamaged
	}
	return m.history(), m.fetchHistory(ctx, hash)
}

// decided says whether it is known already why a fetch failed.
func decided(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, ErrTooLarge) || errors.Is(err, errStalled)
}

func (m *mirror) fetchCommit(ctx context.Context, store, hash string) error {
	return m.fetchRefs(ctx, store, "--depth=1", hash+":"+keepRef(hash))
}

// allRefs makes git fetch all branches and tags, and forget those that are
// gone: a branch release that stayed would leave no room for release/1.0.
// Commits that someone wanted have refs of their own; see keepRef.
var allRefs = []string{"--prune", "+refs/heads/*:refs/all/heads/*", "+refs/tags/*:refs/all/tags/*"}

// fetchHistory is for servers that give no commit by its hash: it brings all
// branches and tags, then looks for the commit among them.
func (m *mirror) fetchHistory(ctx context.Context, hash string) error {
	store := m.history()
	if !m.intact(ctx, store) {
		_ = os.RemoveAll(store)
	}
	if err := writeStore(store, ""); err != nil {
		return fmt.Errorf("make a git mirror: %w", err)
	}
	removeLeftovers(store)
	if err := m.fetchRefs(ctx, store, allRefs...); err != nil {
		return err
	}
	if _, err := m.run.git(ctx, store, "cat-file", "-e", hash+"^{commit}"); err != nil {
		return m.explainMissing(ctx, hash)
	}
	if _, err := m.run.git(ctx, store, "update-ref", keepRef(hash), hash); err != nil {
		return fmt.Errorf("keep commit %s: %w", hash, err)
	}
	return nil
}

func (m *mirror) explainMissing(ctx context.Context, hash string) error {
	if ctx.Err() != nil {
		return m.explainTimeout(ctx)
	}
	return fail(ErrRefNotFound, "%s has no commit %s on any branch or tag; it may have gone with a force-push, or the hash is wrong", m.remote.Repository, hash)
}

func (m *mirror) explainTimeout(ctx context.Context) error {
	return failBecause(ErrUnreachable, ctx.Err(), "fetching %s timed out; it is tried again", m.remote.Repository)
}

// fetchRefs runs git fetch. Options come first in args, then refspecs.
func (m *mirror) fetchRefs(ctx context.Context, store string, args ...string) error {
	watched, stop := m.watch(ctx, store)
	defer stop()
	options, refspecs := splitOptions(args)
	command := append([]string{"fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-maintenance"}, options...)
	command = append(append(command, "--", m.run.address), refspecs...)
	_, err := m.run.git(watched, store, command...)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return m.explainTimeout(ctx)
	case watched.Err() != nil:
		return context.Cause(watched)
	}
	line := telling(err.Error())
	return failBecause(failureOf(line), err, "git cannot fetch from %s: %s", m.remote.Repository, printable(line))
}

func splitOptions(args []string) (options, refspecs []string) {
	for i, a := range args {
		if !strings.HasPrefix(a, "--") {
			return args[:i], args[i:]
		}
	}
	return args, nil
}

// errStalled is a server that answers and sends nothing.
var errStalled = errors.New("nothing arrives")

// sizeCheck is how often the size of what arrives is looked at.
const sizeCheck = 200 * time.Millisecond

// watch returns a context that ends when the store has grown by more than
// maxBytes, with a cause of kind ErrTooLarge, or has not grown for too long,
// with one of kind ErrUnreachable.
func (m *mirror) watch(ctx context.Context, store string) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	before := packBytes(store)
	tick := time.NewTicker(sizeCheck)
	go func() {
		defer tick.Stop()
		last, still := before, time.Duration(0)
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			size := packBytes(store)
			if still += sizeCheck; size != last {
				last, still = size, 0
			}
			switch {
			case size-before > m.maxBytes:
				cancel(fail(ErrTooLarge, "%s sends more than %d MiB for one commit; raise the limit, or take large files out of the repository", m.remote.Repository, m.maxBytes>>20))
				return
			case still >= m.stalled:
				cancel(failBecause(ErrUnreachable, errStalled, "%s sent nothing for %s; it is tried again", m.remote.Repository, m.stalled))
				return
			}
		}
	}()
	return ctx, func() { cancel(nil) }
}

func packBytes(store string) int64 {
	entries, _ := os.ReadDir(filepath.Join(store, "objects", "pack"))
	var sum int64
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			sum += info.Size()
		}
	}
	return sum
}

// intact says whether everything that the store's refs need is there.
func (m *mirror) intact(ctx context.Context, store string) bool {
	_, err := m.run.git(ctx, store, "fsck", "--connectivity-only", "--no-dangling", "--no-progress")
	return err == nil || ctx.Err() != nil
}

// removeLeftovers clears what a fetch leaves that was killed: lock files,
// which would stop the next one for good, and half a pack. Nobody else
// fetches: the caller holds the mirror's lock.
func removeLeftovers(store string) {
	for _, pattern := range []string{"*.lock", "packed-refs.new", "objects/pack/tmp_*", "objects/pack/.tmp-*"} {
		found, _ := filepath.Glob(filepath.Join(store, filepath.FromSlash(pattern)))
		for _, path := range found {
			_ = os.Remove(path)
		}
	}
	// Branches lie as deep as their names have slashes. None ends in .lock.
	_ = filepath.WalkDir(filepath.Join(store, "refs"), func(path string, _ fs.DirEntry, _ error) error {
		if strings.HasSuffix(path, ".lock") {
			_ = os.Remove(path) //nolint:gosec // the store is ours, and holds no links of a repository
		}
		return nil
	})
}

// expand turns an abbreviated hash into a whole one. Only the commits
// themselves are fetched for it, no files: enough to know all their hashes.
func (m *mirror) expand(ctx context.Context, revision string) (string, error) {
	if IsHash(revision) {
		return strings.ToLower(revision), nil
	}
	unlock, err := waitLock(ctx, filepath.Join(m.dir, "lock"))
	if err != nil {
		return "", m.explainWait(err)
	}
	defer unlock()
	store := filepath.Join(m.dir, "commits")
	if hash, err := m.lookUp(ctx, store, revision); err == nil {
		return hash, nil
	}
	if err := m.fetchCommits(ctx, store); err != nil {
		return "", err
	}
	hash, err := m.lookUp(ctx, store, revision)
	if err != nil && ctx.Err() == nil {
		return "", fail(ErrRefNotFound, "%s has no branch, tag or single commit %q; write the whole hash", m.remote.Repository, revision)
	}
	return hash, err
}

func (m *mirror) lookUp(ctx context.Context, store, revision string) (string, error) {
	if err := writeStore(store, ""); err != nil {
		return "", err
	}
	out, err := m.run.git(ctx, store, "rev-parse", "--verify", "--quiet", "--end-of-options", revision+"^{commit}")
	return strings.TrimSpace(out), err
}

func (m *mirror) fetchCommits(ctx context.Context, store string) error {
	err := m.fetchPartial(ctx, store, withoutFolders, allRefs...)
	if errors.Is(err, errNotGiven) {
		_ = os.RemoveAll(store) // begin again next time
	}
	return err
}
