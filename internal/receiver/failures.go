package receiver

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// An address has failureBurst failures, and gets one back each
	// failureEvery.
	failureBurst = 20
	failureEvery = 3 * time.Second
	// maxAddresses bounds the addresses that are remembered; when there are
	// more, the one that failed longest ago goes.
	maxAddresses = 4096
)

// failures counts what addresses did wrong. The zero value knows of nothing.
type failures struct {
	mu sync.Mutex
	// full is when an address has all its failures back: it is used up when
	// that is failureBurst times failureEvery away.
	full map[netip.Prefix]time.Time
}

// wait is how long the address has to wait until it may fail once more, 0 if
// it need not.
func (f *failures) wait(address netip.Prefix, now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	full, known := f.full[address]
	if !known {
		return 0
	}
	return max(0, full.Sub(now)-(failureBurst-1)*failureEvery)
}

// count notes a failure.
func (f *failures) count(address netip.Prefix, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.full == nil {
		f.full = map[netip.Prefix]time.Time{}
	}
	full, known := f.full[address]
	if !known && len(f.full) >= maxAddresses {
		f.forget(now)
	}
	if full.Before(now) {
		full = now
	}
	f.full[address] = full.Add(failureEvery)
}

// forget drops the addresses that have all their failures back, or else the
// one that will have them first. The caller holds mu.
func (f *failures) forget(now time.Time) {
	var first netip.Prefix
	for address, full := range f.full {
		if !full.After(now) {
			delete(f.full, address)
			continue
		}
		if !first.IsValid() || full.Before(f.full[first]) {
			first = address
		}
	}
	if len(f.full) >= maxAddresses {
		delete(f.full, first)
	}
}

// sender is the address that a request comes from, as far as it can be known:
// the peer, or whom a trusted proxy says it speaks for. IPv6 addresses are
// taken by /64, since a host has all of that.
func (r *Receiver) sender(req *http.Request) netip.Prefix {
	address := parseAddress(req.RemoteAddr)
	hops := strings.Split(strings.Join(req.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		if !r.trusted(address) {
			break
		}
		next := parseAddress(strings.TrimSpace(hop))
		if !next.IsValid() {
			break
		}
		address = next
	}
	bits := 64
	if address.Is4() {
		bits = 32
	}
	prefix, err := address.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // no IP address at all: they share one count
	}
	return prefix
}

func (r *Receiver) trusted(address netip.Addr) bool {
	return slices.ContainsFunc(r.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(address) })
}

// parseAddress reads an IP address with or without a port; the zero Addr is
// none.
func parseAddress(s string) netip.Addr {
	if host, _, err := net.SplitHostPort(s); err == nil {
		s = host
	}
	address, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return address.Unmap().WithZone("")
}
