package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// errDamaged is a mirror that does not give what it says it has.
var errDamaged = errors.New("the git mirror is damaged")

// mirror is one use of the mirror of one remote. On disk it is a folder with
// numbered bare repositories, the stores; the highest number is in use. A
// store is replaced, never repaired: whoever reads the old one may go on.
type mirror struct {
	dir      string
	remote   Remote
	run      *runner
	maxBytes int64
	stalled  time.Duration
}

func (m *mirror) close() { m.run.close() }

// ensure returns a store that holds the commit, fetching it when needed. Of
// several processes that want it, one fetches.
func (m *mirror) ensure(ctx context.Context, hash string) (string, error) {
	m.touch()
	if store := m.holder(hash); store != "" {
		return store, nil
	}
	unlock, err := waitLock(ctx, filepath.Join(m.dir, "lock"))
	if err != nil {
		return "", m.explainWait(err)
	}
	defer unlock()
	return m.ensureLocked(ctx, hash)
}

func (m *mirror) ensureLocked(ctx context.Context, hash string) (string, error) {
	if store := m.holder(hash); store != "" {
		return store, nil // someone fetched it meanwhile
	}
	store := m.current()
	if store == "" || packs(store) >= maxPacks {
		return m.fetchAnew(ctx, store, hash)
	}
	found, err := m.fetch(ctx, store, hash)
	if err == nil || ctx.Err() != nil || !errors.Is(err, errDamaged) {
		return found, err
	}
	return m.fetchAnew(ctx, store, hash)
}

// holder returns a store that holds the commit, or "".
func (m *mirror) holder(hash string) string {
	for _, store := range []string{m.current(), m.history()} {
		if store != "" && holds(store, hash) {
			return store
		}
	}
	return ""
}

// history is a store of its own for whole histories; see fetchHistory.
func (m *mirror) history() string { return filepath.Join(m.dir, "history") }

// replace gives up a damaged store, unless another process did already.
func (m *mirror) replace(ctx context.Context, damaged, hash string) (string, error) {
	unlock, err := waitLock(ctx, filepath.Join(m.dir, "lock"))
	if err != nil {
		return "", m.explainWait(err)
	}
	defer unlock()
	if damaged == m.history() {
		_ = os.RemoveAll(damaged)
	}
	if m.current() != damaged {
		return m.ensureLocked(ctx, hash)
	}
	return m.fetchAnew(ctx, damaged, hash)
}

// fetchAnew fills a new store and puts it in the place of the old one.
func (m *mirror) fetchAnew(ctx context.Context, old, hash string) (string, error) {
	m.clean()
	fresh := filepath.Join(m.dir, "new")
	if err := writeStore(fresh, ""); err != nil {
		return "", fmt.Errorf("make a git mirror: %w", err)
	}
	if found, err := m.fetch(ctx, fresh, hash); err != nil || found != fresh {
		return found, err
	}
	number := 1
	if old != "" {
		number = storeNumber(filepath.Base(old)) + 1
	}
	store := filepath.Join(m.dir, strconv.Itoa(number)+".git")
	if err := os.Rename(fresh, store); err != nil {
		return "", fmt.Errorf("make a git mirror: %w", err)
	}
	return store, nil
}

// clean removes what a killed process left and stores replaced long ago.
func (m *mirror) clean() {
	_ = os.RemoveAll(filepath.Join(m.dir, "new"))
	stores := m.stores()
	for i, store := range stores {
		// A replaced store has not been written since its successor was made.
		if i+1 < len(stores) && olderBy(store, stores[len(stores)-1], keepOld) {
			_ = os.RemoveAll(store)
		}
	}
}

func olderBy(store, than string, age time.Duration) bool {
	a, err1 := os.Stat(filepath.Join(store, "objects", "pack"))
	b, err2 := os.Stat(filepath.Join(than, "objects", "pack"))
	return err1 == nil && err2 == nil && b.ModTime().Sub(a.ModTime()) > age
}

// current returns the store in use, or "".
func (m *mirror) current() string {
	stores := m.stores()
	if len(stores) == 0 {
		return ""
	}
	return stores[len(stores)-1]
}

// stores lists the stores, oldest first.
func (m *mirror) stores() []string {
	entries, _ := os.ReadDir(m.dir)
	var out []string
	for _, e := range entries {
		if e.IsDir() && storeNumber(e.Name()) > 0 {
			out = append(out, filepath.Join(m.dir, e.Name()))
		}
	}
	slices.SortFunc(out, func(a, b string) int { return storeNumber(filepath.Base(a)) - storeNumber(filepath.Base(b)) })
	return out
}

// storeNumber reads 7 from "7.git", and 0 from any other name.
func storeNumber(name string) int {
	digits, ok := strings.CutSuffix(name, ".git")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil {
		return 0
	}
	return n
}

// touch marks the mirror as used, for Prune. It follows the file system's clock.
func (m *mirror) touch() {
	if f, err := os.CreateTemp(m.dir, "used-*"); err == nil {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}
}

func (m *mirror) explainWait(err error) error {
	return failBecause(ErrUnreachable, err, "another run was still fetching %s when time was up; it is tried again", m.remote.Repository)
}

// keepRef is the ref that holds a fetched commit. It is written last, after
// git has checked that the commit is complete: a store holds a commit when
// the ref is there.
func keepRef(hash string) string { return "refs/keep/" + hash }

func holds(store, hash string) bool {
	written, err := os.ReadFile(filepath.Join(store, filepath.FromSlash(keepRef(hash))))
	return err == nil && strings.TrimSpace(string(written)) == hash
}

func packs(store string) int {
	found, _ := filepath.Glob(filepath.Join(store, "objects", "pack", "*.pack"))
	return len(found)
}

// writeStore makes an empty bare repository at dir, or gives the one there
// back the configuration it should have. No template of the machine's git
// gets in.
func writeStore(dir, extraConfig string) error {
	for _, sub := range []string{"objects/pack", "objects/info", "refs"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return err
		}
	}
	config := "[core]\n\trepositoryformatversion = 0\n\tbare = true\n" + extraConfig
	return errors.Join(
		putFile(filepath.Join(dir, "HEAD"), "ref: refs/heads/none\n"),
		putFile(filepath.Join(dir, "config"), config),
	)
}

// putFile has a file say what it must. Checkouts read a store while a fetch
// fills it: git must never find half of a file, or it finds no repository.
func putFile(path, content string) error {
	if is, err := os.ReadFile(path); err == nil && string(is) == content {
		return nil
	}
	next := path + ".next"
	if err := os.WriteFile(next, []byte(content), 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}
