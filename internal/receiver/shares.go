package receiver

import (
	"context"
	"net/netip"
	"sync"
)

// shares bound how many places one address holds at a time, so that one that
// sends its bodies slowly leaves places to the others.
type shares struct {
	most int

	mu   sync.Mutex
	held map[netip.Prefix]*share
}

// share is what one address holds; it is forgotten when nobody uses it.
type share struct {
	places chan struct{}
	users  int
}

// enter waits for a place of the address, for a while. The place is given back
// by leave, which is nil when there was none.
func (s *shares) enter(ctx context.Context, address netip.Prefix) (leave func()) {
	s.mu.Lock()
	if s.held == nil {
		s.held = make(map[netip.Prefix]*share)
	}
	own := s.held[address]
	if own == nil {
		own = &share{places: make(chan struct{}, s.most)}
		s.held[address] = own
	}
	own.users++
	s.mu.Unlock()
	if !enter(ctx, own.places) {
		s.forget(address, own)
		return nil
	}
	return func() {
		<-own.places
		s.forget(address, own)
	}
}

func (s *shares) forget(address netip.Prefix, own *share) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if own.users--; own.users == 0 {
		delete(s.held, address)
	}
}
