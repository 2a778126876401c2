package httpcheck_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// names is a name server of its own. Each name has a list of addresses; the next
// question gets the next, and the last stays.
type names struct {
	mu    sync.Mutex
	known map[string][]string
	asked []string
	conn  net.PacketConn
}

// serveNames answers until the test ends.
func serveNames(t *testing.T, known map[string][]string) *names {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &names{known: known, conn: conn}
	t.Cleanup(func() { _ = conn.Close() })
	go n.serve()
	return n
}

func (n *names) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", n.conn.LocalAddr().String())
	}}
}

func (n *names) serve() {
	buf := make([]byte, 1500)
	for {
		size, from, err := n.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(buf[:size]) != nil || len(m.Questions) == 0 {
			continue
		}
		n.answer(&m)
		if out, err := m.Pack(); err == nil {
			_, _ = n.conn.WriteTo(out, from)
		}
	}
}

func (n *names) answer(m *dnsmessage.Message) {
	n.mu.Lock()
	defer n.mu.Unlock()
	q := m.Questions[0]
	name := strings.TrimSuffix(strings.ToLower(q.Name.String()), ".")
	n.asked = append(n.asked, name)
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	all := n.known[name]
	switch {
	case len(all) == 0:
		m.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA:
		for _, one := range strings.Split(all[0], " ") {
			var a dnsmessage.AResource
			copy(a.A[:], net.ParseIP(one).To4())
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}, Body: &a})
		}
		if len(all) > 1 {
			n.known[name] = all[1:]
		}
	}
}

// questions are the names that were asked for.
func (n *names) questions() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.asked...)
}
