// Package cloudformation talks to AWS CloudFormation on the manager's behalf:
// stacks, change sets, events, drift and deletion. Reads return what package
// decide observes, errors beside the values. Every write may be repeated: it
// carries a name or a token of the caller's, and the second time does nothing.
package cloudformation

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"awscdk.dev/operator/internal/awsconfig"
)

// Credentials are AWS keys; the zero value is the pod's own identity.
type Credentials = awsconfig.Credentials

// Defaults of Options.
const (
	DefaultMaxClients  = 256
	DefaultRate        = 10.0
	DefaultBurst       = 20
	DefaultCallTimeout = 15 * time.Second
)

// Options of Clients. Zero fields take the defaults, but Now is required.
type Options struct {
	// Now is the clock.
	Now func() time.Time
	// Log is where warnings go; nil drops them.
	Log *slog.Logger
	// MaxClients is how many clients are kept; the one that was not used for
	// longest goes first.
	MaxClients int
	// Rate and Burst bound the requests a second to CloudFormation, for each
	// account and region.
	Rate  float64
	Burst int
	// CallTimeout bounds each method of a Client, all its requests and
	// retries together: a worker is not held any longer.
	CallTimeout time.Duration
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxClients <= 0 {
		o.MaxClients = DefaultMaxClients
	}
	if o.Rate <= 0 {
		o.Rate = DefaultRate
	}
	if o.Burst <= 0 {
		o.Burst = DefaultBurst
	}
	if o.CallTimeout <= 0 {
		o.CallTimeout = DefaultCallTimeout
	}
	return o
}

// Target is where stacks are and as whom they are operated on.
type Target struct {
	// Credentials to begin with; zero is the pod's own identity.
	Credentials Credentials
	Region      string
	// Role is assumed with them, unless its ARN is "".
	Role awsconfig.Role
}

// Target is where the client operates, and as whom.
func (c *Client) Target() Target { return c.target }

// Clients is a bounded cache of clients. It is safe for concurrent use.
type Clients struct {
	options Options
	loader  *awsconfig.Loader

	// bootstraps are shared by the clients of an account.
	bootstraps *bootstraps

	mu      sync.Mutex
	clients *lru[clientKey, *Client]
	buckets *lru[bucketKey, *bucket]
}

// clientKey holds all that a client's session is made of: clients that differ
// in any of it must not share one.
type clientKey struct{ credentials, region, role string }

type bucketKey struct{ account, region string }

// NewClients makes an empty cache. AWS_ENDPOINT_URL and the rest of the SDK's
// environment are read when the first client is used.
func NewClients(options Options) *Clients {
	options = options.withDefaults()
	return &Clients{
		options:    options,
		bootstraps: &bootstraps{now: options.Now},
		loader: awsconfig.NewLoader(awsconfig.Options{
			Now: options.Now,
			Log: options.Log,
			// Room for a second attempt after one that hung.
			AttemptTimeout: options.CallTimeout * 3 / 5,
			// Little patience: a reconcile comes again by itself, and a
			// worker that waits serves no other stack.
			Attempts:   4,
			MaxBackoff: time.Second,
		}),
		clients: newLRU[clientKey, *Client](options.MaxClients),
		buckets: newLRU[bucketKey, *bucket](4 * options.MaxClients),
	}
}

// For returns the client of a target. It does not fail: what is wrong with
// the target shows at the first call.
func (c *Clients) For(t Target) *Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := clientKey{t.Credentials.Digest(), t.Region, t.Role.Key()}
	if client, ok := c.clients.get(key); ok {
		return client
	}
	client := &Client{target: t, options: c.options, loader: c.loader, bootstraps: c.bootstraps}
	client.shared = func(account string) *bucket { return c.bucketFor(account, t.Region) }
	client.bucket.Store(newBucket(c.options.Rate, c.options.Burst, c.options.Now))
	c.clients.put(key, client)
	return client
}

// Session makes temporary credentials of an identity, in the time of one call:
// see awsconfig.Loader.
func (c *Clients) Session(ctx context.Context, id awsconfig.Identity, lasts time.Duration) (awsconfig.Session, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.CallTimeout)
	defer cancel()
	return c.loader.Session(ctx, id, lasts)
}

// bucketFor returns the bucket that all clients of an account and region share.
func (c *Clients) bucketFor(account, region string) *bucket {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := bucketKey{account, region}
	if b, ok := c.buckets.get(key); ok {
		return b
	}
	b := newBucket(c.options.Rate, c.options.Burst, c.options.Now)
	c.buckets.put(key, b)
	return b
}
