package receiver

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// minSecret is what a secret must have in bytes. Whoever overhears one
	// delivery can try out shorter ones at leisure.
	minSecret = 16
	// secretAge is how old the secrets may be, secretRetry how long an error
	// or the lack of any stands, and secretTimeout how long reading may take.
	secretAge, secretRetry = 5 * time.Second, time.Second
	secretTimeout          = 3 * time.Second
	complainEvery          = time.Minute
)

var errNoSecret = fmt.Errorf("no secret of at least %d bytes is configured, so no webhook is accepted: "+
	"put one under the key token into the Secret of the webhook receiver", minSecret)

// Secrets picks the accepted secrets out of a Kubernetes Secret: the values of
// all keys that begin with "token", without white space around them. So a new
// one can be added as token-2 before the old one goes.
func Secrets(data map[string][]byte) [][]byte {
	var all [][]byte
	for _, key := range slices.Sorted(maps.Keys(data)) {
		if strings.HasPrefix(key, "token") {
			all = append(all, bytes.TrimSpace(data[key]))
		}
	}
	return all
}

// secretCache keeps a flood of requests from becoming one of reads.
type secretCache struct {
	read func(context.Context) ([][]byte, error)
	turn chan struct{} // held by the one who reads; has room for one

	mu         sync.Mutex
	known      [][]byte
	err        error
	at         time.Time
	complained time.Time
}

// get returns at least one secret, or why there is none. Secrets that could
// not be read again are not used any longer: they may have been withdrawn.
func (c *secretCache) get(ctx context.Context, now func() time.Time) ([][]byte, error) {
	if known, ok, err := c.current(now()); ok {
		return known, err
	}
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the webhook secrets: %w", ctx.Err())
	}
	if known, ok, err := c.current(now()); ok {
		return known, err // somebody else read them meanwhile
	}
	// Not bound to the request: what is read serves the others too.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), secretTimeout)
	defer cancel()
	all, err := c.read(ctx)
	if err != nil {
		err = fmt.Errorf("read the webhook secrets: %w", err)
	}
	usable := slices.DeleteFunc(slices.Clone(all), func(s []byte) bool { return len(s) < minSecret })
	if err == nil && len(usable) == 0 {
		err = errNoSecret
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.err, c.at = usable, err, now()
	return c.known, c.err
}

// current is the last answer, if it is not too old.
func (c *secretCache) current(now time.Time) (known [][]byte, ok bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	age := secretAge
	if c.err != nil {
		age = secretRetry
	}
	return c.known, !c.at.IsZero() && now.Sub(c.at) < age, c.err
}

// complain tells the operator's log why webhooks are not taken, once a minute.
func (c *secretCache) complain(log *slog.Logger, now time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.complained) < complainEvery {
		return
	}
	c.complained = now
	log.Error("webhooks are refused", "error", err)
}
