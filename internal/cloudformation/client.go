package cloudformation

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"awscdk.dev/operator/internal/awsconfig"
)

// Client operates on the stacks of one target. It is safe for concurrent use.
type Client struct {
	target  Target
	options Options
	loader  *awsconfig.Loader
	// bucket paces the requests. It is the client's own until AWS has said
	// whose account it acts in, and then that of shared.
	bucket atomic.Pointer[bucket]
	shared func(account string) *bucket
	// bootstraps are those of all clients.
	bootstraps *bootstraps

	mu       sync.Mutex
	built    *apis
	identity *Identity
	asked    time.Time // when AWS was last asked whose account it is
}

type apis struct {
	cfg aws.Config
	cfn *cfn.Client
	s3  *s3.Client
	ssm *ssm.Client
	sts *sts.Client
}

// apis builds the SDK's clients when they are first needed.
func (c *Client) apis(ctx context.Context) (*apis, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.built != nil {
		return c.built, nil
	}
	cfg, err := c.loader.Config(ctx, awsconfig.Target{
		Credentials: c.target.Credentials,
		Region:      c.target.Region,
		Role:        c.target.Role,
	})
	if err != nil {
		return nil, err
	}
	c.built = &apis{
		cfg: cfg,
		cfn: cfn.NewFromConfig(cfg, cfn.WithAPIOptions(c.pace)),
		s3:  s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = awsconfig.PathStyle() }),
		ssm: ssm.NewFromConfig(cfg),
		sts: sts.NewFromConfig(cfg),
	}
	return c.built, nil
}

// Config is what clients of other services are made of that act as this one. Their
// requests have their turn with its own.
func (c *Client) Config(ctx context.Context) (aws.Config, error) {
	api, err := c.apis(ctx)
	if err != nil {
		return aws.Config{}, err
	}
	c.findBucket(ctx)
	cfg := api.cfg.Copy()
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), c.pace)
	return cfg, nil
}

// Hidden are the keys that no message about the client may have in it.
func (c *Client) Hidden() Credentials { return c.target.Credentials }

// bound gives a method its time limit.
func (c *Client) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.options.CallTimeout)
}

// operation is a method of the SDK's client.
type operation[In, Out any] func(*cfn.Client, context.Context, *In, ...func(*cfn.Options)) (*Out, error)

// call sends one request and explains its error.
func call[In, Out any](ctx context.Context, c *Client, doing string, op operation[In, Out], in *In) (*Out, error) {
	api, err := c.apis(ctx)
	if err != nil {
		return nil, err
	}
	c.findBucket(ctx)
	ctx = context.WithValue(ctx, attemptsKey{}, &attempts{})
	out, err := op(api.cfn, ctx, in)
	if err != nil {
		return nil, c.explain(ctx, doing, err)
	}
	return out, nil
}

// Identity is who AWS takes the client for.
type Identity struct {
	Account string
	ARN     string
}

// Identity asks STS, once.
func (c *Client) Identity(ctx context.Context) (Identity, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	if id := c.knownIdentity(); id != nil {
		return *id, nil
	}
	id, err := c.caller(ctx)
	if err != nil {
		return Identity{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.identity = &id
	c.bucket.Store(c.shared(id.Account))
	return id, nil
}

// caller asks STS who the client is at this moment: with a role that falls
// back, or an identity that the environment gives, that may change.
func (c *Client) caller(ctx context.Context) (Identity, error) {
	api, err := c.apis(ctx)
	if err != nil {
		return Identity{}, err
	}
	out, err := api.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return Identity{}, c.explain(ctx, "ask AWS who the credentials belong to", err)
	}
	return Identity{Account: aws.ToString(out.Account), ARN: aws.ToString(out.Arn)}, nil
}

// askAgain is how long a client paces itself when AWS does not say whose
// account it acts in.
const askAgain = time.Minute

// findBucket has the client share the bucket of its account, as AWS names it:
// the account in the ARN of a role is only what the app says. A client that AWS
// does not let in keeps a bucket of its own and takes nothing from anybody's.
func (c *Client) findBucket(ctx context.Context) {
	now := c.options.Now()
	c.mu.Lock()
	known := c.identity != nil || now.Sub(c.asked) < askAgain
	if !known {
		c.asked = now
	}
	c.mu.Unlock()
	if known {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.CallTimeout/4)
	defer cancel()
	_, _ = c.Identity(ctx) // what is wrong with the target shows at the call itself
}

func (c *Client) knownIdentity() *Identity {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.identity
}

// environment is the target as the CDK writes it: aws://ACCOUNT/REGION.
func (c *Client) environment(ctx context.Context) string {
	account := "ACCOUNT"
	if id, err := c.Identity(ctx); err == nil {
		account = id.Account
	}
	return fmt.Sprintf("aws://%s/%s", account, c.target.Region)
}
