package cdk

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	// remembered is how long it is known that something was found right.
	remembered = 30 * 24 * time.Hour
	// discouraged is how long a way that was in vain is not tried again.
	discouraged = 24 * time.Hour
)

// fact is the digest of everything that a finding follows from. The zero
// fact is about nothing: it is neither remembered nor recalled.
type fact string

// factOf digests parts; one that is unknown ("") makes the whole unknown.
func factOf(kind string, parts ...string) fact {
	if slices.Contains(parts, "") {
		return ""
	}
	h := sha256.New()
	for _, part := range append([]string{scriptsVersion}, parts...) {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return fact(kind + "-" + hex.EncodeToString(h.Sum(nil))[:40])
}

// recalls tells whether a fact was remembered within the time.
func (c Cache) recalls(f fact, within time.Duration, now time.Time) bool {
	if c.Dir == "" || f == "" {
		return false
	}
	info, err := os.Stat(c.sub("memory", string(f)))
	return err == nil && now.Sub(info.ModTime()) < within
}

// remember notes a fact. A failure costs only time: the next run finds out again.
func (c Cache) remember(f fact, now time.Time) { c.note(f, "", now) }

// note is remember, with what was found.
func (c Cache) note(f fact, found string, now time.Time) {
	if c.Dir == "" || f == "" {
		return
	}
	path := c.sub("memory", string(f))
	if os.MkdirAll(filepath.Dir(path), 0o755) != nil || os.WriteFile(path, []byte(found), 0o644) != nil {
		return
	}
	_ = os.Chtimes(path, now, now)
}

// noted is what was found, "" when it is not known.
func (c Cache) noted(f fact, now time.Time) string {
	if !c.recalls(f, remembered, now) {
		return ""
	}
	content, err := readBounded(c.sub("memory", string(f)), 4<<10)
	if err != nil {
		return ""
	}
	return string(content)
}

// forget removes facts that are too old to be recalled.
func (c Cache) forget(now time.Time) error {
	entries, err := os.ReadDir(c.sub("memory"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at what is remembered: %w", err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && now.Sub(info.ModTime()) > remembered {
			_ = os.Remove(c.sub("memory", entry.Name()))
		}
	}
	return nil
}
