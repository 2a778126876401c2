package gittest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// NewSSHKey makes a key pair: the private half in PEM form, the public half
// as a line of authorized_keys.
func NewSSHKey() (private, authorized []byte, err error) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make an ssh key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(key, "gittest")
	if err != nil {
		return nil, nil, fmt.Errorf("encode an ssh key: %w", err)
	}
	sshPublic, err := ssh.NewPublicKey(public)
	if err != nil {
		return nil, nil, fmt.Errorf("encode an ssh key: %w", err)
	}
	return pem.EncodeToMemory(block), ssh.MarshalAuthorizedKey(sshPublic), nil
}

// SSHServer serves every repository below a folder, read-only, to one key.
type SSHServer struct {
	Faults
	// URL of the folder, without a slash at the end: ssh://git@127.0.0.1:port.
	URL string

	root       string
	authorized ssh.PublicKey
	listener   net.Listener
	ctx        context.Context
	cancel     context.CancelFunc
	conns      atomic.Int64
	clients    sync.WaitGroup

	mu      sync.Mutex
	hostKey ssh.Signer
}

// ServeSSH serves the repositories below root on loopback until Close, to
// whoever holds the private half of the authorized key.
func ServeSSH(root string, authorizedKey []byte) (*SSHServer, error) {
	return ServeSSHAt("127.0.0.1:0", root, authorizedKey)
}

// ServeSSHAt is ServeSSH on another address.
func ServeSSHAt(address, root string, authorizedKey []byte) (*SSHServer, error) {
	authorized, _, _, _, err := ssh.ParseAuthorizedKey(authorizedKey)
	if err != nil {
		return nil, fmt.Errorf("read the authorized key: %w", err)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for git over ssh: %w", err)
	}
	s := &SSHServer{root: root, authorized: authorized, listener: listener, URL: "ssh://git@" + listener.Addr().String()}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.RotateHostKey(); err != nil {
		s.Close()
		return nil, err
	}
	go s.accept()
	return s, nil
}

// RotateHostKey gives the server another identity from the next connection
// on, as a host does that was rebuilt, or an impostor.
func (s *SSHServer) RotateHostKey() error {
	private, _, err := NewSSHKey()
	if err != nil {
		return err
	}
	signer, err := ssh.ParsePrivateKey(private)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hostKey = signer
	return nil
}

// KnownHosts returns the known_hosts line of the server's present host key.
func (s *SSHServer) KnownHosts() []byte {
	line := knownhosts.Line([]string{knownhosts.Normalize(s.listener.Addr().String())}, s.signer().PublicKey())
	return append([]byte(line), '\n')
}

// Connections returns how many TCP connections were accepted.
func (s *SSHServer) Connections() int64 { return s.conns.Load() }

// Close stops the server, cuts every connection and waits for their end.
func (s *SSHServer) Close() error {
	s.Hang(false)
	s.cancel()
	err := s.listener.Close()
	s.clients.Wait()
	return err
}

func (s *SSHServer) signer() ssh.Signer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hostKey
}

func (s *SSHServer) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.conns.Add(1)
		s.clients.Go(func() { s.serve(conn) })
	}
}

func (s *SSHServer) config() *ssh.ServerConfig {
	config := &ssh.ServerConfig{
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if bytes.Equal(key.Marshal(), s.authorized.Marshal()) {
				return nil, nil
			}
			return nil, errors.New("this key is not authorized")
		},
	}
	config.AddHostKey(s.signer())
	return config
}

func (s *SSHServer) serve(conn net.Conn) {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	context.AfterFunc(ctx, func() { conn.Close() })
	server, channels, requests, err := ssh.NewServerConn(conn, s.config())
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for incoming := range channels {
		if incoming.ChannelType() != "session" {
			incoming.Reject(ssh.UnknownChannelType, "sessions only")
			continue
		}
		channel, requests, err := incoming.Accept()
		if err != nil {
			break
		}
		go s.session(ctx, channel, requests)
	}
	server.Close()
}

// session answers one channel: an environment request or two, then a command.
func (s *SSHServer) session(ctx context.Context, channel ssh.Channel, requests <-chan *ssh.Request) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	protocol := ""
	for request := range requests {
		switch request.Type {
		case "env":
			var env struct{ Name, Value string }
			if ssh.Unmarshal(request.Payload, &env) == nil && env.Name == "GIT_PROTOCOL" {
				protocol = protocolVersion(env.Value)
			}
			request.Reply(true, nil)
		case "exec":
			var exec struct{ Command string }
			err := ssh.Unmarshal(request.Payload, &exec)
			request.Reply(err == nil, nil)
			go s.execute(ctx, channel, exec.Command, protocol)
		default:
			request.Reply(false, nil)
		}
	}
}

func (s *SSHServer) execute(ctx context.Context, channel ssh.Channel, command, protocol string) {
	defer channel.Close()
	status, ok := s.admit(ctx)
	if !ok {
		return
	}
	if status == 0 {
		status = s.command(ctx, channel, command, protocol)
	}
	code := struct{ Status uint32 }{uint32(status)}
	channel.SendRequest("exit-status", false, ssh.Marshal(code))
}

// command runs git-upload-pack 'path', and nothing else.
func (s *SSHServer) command(ctx context.Context, channel ssh.Channel, command, protocol string) int {
	path, ok := strings.CutPrefix(command, "git-upload-pack ")
	if !ok {
		fmt.Fprintln(channel.Stderr(), "only git-upload-pack is served here")
		return 1
	}
	path = strings.Trim(path, "'")
	dir, ok := repositoryDir(s.root, path)
	if !ok {
		fmt.Fprintf(channel.Stderr(), "fatal: '%s' does not appear to be a git repository\n", path)
		return 128
	}
	return s.pipe(uploadPackCommand(ctx, dir, protocol), channel, protocol)
}

// pipe connects a git-upload-pack to a client. What the client sends is
// looked at on its way, to count listings and fetches.
func (s *SSHServer) pipe(cmd *exec.Cmd, channel ssh.Channel, protocol string) int {
	if protocol == "" {
		s.listings.Add(1) // version 0 lists the refs at once
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return 1
	}
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	if err := cmd.Start(); err != nil {
		return 1
	}
	go func() {
		defer stdin.Close()
		io.Copy(io.MultiWriter(stdin, &commandCounter{faults: &s.Faults}), channel)
	}()
	if cmd.Wait() != nil {
		return 128
	}
	return 0
}

// commandCounter counts the commands of protocol version 2 in a stream.
type commandCounter struct{ faults *Faults }

func (c *commandCounter) Write(p []byte) (int, error) {
	c.faults.listings.Add(int64(bytes.Count(p, []byte("command=ls-refs"))))
	c.faults.fetches.Add(int64(bytes.Count(p, []byte("command=fetch"))))
	return len(p), nil
}
