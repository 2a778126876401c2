package cloudformation

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"awscdk.dev/operator/internal/bootstrap"
)

// BootstrapVersion is the version of the CDK's bootstrap stack, from the SSM
// parameter that the assembly names. ErrNotBootstrapped says what to run.
//
// An answer that is at least as high as what the app needs is shared with all who
// ask about the same account and region, for a minute. A lower one and an error are
// never taken from others: whoever bootstraps is heard at the next call.
func (c *Client) BootstrapVersion(ctx context.Context, parameter string, least int) (int, error) {
	if version, ok := c.bootstraps.get(c.bootstrapKey(parameter)); ok && version >= least {
		return version, nil
	}
	version, err := c.readBootstrap(ctx, parameter)
	if err == nil {
		c.bootstraps.put(c.bootstrapKey(parameter), version)
	}
	return version, err
}

// bootstrapKey names the answer of a parameter in the account that AWS has named,
// "" when it has not named any yet.
func (c *Client) bootstrapKey(parameter string) bootstrapKey {
	if id := c.knownIdentity(); id != nil {
		return bootstrapKey{id.Account, c.target.Region, parameter}
	}
	return bootstrapKey{}
}

const (
	// bootstrapFresh is how long an answer is shared.
	bootstrapFresh = time.Minute
	// maxBootstraps is how many are kept.
	maxBootstraps = 1024
)

// bootstrapKey is all that an answer depends on.
type bootstrapKey struct{ account, region, parameter string }

// bootstraps are versions of bootstrap stacks that were read a short time ago. It
// is safe for concurrent use.
type bootstraps struct {
	now func() time.Time

	mu   sync.Mutex
	read map[bootstrapKey]bootstrapAnswer
}

type bootstrapAnswer struct {
	version int
	at      time.Time
}

func (b *bootstraps) get(key bootstrapKey) (version int, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	found, ok := b.read[key]
	return found.version, ok && b.now().Sub(found.at) < bootstrapFresh
}

func (b *bootstraps) put(key bootstrapKey, version int) {
	if key.account == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.read == nil || len(b.read) >= maxBootstraps {
		b.read = map[bootstrapKey]bootstrapAnswer{} // those in use are read again
	}
	b.read[key] = bootstrapAnswer{version, b.now()}
}

func (c *Client) readBootstrap(ctx context.Context, parameter string) (int, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	api, err := c.apis(ctx)
	if err != nil {
		return 0, err
	}
	const doing = "read the bootstrap version"
	out, err := api.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: &parameter})
	if err = c.explain(ctx, doing, err); errors.Is(err, ErrNotFound) {
		return 0, &Error{
			Kind:    ErrNotBootstrapped,
			Doing:   doing,
			Code:    code(err),
			Message: fmt.Sprintf("there is no SSM parameter %s: run %s", parameter, bootstrap.Command(c.environment(ctx), parameter)),
			Err:     err,
		}
	}
	if err != nil {
		return 0, err
	}
	text := aws.ToString(out.Parameter.Value)
	version, err := strconv.Atoi(text)
	if err != nil {
		return 0, &Error{Kind: ErrNotBootstrapped, Doing: doing, Message: fmt.Sprintf("SSM parameter %s holds %q, which is no version: run %s", parameter, text, bootstrap.Again(c.environment(ctx), parameter))}
	}
	return version, nil
}
