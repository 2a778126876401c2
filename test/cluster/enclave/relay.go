package enclave

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync"
)

// Listen listens on a Unix socket in an enclave's folder.
func Listen(dir, socket string) (net.Listener, error) {
	return net.Listen("unix", filepath.Join(dir, socket))
}

// Relay lets everybody in the enclave reach, at a port of its address, what listens on a Unix socket in
// its folder: whoever does may be in the host's network.
func Relay(port, socket string) error {
	listener, err := net.Listen("tcp", net.JoinHostPort(Address, port))
	if err != nil {
		return fmt.Errorf("relay to %s: %w", socket, err)
	}
	path := filepath.Join(Dir(), socket)
	go Forward(listener, func() (net.Conn, error) { return net.Dial("unix", path) })
	return nil
}

// Forward connects whoever comes to a listener with what dial reaches, until the listener is closed.
func Forward(listener net.Listener, dial func() (net.Conn, error)) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			if far, err := dial(); err == nil {
				join(conn, far)
			}
		}()
	}
}

// join copies both ways until both sides have ended.
func join(near, far net.Conn) {
	defer far.Close()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1]) // It ends when either side does.
			if half, ok := way[0].(interface{ CloseWrite() error }); ok {
				_ = half.CloseWrite()
			}
		})
	}
	both.Wait()
}
