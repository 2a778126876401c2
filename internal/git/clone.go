package git

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Clone says what a checkout shows of its repository, besides the files.
type Clone struct {
	// Ref is the full name that the commit was followed by. HEAD is then on the
	// branch, as after `git clone --branch`; a tag is there beside a detached
	// HEAD. "" and other names leave HEAD detached.
	Ref string
	// History has all commits, branches and tags be there, as `git describe`
	// needs them. It takes a network call each time, since tags come and go.
	History bool
	// Own has the checkout hold its objects itself: whoever works in it may have
	// no access to the mirror, and git is to work there all the same.
	Own bool
}

// own gives a checkout objects of its own in the place of the store's: those
// that its HEAD and its refs need.
func (m *mirror) own(ctx context.Context, gitDir string) error {
	if _, err := m.run.git(ctx, gitDir, "repack", "-a", "-d", "-q"); err != nil {
		return fmt.Errorf("copy the objects of a checkout: %w", err)
	}
	if err := os.Remove(filepath.Join(gitDir, "objects", "info", "alternates")); err != nil {
		return fmt.Errorf("copy the objects of a checkout: %w", err)
	}
	return nil
}

// provide returns a store that holds the commit, and its history if that is
// asked for.
func (m *mirror) provide(ctx context.Context, hash string, c Clone) (string, error) {
	if !c.History {
		return m.ensure(ctx, hash)
	}
	m.touch()
	unlock, err := waitLock(ctx, filepath.Join(m.dir, "lock"))
	if err != nil {
		return "", m.explainWait(err)
	}
	defer unlock()
	return m.history(), m.fetchHistory(ctx, hash)
}

// writeRefs writes the refs of a checkout. Files take no process.
func (m *mirror) writeRefs(ctx context.Context, store, hash, gitDir string, c Clone) error {
	files := map[string]string{}
	if c.History {
		refs, err := m.listRefs(ctx, store)
		if err != nil {
			return err
		}
		files["packed-refs"] = refs
	}
	branch, isBranch := strings.CutPrefix(c.Ref, "refs/heads/")
	_, isTag := strings.CutPrefix(c.Ref, tagPrefix)
	switch {
	case !plainRef(c.Ref):
	case isBranch:
		files["HEAD"] = "ref: " + c.Ref + "\n"
		files[c.Ref] = hash + "\n"
		files["refs/remotes/origin/"+branch] = hash + "\n"
	case isTag && !c.History: // the history has the tag itself, with its message
		files[c.Ref] = hash + "\n"
	}
	for name, content := range files {
		path := filepath.Join(gitDir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// plainRef tells whether a name, which a server gave, is safe as a path.
func plainRef(name string) bool {
	if strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`~^:?*[\`, r) }) {
		return false
	}
	return filepath.IsLocal(name) && name == filepath.ToSlash(filepath.Clean(name)) && !strings.HasSuffix(name, ".lock")
}

// listRefs lists the branches and tags of a store of whole histories as a
// clone has them, in the format of packed-refs.
func (m *mirror) listRefs(ctx context.Context, store string) (string, error) {
	out, err := m.run.git(ctx, store, "for-each-ref", "--format=%(objectname) %(refname)", "refs/all")
	if err != nil {
		return "", fmt.Errorf("list branches and tags: %w", err)
	}
	var list strings.Builder
	for line := range strings.Lines(out) {
		hash, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		if tag, ok := strings.CutPrefix(name, "refs/all/tags/"); ok {
			fmt.Fprintf(&list, "%s refs/tags/%s\n", hash, tag)
		} else if branch, ok := strings.CutPrefix(name, "refs/all/heads/"); ok {
			fmt.Fprintf(&list, "%s refs/remotes/origin/%s\n", hash, branch)
		}
	}
	return list.String(), nil
}
