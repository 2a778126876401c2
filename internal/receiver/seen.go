package receiver

import (
	"crypto/sha256"
	"slices"
	"sync"
	"time"
)

const (
	// rememberFor and rememberCount bound what is known of earlier deliveries;
	// 10,000 of them take about 2 MB.
	rememberFor   = 24 * time.Hour
	rememberCount = 10_000
)

// seen remembers deliveries. It is of this process: after a restart an old
// delivery is taken once more, which costs a look.
type seen struct {
	mu   sync.Mutex
	at   map[[sha256.Size]byte]struct{}
	line []delivered // oldest first, from head on
	head int
}

type delivered struct {
	key [sha256.Size]byte
	at  time.Time
}

// add reports whether the delivery is new, and remembers it. Of many that ask
// at once about one delivery, one is told so.
func (s *seen) add(key [sha256.Size]byte, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at == nil {
		s.at = map[[sha256.Size]byte]struct{}{}
	}
	for s.head < len(s.line) && now.Sub(s.line[s.head].at) >= rememberFor {
		s.forgetOldest()
	}
	if _, known := s.at[key]; known {
		return false
	}
	if len(s.at) >= rememberCount {
		s.forgetOldest()
	}
	s.at[key] = struct{}{}
	s.line = append(s.line, delivered{key: key, at: now})
	return true
}

// forgetOldest drops the delivery at the head of the line. The caller holds mu.
func (s *seen) forgetOldest() {
	delete(s.at, s.line[s.head].key)
	s.head++
	if s.head > rememberCount {
		s.line = slices.Clone(s.line[s.head:])
		s.head = 0
	}
}
