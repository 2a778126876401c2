package git

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"awscdk.dev/operator/internal/problem"
)

// agent is how this client names itself to servers.
const agent = "git/awscdk-operator"

// session lists the refs of one remote, again and again. It remembers what it
// learnt about the server, so that later listings take fewer round trips. One
// listing at a time.
type session struct {
	remote Remote      // with the credentials that are sent
	given  Credentials // those that remote's are made of; differ for a GitHub App
	apps   *Apps       // makes tokens of GitHub Apps; nil when there are to be none

	client   *http.Client // over HTTP; nil until the first listing
	base     string       // over HTTP: the address after redirects, once the server spoke version 2
	location string       // over HTTP: where a redirect led, if one did
	format   string       // the object format to name in requests, when the server wants it named
}

func newSession(remote Remote) *session {
	return &session{remote: remote, given: remote.Credentials}
}

// list asks the server once. wanted is called as late as the protocol allows,
// so that whoever asks while the connection is being made is served too. The
// error is of one of this package's kinds.
func (s *session) list(ctx context.Context, wanted func() []Selector) (*listing, error) {
	within, cancel := context.WithCancel(ctx)
	defer cancel() // closes the connection, however the listing ended
	if err := s.logIn(within); err != nil {
		return nil, err
	}
	list, err := s.ask(within, wanted)
	if err == nil {
		return list, nil
	}
	err = s.explain(ctx, err)
	if errors.Is(err, ErrAuth) && !s.given.App.IsZero() {
		s.apps.refused(s.remote.Credentials)
	}
	return nil, err
}

// logIn checks the credentials and puts a token into the place of an App.
func (s *session) logIn(ctx context.Context) error {
	if err := s.given.Validate(); err != nil || s.given.App.IsZero() {
		return err
	}
	if s.apps == nil {
		return errors.New("a GitHub App's key was not exchanged for a token")
	}
	plain, err := s.apps.plain(ctx, Remote{s.remote.Repository, s.given}, tokenMargin)
	if err == nil {
		s.remote.Credentials = plain
	}
	return err
}

// lookTimeout bounds one listing for those who wait for it.
const lookTimeout = 30 * time.Second

// probe says whether the repository can be listed at all.
func (s *session) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	_, err := s.list(ctx, func() []Selector { return []Selector{{Ref: "HEAD"}} })
	return err
}

func (s *session) ask(ctx context.Context, wanted func() []Selector) (*listing, error) {
	if s.remote.Repository.ssh() {
		return s.listSSH(ctx, wanted)
	}
	return s.listHTTP(ctx, wanted)
}

func (s *session) close() {
	if s.client != nil && s.client != sharedClient() {
		s.client.CloseIdleConnections()
	}
}

// explain turns what went wrong on the way into an error for a person. Errors
// that are explained already pass through.
func (s *session) explain(ctx context.Context, err error) error {
	repository := s.remote.Repository
	if f, ok := errors.AsType[*problem.Problem](err); ok {
		return f
	}
	if ctx.Err() != nil {
		return failBecause(ErrUnreachable, ctx.Err(), "%s did not answer in time; it is tried again", repository)
	}
	if remote, ok := errors.AsType[*remoteError](err); ok {
		return explainText(repository, remote.text)
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return failBecause(ErrUnreachable, err, "the host of %s has no address (%s); check its name and the cluster's DNS", repository, dns.Name)
	}
	if errors.Is(err, errNotGit) {
		return failBecause(ErrProtocol, err, "%s does not speak git; check that the address is a repository's clone address", repository)
	}
	return failBecause(ErrUnreachable, err, "cannot reach %s: %s; it is tried again", repository, printable(cause(err)))
}

// explainText reads what a server said in words. The words differ by host;
// what is not understood is shown.
func explainText(repository Repository, text string) error {
	lower := strings.ToLower(text)
	for _, phrase := range []string{"not found", "does not appear to be", "does not exist", "could not be found", "no such", "doesn't exist"} {
		if strings.Contains(lower, phrase) {
			return fail(ErrNotFound, "%s does not exist, or these credentials may not see it (the server says: %s)", repository, text)
		}
	}
	for _, phrase := range []string{"denied", "not allowed", "unauthorized", "forbidden", "access", "permission"} {
		if strings.Contains(lower, phrase) {
			return fail(ErrAuth, "%s refuses these credentials (the server says: %s)", repository, text)
		}
	}
	return fail(ErrProtocol, "%s answers with an error (the server says: %s)", repository, text)
}

// cause returns the innermost message that says something: outer ones repeat
// the address.
func cause(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Sprintf("%s: %v", op.Op, op.Err)
	}
	return err.Error()
}
