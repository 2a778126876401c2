package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// errNotGiven is a server that was reached and did not give what was asked
// for: it does not have it, or does not give commits by their hash.
var errNotGiven = errors.New("the server does not give it")

// The filters of partial clones.
const (
	withoutFiles   = "blob:none"
	withoutFolders = "tree:0"
)

// fetchTree brings one commit with its folders into the store of trees.
func (m *mirror) fetchTree(ctx context.Context, hash string) error {
	if holds(m.trees(), hash) {
		return nil
	}
	return m.fetchPartial(ctx, m.trees(), withoutFiles, "--depth=1", hash+":"+keepRef(hash))
}

// fetchAncestry brings all commits that one comes from into a store, and
// returns which.
func (m *mirror) fetchAncestry(ctx context.Context, hash string) (string, error) {
	for _, store := range []string{m.ancestry(), m.history()} {
		if holds(store, hash) {
			return store, nil
		}
	}
	bounded := *m
	bounded.maxBytes = min(m.maxBytes, maxAncestry)
	used := packs(m.ancestry()) > 0
	if packs(m.ancestry()) >= maxPacks {
		_ = os.RemoveAll(m.ancestry())
	}
	for {
		err := bounded.fetchPartial(ctx, m.ancestry(), withoutFolders, hash+":"+keepRef(hash))
		if err == nil || !errors.Is(err, errNotGiven) {
			return m.ancestry(), err
		}
		_ = os.RemoveAll(m.ancestry())
		if !used {
			return m.fetchWhole(ctx, hash)
		}
		used = false // it may be that what was there is damaged
	}
}

// fetchWhole is fetchHistory for who does not hold the lock.
func (m *mirror) fetchWhole(ctx context.Context, hash string) (string, error) {
	unlock, err := waitLock(ctx, filepath.Join(m.dir, "lock"))
	if err != nil {
		return "", m.explainWait(err)
	}
	defer unlock()
	if holds(m.history(), hash) {
		return m.history(), nil
	}
	return m.history(), m.fetchHistory(ctx, hash)
}

// fetchPartial fetches into a store that goes without some objects. The error
// is errNotGiven when the server can be reached. Afterwards the store fetches
// nothing by itself: what it is asked for it has, or does not.
func (m *mirror) fetchPartial(ctx context.Context, store, filter string, args ...string) error {
	for {
		if err := writeStore(store, m.promisorConfig(filter)); err != nil {
			return fmt.Errorf("make a git mirror: %w", err)
		}
		removeLeftovers(store)
		err := m.fetchOrigin(ctx, store, append([]string{"--filter=" + filter}, args...)...)
		if err := writeStore(store, ""); err != nil {
			return fmt.Errorf("make a git mirror: %w", err)
		}
		if err == nil || decided(ctx, err) {
			return err
		}
		moved, unreachable := m.relocate(ctx)
		if unreachable != nil {
			return unreachable
		}
		if !moved {
			return failBecause(ErrProtocol, errNotGiven, "%s", err.Error())
		}
	}
}

// fetchOrigin is fetchRefs by the name that promisorConfig gives the remote,
// which git wants for a filter.
func (m *mirror) fetchOrigin(ctx context.Context, store string, args ...string) error {
	address := m.run.address
	m.run.address = "origin"
	defer func() { m.run.address = address }()
	return m.fetchRefs(ctx, store, args...)
}

// relocate finds out why a fetch failed: an error if the server cannot be
// listed either; moved if the repository was renamed on its host, which is
// where the next fetch goes.
func (m *mirror) relocate(ctx context.Context) (moved bool, unreachable error) {
	s := newSession(m.remote)
	defer s.close()
	if err := s.probe(ctx); err != nil {
		return false, err
	}
	// The git program follows no redirect, so that it never carries
	// credentials to another host.
	moved = s.location != "" && s.location != m.run.address
	if moved {
		m.run.address = s.location
	}
	return moved, nil
}

// promisorConfig tells git that objects are missing on purpose.
func (m *mirror) promisorConfig(filter string) string {
	return "[remote \"origin\"]\n\turl = \"" + m.run.address + "\"\n\tpromisor = true\n\tpartialclonefilter = " + filter + "\n"
}
