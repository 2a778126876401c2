package receiver

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"
)

const (
	// Path leads the paths of the receiver; the provider's name follows.
	Path = "/hooks/"
	// maxBody is what GitHub caps its payloads at; no other provider says it
	// sends more (https://docs.github.com/en/webhooks/webhook-events-and-payloads).
	maxBody = 25 << 20
	// smallBody is enough for all but the largest pushes. Bodies beyond it
	// have to share few places, so that memory is bounded by
	// inFlight*smallBody + largeInFlight*maxBody, and buffers twice as large
	// while they grow.
	smallBody = 256 << 10
	// inFlight bounds the requests that are worked on at one time, and
	// largeInFlight those among them with a large body.
	inFlight, largeInFlight = 128, 2
	// perAddress and largePerAddress bound those of one address among them.
	perAddress, largePerAddress = 32, 1
	// patience is how long a request waits for a place.
	patience = 5 * time.Second
	// maxRepositories bounds what one delivery may tell of.
	maxRepositories = 16
)

// Options are what a Receiver is made of. All are required except for those said
// to be optional.
type Options struct {
	// Secrets returns the secrets that are accepted, at the moment; see
	// Secrets for how they are kept in a Kubernetes Secret. It is asked at
	// most once in five seconds, and again after an error or an empty answer
	// at most once a second. Secrets shorter than 16 bytes count as none.
	Secrets func(context.Context) ([][]byte, error)
	// Pushed is told of each repository that changed, in the form that Normal
	// returns, from the goroutine of the request: it must not wait.
	Pushed  func(repository string)
	Now     func() time.Time
	Log     *slog.Logger
	Metrics *Metrics
	// TrustedProxies may say in X-Forwarded-For for whom they speak;
	// optional. Without them, all that comes through a proxy counts as the
	// proxy's own, and failures of one sender hold up the others.
	TrustedProxies []netip.Prefix
}

// Receiver is the HTTP handler of POST /hooks/{github,gitlab,bitbucket,generic}.
// Serve it by NewServer, whose timeouts it relies on.
type Receiver struct {
	Options
	secrets  secretCache
	seen     seen
	failures failures
	places   chan struct{}
	large    chan struct{}
	// shares and largeShares are those of single addresses in the places.
	shares, largeShares shares
}

// New returns a Receiver.
func New(o Options) *Receiver {
	return &Receiver{
		Options: o,
		secrets: secretCache{read: o.Secrets, turn: make(chan struct{}, 1)},
		places:  make(chan struct{}, inFlight),
		large:   make(chan struct{}, largeInFlight),
		shares:  shares{most: perAddress}, largeShares: shares{most: largePerAddress},
	}
}

// ServeHTTP answers one delivery. Its answers are short and tell the sender
// nothing but what it did wrong.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	name, p := lookup(req.URL.Path)
	if p == nil {
		r.answer(w, name, noSuchPath)
		return
	}
	if req.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		r.answer(w, name, notPost)
		return
	}
	address := r.sender(req)
	if wait := r.failures.wait(address, r.Now()); wait > 0 {
		w.Header().Set("Retry-After", seconds(wait))
		r.answer(w, name, tooManyFailures)
		return
	}
	leave := r.shares.enter(req.Context(), address)
	if leave == nil || !enter(req.Context(), r.places) {
		if leave != nil {
			leave()
		}
		w.Header().Set("Retry-After", seconds(patience))
		r.answer(w, name, tooBusy)
		return
	}
	defer func() { <-r.places; leave() }()
	v := r.receive(w, req, name, p)
	if v.failure {
		r.failures.count(address, r.Now())
		r.Log.Warn("a webhook was refused", "provider", name, "from", address.String(), "reason", v.text)
	}
	r.answer(w, name, v)
}

// receive reads and checks a delivery, and passes it on if it is a new push.
func (r *Receiver) receive(w http.ResponseWriter, req *http.Request, name string, p provider) verdict {
	secrets, err := r.secrets.get(req.Context(), r.Now)
	if req.Context().Err() != nil {
		return tooBusy // for the sender, who has gone
	}
	if err != nil {
		r.secrets.complain(r.Log, r.Now(), err)
		return noSecret
	}
	if req.ContentLength > maxBody {
		return tooLarge
	}
	if err := p.admit(req.Header, secrets, r.Now()); err != nil {
		return refusal(err)
	}
	body, v := r.body(w, req)
	if v != nil {
		return *v
	}
	if !p.verify(req.Header, body, secrets) {
		return refusal(errWrongProof)
	}
	e, err := p.read(req.Header, body)
	switch {
	case err != nil:
		r.Log.Warn("a signed webhook cannot be read", "provider", name, "error", err)
		return malformed
	case e.ping:
		return pong
	case e.ignored:
		return ignored
	}
	return r.push(name, deliveryKey(name, p.identity(req.Header), body), e)
}

// push tells of the repositories of a verified push, once.
func (r *Receiver) push(name string, key [32]byte, e event) verdict {
	repositories := normals(e.addresses)
	if len(repositories) == 0 {
		r.Log.Warn("a signed webhook names no repository that can be read", "provider", name)
		return noRepository
	}
	if !r.seen.add(key, r.Now()) {
		return alreadySeen
	}
	r.Log.Info("a push was announced", "provider", name, "repositories", strings.Join(repositories, " "))
	for _, repository := range repositories {
		r.Pushed(repository)
	}
	return accepted
}

// body reads all of the body, or says why it does not.
func (r *Receiver) body(w http.ResponseWriter, req *http.Request) ([]byte, *verdict) {
	body, err := io.ReadAll(io.LimitReader(req.Body, smallBody))
	if err == nil && len(body) == smallBody {
		leave := r.largeShares.enter(req.Context(), r.sender(req))
		if leave == nil {
			return nil, &tooBusy
		}
		defer leave()
		if !enter(req.Context(), r.large) {
			return nil, &tooBusy
		}
		defer func() { <-r.large }()
		var rest []byte
		rest, err = io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody-smallBody))
		body = append(body, rest...)
	}
	var over *http.MaxBytesError
	switch {
	case err == nil:
		return body, nil
	case errors.As(err, &over):
		return nil, &tooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &tooSlow
	}
	return nil, &brokenBody
}

// enter waits for a place, for a while.
func enter(ctx context.Context, places chan struct{}) bool {
	select {
	case places <- struct{}{}:
		return true
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case places <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// normals are the normal forms of the addresses that have one, each once.
func normals(addresses []string) []string {
	var all []string
	for _, address := range addresses {
		if n := Normal(address); n != "" && !slices.Contains(all, n) && len(all) < maxRepositories {
			all = append(all, n)
		}
	}
	return all
}
