package awsconfig

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
)

// dialTimeout: the SDK's own 30 s would hold a worker for that long.
const dialTimeout = 4 * time.Second

// answerTimeout bounds the wait for an answer once a request has been sent; an
// upload may take as long as it makes headway.
const answerTimeout = time.Minute

// Options of a Loader.
type Options struct {
	// Now is the clock; required.
	Now func() time.Time
	// Log is where warnings go; nil drops them.
	Log *slog.Logger
	// AttemptTimeout bounds one HTTP exchange, body included; 0 is no bound.
	AttemptTimeout time.Duration
	// Attempts and MaxBackoff say how patient a call is with throttling,
	// faults of the service and of the network; 0 is as patient as the SDK
	// (3 attempts, 20 s).
	Attempts   int
	MaxBackoff time.Duration
}

// Loader makes SDK configurations that share one pool of connections. It is
// safe for concurrent use.
type Loader struct {
	options Options
	http    *awshttp.BuildableClient

	mu   sync.Mutex
	base *aws.Config
}

// NewLoader makes a Loader. Nothing is read before the first Config.
func NewLoader(options Options) *Loader {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	client := awshttp.NewBuildableClient().
		WithTimeout(options.AttemptTimeout).
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout }).
		WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConnsPerHost = 16
			t.TLSHandshakeTimeout = dialTimeout
			t.ResponseHeaderTimeout = answerTimeout
		})
	return &Loader{options: options, http: client}
}

// Target is whose resources are called, and as whom.
type Target struct {
	// Credentials to begin with; zero is the process's own identity.
	Credentials Credentials
	Region      string
	// Role is assumed with them, unless its ARN is "".
	Role Role
}

// Config returns the SDK's configuration for a target. It honours
// AWS_ENDPOINT_URL and the rest of the SDK's environment, except for the region
// and, unless the target's are zero, the credentials.
func (l *Loader) Config(ctx context.Context, t Target) (aws.Config, error) {
	base, err := l.load(ctx)
	if err != nil {
		return aws.Config{}, err
	}
	cfg := base.Copy()
	cfg.Region = t.Region
	if !t.Credentials.IsZero() {
		c := t.Credentials
		cfg.Credentials = credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, c.SessionToken)
	}
	if t.Role.ARN != "" {
		cfg.Credentials = l.assume(cfg, t)
	}
	return cfg, nil
}

// load reads the environment once; a failure is not remembered.
func (l *Loader) load(ctx context.Context) (*aws.Config, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.base != nil {
		return l.base, nil
	}
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithHTTPClient(l.http),
		config.WithRetryer(l.retryer),
		config.WithLogger(logging.Nop{}),
		config.WithAPIOptions([]func(*middleware.Stack) error{plainBody}),
	)
	if err != nil {
		return nil, Explain("load the AWS configuration", Credentials{}, err)
	}
	l.base = &cfg
	return l.base, nil
}

// retryer is the SDK's standard one. Its adaptive one is not used: once
// throttled, it holds a caller with little traffic to one request in two
// seconds for good, since it never lets the rate rise above twice the traffic
// that it measures.
func (l *Loader) retryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		if l.options.Attempts > 0 {
			o.MaxAttempts = l.options.Attempts
		}
		if l.options.MaxBackoff > 0 {
			o.MaxBackoff = l.options.MaxBackoff
		}
	})
}
