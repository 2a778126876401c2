package receiver

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// maxConnections bounds what is open at one time; more wait in the kernel.
const maxConnections = 1024

// NewServer returns a server for the handler that gives up on whoever is
// slow: 5 seconds for the headers, 15 for the whole request, 30 until the
// answer is written. Headers may have 16 KiB, about what git hosts send ten
// times over. What the server has to say goes to the log as debug lines, as
// anybody can cause it.
func NewServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       30 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// Serve listens on the address and serves the handler until the context ends;
// then it lets the requests in flight end, for 10 seconds.
func Serve(ctx context.Context, address string, handler http.Handler, log *slog.Logger) error {
	l, err := Listen(ctx, address)
	if err != nil {
		return err
	}
	server := NewServer(handler, log)
	log.Info("webhooks are received", "address", l.Addr().String())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve webhooks: %w", err)
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return fmt.Errorf("end the server of webhooks: %w", err)
	}
	return nil
}

// Listen opens the port that NewServer's server is to serve, for 1,024
// connections at a time.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for webhooks: %w", err)
	}
	return &bounded{Listener: l, free: make(chan struct{}, maxConnections), closed: make(chan struct{})}, nil
}

// bounded accepts as many connections as free has room for.
type bounded struct {
	net.Listener
	free   chan struct{}
	once   sync.Once
	closed chan struct{}
}

func (b *bounded) Accept() (net.Conn, error) {
	select {
	case b.free <- struct{}{}:
	case <-b.closed:
		return nil, net.ErrClosed
	}
	conn, err := b.Listener.Accept()
	if err != nil {
		<-b.free
		return nil, err // as net.Listener has it: http.Server asks what kind it is
	}
	return &counted{Conn: conn, done: func() { <-b.free }}, nil
}

func (b *bounded) Close() error {
	b.once.Do(func() { close(b.closed) })
	return b.Listener.Close()
}

// counted gives its place back when it is closed.
type counted struct {
	net.Conn
	once sync.Once
	done func()
}

func (c *counted) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.done)
	return err
}

// CloseWrite lets the server end its answer before it closes a connection
// whose request it did not read to the end; else the answer might get lost.
func (c *counted) CloseWrite() error {
	if half, can := c.Conn.(interface{ CloseWrite() error }); can {
		return half.CloseWrite()
	}
	return nil
}
