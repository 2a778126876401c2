package git

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// inspectTimeout bounds one inspection.
	inspectTimeout = 5 * time.Minute
	// maxAncestry bounds what is fetched of a history to know whether one
	// commit is in it: commits only, where the server can leave out the rest.
	maxAncestry = 256 << 20
)

// Change is a step from one commit to another, and what of it counts.
type Change struct {
	// Old is the commit that is deployed, "" when none is; New is the one
	// that would be, as Head.Revision gives it.
	Old, New string
	// Include and Ignore are globs of paths in the repository. A changed path
	// counts when one of Include fits it, or there is none, and none of
	// Ignore does.
	Include, Ignore []string
}

// Inspection is what there is to know of a Change before anything is built.
type Inspection struct {
	// Commit describes the new commit.
	Commit Commit
	// Touched is true when something that counts has changed.
	Touched bool
	// Path is a changed path that counts; "" when none was looked for.
	Path string
	// Rewritten is true when the old commit is not in the new one's history:
	// a force-push, a moved tag, another branch. That counts as touched.
	Rewritten bool
}

// Inspect describes a commit and says whether it changes anything that counts
// since another one. It fetches the two commits' folders, no files where the
// server can leave them out, and no history unless nothing has changed that
// counts: then it looks whether the history was rewritten. What it fetched is
// kept, in the mirror, for the next.
//
// A path counts as changed when its content, its mode, its kind, a symbolic
// link's target or a submodule's commit differs; a renamed file has changed at
// both paths. When it cannot be told, since the history is very large or the
// server keeps it to itself, or the files are very many, the answer is touched.
//
// It ends in five minutes at most. Errors are of this package's kinds.
func (m *Mirrors) Inspect(ctx context.Context, remote Remote, change Change) (Inspection, error) {
	counted, err := newGlobs(change.Include, change.Ignore)
	if err != nil {
		return Inspection{}, err
	}
	mirror, err := m.open(ctx, remote, change.New)
	if err != nil {
		return Inspection{}, err
	}
	defer mirror.close()
	ctx, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	change.New, err = mirror.expand(ctx, change.New)
	if err != nil {
		return Inspection{}, err
	}
	mirror.touch()
	unlock, err := waitLock(ctx, filepath.Join(mirror.dir, "inspect.lock"))
	if err != nil {
		return Inspection{}, mirror.explainWait(err)
	}
	defer unlock()
	return mirror.inspect(ctx, strings.ToLower(change.Old), change.New, counted)
}

// inspect begins again once when a store that was there before is of no use.
func (m *mirror) inspect(ctx context.Context, before, after string, counted globs) (Inspection, error) {
	_, err := os.Stat(m.trees())
	fresh := err != nil || packs(m.trees()) >= maxPacks
	if fresh {
		_ = os.RemoveAll(m.trees())
	}
	found, err := m.compare(ctx, before, after, counted)
	if fresh || ctx.Err() != nil || (err == nil && !found.Rewritten) || (err != nil && !errors.Is(err, errDamaged)) {
		return found, err
	}
	_ = os.RemoveAll(m.trees())
	_ = os.RemoveAll(m.ancestry())
	return m.compare(ctx, before, after, counted)
}

// trees is a store of commits with their folders, at depth 1.
func (m *mirror) trees() string { return filepath.Join(m.dir, "trees") }

// ancestry is a store of whole histories, commits only.
func (m *mirror) ancestry() string { return filepath.Join(m.dir, "ancestry") }

func (m *mirror) compare(ctx context.Context, before, after string, counted globs) (found Inspection, err error) {
	store := m.trees()
	if err = m.fetchTree(ctx, after); errors.Is(err, errNotGiven) {
		store, err = m.fetchAncestry(ctx, after)
	}
	if err != nil {
		return found, err
	}
	if found.Commit, err = m.describe(ctx, store, after); err != nil {
		return found, m.orTimeout(ctx, errors.Join(errDamaged, err))
	}
	if before == after || before == "" || counted.all() {
		found.Touched = before != after
		return found, nil
	}
	if !IsHash(before) || len(before) > 40 {
		found.Touched, found.Rewritten = true, true // not of this repository
		return found, nil
	}
	given := store == m.trees()
	if given {
		if err = m.fetchTree(ctx, before); err != nil && !errors.Is(err, errNotGiven) {
			return found, err
		}
		given = err == nil
	}
	if given {
		found.Touched, found.Path, err = m.changed(ctx, store, before, after, counted)
		if err != nil || found.Touched {
			return found, err
		}
	}
	return m.compareHistory(ctx, found, given, before, after, counted)
}

// compareHistory finds out whether the history was rewritten and, when the
// server did not give the old commit by its hash, compares with the one in it.
func (m *mirror) compareHistory(ctx context.Context, found Inspection, compared bool, before, after string, counted globs) (Inspection, error) {
	store, err := m.fetchAncestry(ctx, after)
	known := err == nil
	if known && !m.isAncestor(ctx, store, before, after) {
		found.Touched, found.Rewritten = true, true
		return found, m.orTimeout(ctx, nil)
	}
	if known && !compared {
		if store, err = m.fetchWhole(ctx, after); err == nil {
			found.Touched, found.Path, err = m.changed(ctx, store, before, after, counted)
		}
	}
	if errors.Is(err, ErrTooLarge) || errors.Is(err, ErrRefNotFound) {
		found.Touched = true // it cannot be told
		return found, nil
	}
	return found, m.orTimeout(ctx, err)
}

// changed compares two commits in a store that is not to fetch anything.
func (m *mirror) changed(ctx context.Context, store, before, after string, counted globs) (touched bool, path string, err error) {
	// git compares all before it prints any; what is too much for a checkout
	// is too much for that, too.
	size := treeSize{maxBytes: math.MaxInt64}
	err = m.run.stream(ctx, store, &size, "ls-tree", "-r", "-z", "--full-tree", "--end-of-options", after)
	if size.full {
		return true, "", nil
	}
	if err != nil {
		return false, "", m.orTimeout(ctx, errors.Join(errDamaged, err))
	}
	seen := changes{globs: counted}
	err = m.run.stream(ctx, store, &seen, "diff-tree", "-r", "-z", "--name-only", "--no-renames", "--no-ext-diff", "--no-textconv",
		"--ignore-submodules=none", "--end-of-options", before, after, "--")
	if seen.touched {
		return true, seen.path, nil
	}
	if err != nil {
		return false, "", m.orTimeout(ctx, errors.Join(errDamaged, err))
	}
	return false, "", nil
}

func (m *mirror) isAncestor(ctx context.Context, store, before, after string) bool {
	_, err := m.run.git(ctx, store, "merge-base", "--is-ancestor", before, after)
	return err == nil
}

// orTimeout returns err, unless time is up.
func (m *mirror) orTimeout(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return m.explainTimeout(ctx)
	}
	return err
}
