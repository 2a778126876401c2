package awsconfig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// answer serves every request with one AWS error.
func answer(t *testing.T, status int, code, message string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `<ErrorResponse><Error><Code>%s</Code><Message>%s</Message></Error><RequestId>r</RequestId></ErrorResponse>`, code, message)
	}))
	t.Cleanup(server.Close)
	isolate(t, server.URL)
}

// isolate keeps the machine's own AWS settings out of a test.
func isolate(t *testing.T, endpoint string) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": endpoint, "AWS_ENDPOINT_URL_STS": "", "AWS_PROFILE": "", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "",
		"AWS_SESSION_TOKEN": "", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(name, value)
	}
}

// whoAmI makes a call as the credentials, with little patience.
func whoAmI(ctx context.Context, t *testing.T, creds Credentials) error {
	t.Helper()
	loader := NewLoader(Options{Now: func() time.Time { return time.Unix(1e9, 0) }})
	cfg, err := loader.Config(ctx, Target{Credentials: creds, Region: "eu-central-1"})
	if err != nil {
		t.Fatal(err)
	}
	client := sts.NewFromConfig(cfg, func(o *sts.Options) { o.RetryMaxAttempts = 1 })
	_, err = client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	return Explain("ask who we are", creds, err)
}

func TestAnswersOfAWSAreToldApart(t *testing.T) {
	for name, c := range map[string]struct {
		status        int
		code, message string
		want          error
		says          string
	}{
		"an unknown access key":         {403, "InvalidClientTokenId", "The security token is invalid", ErrCredentials, "correct AWS_ACCESS_KEY_ID"},
		"a wrong secret key":            {403, "SignatureDoesNotMatch", "canonical string: x-amz-security-token:s3cr3t-token", ErrCredentials, "AWS_SECRET_ACCESS_KEY does not belong"},
		"an expired session":            {400, "ExpiredToken", "expired", ErrCredentials, "have expired"},
		"a missing permission":          {403, "AccessDenied", "User: x is not authorized to perform: sts:GetCallerIdentity", ErrAccessDenied, "access denied to sts:GetCallerIdentity: User: x is not"},
		"throttling":                    {400, "Throttling", "Rate exceeded", ErrThrottled, "AWS throttles sts:GetCallerIdentity"},
		"throttling by status":          {429, "Whatever", "slow", ErrThrottled, "throttles"},
		"a fault of the service":        {503, "ServiceUnavailable", "down", ErrUnreachable, "failed on AWS's side (HTTP 503"},
		"a refused value":               {400, "ValidationError", "1 validation error detected", ErrValidation, "1 validation error detected"},
		"a message that holds a secret": {400, "ValidationError", "value s3cr3t-key is bad", ErrValidation, "value (hidden) is bad"},
	} {
		t.Run(name, func(t *testing.T) {
			answer(t, c.status, c.code, c.message)
			err := whoAmI(t.Context(), t, secretKeys)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "ask who we are: ") {
				t.Errorf("error is %v, want %v with %q", err, c.want, c.says)
			}
			if strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("a secret shows: %v", err)
			}
		})
	}
}

func TestSilenceIsToldApart(t *testing.T) {
	t.Run("nobody listens", func(t *testing.T) {
		server := httptest.NewServer(http.NotFoundHandler())
		isolate(t, server.URL)
		server.Close()
		wantUnreachable(t, whoAmI(t.Context(), t, secretKeys), "connection refused")
	})
	t.Run("no such host", func(t *testing.T) {
		isolate(t, "http://aws.invalid")
		wantUnreachable(t, whoAmI(t.Context(), t, secretKeys), "")
	})
	t.Run("an answer that never comes", func(t *testing.T) {
		stop := make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-stop
		}))
		t.Cleanup(server.Close)
		t.Cleanup(func() { close(stop) })
		isolate(t, server.URL)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		wantUnreachable(t, whoAmI(ctx, t, secretKeys), "did not answer sts:GetCallerIdentity in time")
	})
	t.Run("a cancelled call stays cancelled", func(t *testing.T) {
		isolate(t, "http://127.0.0.1:1")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := whoAmI(ctx, t, secretKeys); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnreachable) {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("no credentials anywhere", func(t *testing.T) {
		isolate(t, "http://127.0.0.1:1")
		err := whoAmI(t.Context(), t, Credentials{})
		if !errors.Is(err, ErrCredentials) || !strings.Contains(err.Error(), "name a Secret in credentialsSecretName") {
			t.Errorf("error is %v", err)
		}
	})
}

func wantUnreachable(t *testing.T, err error, says string) {
	t.Helper()
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), says) {
		t.Errorf("error is %v, want ErrUnreachable with %q", err, says)
	}
}

func TestExplainKeepsWhatWasExplained(t *testing.T) {
	if Explain("x", Credentials{}, nil) != nil {
		t.Error("no error became one")
	}
	inner := &Error{Kind: ErrThrottled, Message: "slowly"}
	err := Explain("read stack app", Credentials{}, fmt.Errorf("wrapped: %w", inner))
	if !errors.Is(err, ErrThrottled) || err.Error() != "read stack app: slowly" {
		t.Errorf("error is %v", err)
	}
}
