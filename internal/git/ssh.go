package git

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// sshVersion is the banner this client sends; servers log it.
const sshVersion = "SSH-2.0-awscdk-operator"

// listSSH logs in, runs git-upload-pack and asks it for refs.
func (s *session) listSSH(ctx context.Context, wanted func() []Selector) (*listing, error) {
	client, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	channel, err := client.NewSession()
	if err != nil {
		return nil, err
	}
	defer channel.Close()
	return s.uploadPack(channel, wanted)
}

// connect opens an authenticated connection that is closed when ctx ends.
func (s *session) connect(ctx context.Context) (*ssh.Client, error) {
	repository := s.remote.Repository
	address := repository.dialAddress()
	if len(s.remote.Credentials.SSHPrivateKey) == 0 {
		return nil, fail(ErrAuth, "%s wants an SSH key and none is given; name a Secret with ssh-privatekey in sshSecretName", repository)
	}
	key, err := parseSSHKey(s.remote.Credentials.SSHPrivateKey)
	if err != nil {
		return nil, err
	}
	trusted, err := trustFor(address, s.remote.Credentials.KnownHosts)
	if err != nil {
		return nil, err
	}
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	return s.handshake(conn, address, key.signer, trusted)
}

func (s *session) handshake(conn net.Conn, address string, signer ssh.Signer, trusted trust) (*ssh.Client, error) {
	var hostKeyErr error
	hostKeySeen := false
	config := &ssh.ClientConfig{
		User:              s.remote.Repository.login(),
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(signer)},
		ClientVersion:     sshVersion,
		HostKeyAlgorithms: trusted.algorithms(),
		HostKeyCallback: func(name string, remote net.Addr, key ssh.PublicKey) error {
			hostKeySeen = true
			hostKeyErr = trusted.check(name, remote, key)
			return hostKeyErr
		},
	}
	c, channels, requests, err := ssh.NewClientConn(conn, address, config)
	if err == nil {
		return ssh.NewClient(c, channels, requests), nil
	}
	_ = conn.Close()
	_, network := errors.AsType[net.Error](err)
	negotiation, _ := errors.AsType[*ssh.AlgorithmNegotiationError](err)
	switch {
	case hostKeyErr != nil:
		return nil, hostKeyErr
	case negotiation != nil && !hostKeySeen && len(config.HostKeyAlgorithms) > 0:
		return nil, failBecause(ErrHostKey, err, "%s offers no host key of a kind that known_hosts lists for it; update known_hosts in the Secret (%s prints the lines)", trusted.host, trusted.keyscan())
	case hostKeySeen && !network && !errors.Is(err, io.EOF):
		return nil, failBecause(ErrAuth, err, "%s refuses the SSH key %s for user %q; add its public half as a deploy key", s.remote.Repository, ssh.FingerprintSHA256(signer.PublicKey()), config.User)
	}
	return nil, err
}

// uploadPack speaks to a git-upload-pack on the other side.
func (s *session) uploadPack(channel *ssh.Session, wanted func() []Selector) (*listing, error) {
	stdin, err := channel.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := channel.StdoutPipe()
	if err != nil {
		return nil, err
	}
	var stderr boundedBuffer
	channel.Stderr = &stderr
	// A server that refuses the variable answers in version 0, which is read too.
	_ = channel.Setenv("GIT_PROTOCOL", "version=2")
	if err := channel.Start("git-upload-pack '" + s.remote.Repository.sshPath() + "'"); err != nil {
		return nil, err
	}
	list, err := converse(stdin, newPackets(stdout), wanted)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		// The other side gave up; it says why on its error stream.
		_ = channel.Wait()
		if text := printable(stderr.String()); text != "" {
			return nil, &remoteError{text: text}
		}
	}
	return list, err
}

// converse lists refs in whichever version the other side chose.
func converse(stdin io.WriteCloser, in *packets, wanted func() []Selector) (*listing, error) {
	defer stdin.Close()
	kind, data, err := in.next()
	if err != nil {
		return nil, err
	}
	if kind != dataPacket || string(data) != "version 2" {
		list := newListing(wanted())
		err := list.readV0(bytes.Clone(data), in)
		_, _ = io.WriteString(stdin, "0000") // nothing more is wanted
		return list, err
	}
	format, err := readCapabilities(in)
	if err != nil {
		return nil, err
	}
	list := newListing(wanted())
	if _, err := stdin.Write(list.request(format)); err != nil {
		return nil, err
	}
	err = list.readV2(in)
	_, _ = io.WriteString(stdin, "0000")
	return list, err
}

// sshPath is the path as git-upload-pack wants it: ~user is not below the root.
func (r Repository) sshPath() string {
	if strings.HasPrefix(r.path, "/~") {
		return r.path[1:]
	}
	return r.path
}

// boundedBuffer keeps the first kilobyte that is written to it.
type boundedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf.Write(p[:min(len(p), 1024-b.buf.Len())])
	return len(p), nil
}

func (b *boundedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
