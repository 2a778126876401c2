package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// fleet is what runs where the service's stacks say so: a machine for each colour,
// at an address of its own, which answers as the release that its stack names. A
// machine whose release changes is stopped, and begins anew.
type fleet struct {
	mu       sync.Mutex
	machines map[string]*machine // by colour
	// held are the colours whose machines do not begin, until the channel is closed.
	held map[string]chan struct{}
}

type machine struct {
	release string
	// server is nil while the machine is down; on is where it listens.
	server *http.Server
	on     string
}

// addresses are those of the machines, in the network of the stacks.
var addresses = map[string]string{"10.0.1.10:8080": "blue", "10.0.2.10:8080": "green"}

func newFleet(t *testing.T) *fleet {
	f := &fleet{machines: map[string]*machine{}, held: map[string]chan struct{}{}}
	t.Cleanup(func() { f.run(nil) })
	return f
}

// run has the machines run these releases, and no others.
func (f *fleet) run(releases map[string]string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for colour, m := range f.machines {
		if releases[colour] == m.release {
			continue
		}
		if m.server != nil {
			_ = m.server.Close() // whoever is being answered is cut off
		}
		delete(f.machines, colour)
	}
	for colour, release := range releases {
		if f.machines[colour] == nil {
			f.machines[colour] = &machine{release: release}
			go f.begin(colour, f.machines[colour], f.held[colour])
		}
	}
}

// begin starts a machine, unless it is to run something else by then.
func (f *fleet) begin(colour string, m *machine, held <-chan struct{}) {
	if held != nil {
		<-held
	}
	time.Sleep(500 * time.Millisecond) // nothing starts in no time
	on, err := net.Listen("tcp", "127.0.0.1:0")
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil || f.machines[colour] != m {
		if err == nil {
			_ = on.Close()
		}
		return
	}
	m.on = on.Addr().String()
	m.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/health":
		case "/version":
			fmt.Fprint(w, m.release)
		default:
			fmt.Fprint(w, colour, " ", m.release)
		}
	})}
	go func() { _ = m.server.Serve(on) }()
}

// hold keeps the machine of a colour from beginning the next time, until it is let go.
func (f *fleet) hold(colour string) (letGo func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	held := make(chan struct{})
	f.held[colour] = held
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.held, colour)
		close(held)
	}
}

// down says whether the machine of a colour is to run a release, and does not.
func (f *fleet) down(colour, release string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.machines[colour]
	return m != nil && m.release == release && m.server == nil
}

// dial connects to the machine at an address.
func (f *fleet) dial(ctx context.Context, network, address string) (net.Conn, error) {
	f.mu.Lock()
	m := f.machines[addresses[address]]
	f.mu.Unlock()
	if m == nil || m.server == nil {
		return nil, fmt.Errorf("nobody listens at %s", address)
	}
	return (&net.Dialer{}).DialContext(ctx, network, m.on)
}
