package cloudformation

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/awsconfig/awstest"
)

// impatient is a client that gives a call half a second.
func impatient(t Target) *Client {
	t.Region = awstest.Region
	return NewClients(Options{Now: time.Now, CallTimeout: 500 * time.Millisecond}).For(t)
}

func TestAStackThatIsThrottledIsReadAllTheSameOrCalledThrottled(t *testing.T) {
	c := newCloud(t)
	c.Fault(t, awstest.Fault{Service: "cloudformation", Action: "DescribeStacks", Code: "Throttling", Message: "Rate exceeded", Count: 20})
	looks := 0
	awstest.Eventually(t, "the stack is seen", func() bool {
		looks++
		seen := c.Stack(t.Context(), "app")
		if seen.Err != nil && !errors.Is(seen.Err, ErrThrottled) {
			t.Fatalf("error is %v, want ErrThrottled", seen.Err)
		}
		return seen.Seen
	})
	if looks > 10 || len(c.Calls(t, "DescribeStacks")) != 21 {
		t.Errorf("it took %d looks and %d calls", looks, len(c.Calls(t, "DescribeStacks")))
	}
}

func TestThrottlingThatOutlastsTheTimeLimitIsStillCalledThrottling(t *testing.T) {
	c := newCloud(t)
	c.Fault(t, awstest.Fault{Service: "cloudformation", Code: "Throttling", Message: "Rate exceeded", Count: -1})
	err := impatient(Target{Credentials: testKeys}).Stack(t.Context(), "app").Err
	if !errors.Is(err, ErrThrottled) || errors.Is(err, ErrUnreachable) {
		t.Errorf("error is %v, want ErrThrottled", err)
	}
}

func TestAnEndpointThatHangsIsUnreachableInTime(t *testing.T) {
	stop := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-stop
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(stop) })
	awstest.Env(t, server.URL)
	c := impatient(Target{Credentials: testKeys})
	for what, err := range map[string]error{
		"stack":      c.Stack(t.Context(), "app").Err,
		"change set": c.ChangeSet(t.Context(), "app", "op-1").Err,
		"events":     c.Events(t.Context(), "app", "op-1", time.Time{}).Err,
		"drift":      c.Drift(t.Context(), "id", "app", false).Err,
		"deletion":   c.DeleteStack(t.Context(), "app", "op-1", ""),
		"bootstrap":  second(c.BootstrapVersion(t.Context(), "/v", 6)),
		"a role":     impatient(Target{Credentials: testKeys, Role: awsconfig.Role{ARN: "arn:aws:iam::123456789012:role/r"}}).Stack(t.Context(), "app").Err,
	} {
		if !errors.Is(err, ErrUnreachable) || errors.Is(err, ErrThrottled) {
			t.Errorf("%s: error is %v, want ErrUnreachable", what, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestWrongCredentialsAreCalledSo(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(keys, []byte(`{"AKIAGOOD":"123456789012","AKIATEST":"123456789012"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	server := awstest.Start(t, "--credentials", keys)
	wrong := Credentials{AccessKeyID: "AKIAWRONG", SecretAccessKey: "the-secret-key"}
	clients := NewClients(Options{Now: time.Now})
	err := clients.For(Target{Credentials: wrong, Region: awstest.Region}).Stack(t.Context(), "app").Err
	if !errors.Is(err, ErrCredentials) || !strings.Contains(err.Error(), "in the Secret") || strings.Contains(err.Error(), "the-secret-key") {
		t.Errorf("error is %v, want ErrCredentials", err)
	}
	if n := len(server.Calls(t, "DescribeStacks")); n != 1 {
		t.Errorf("a refusal was asked for %d times", n)
	}
	good := clients.For(Target{Credentials: Credentials{AccessKeyID: "AKIAGOOD", SecretAccessKey: "x"}, Region: awstest.Region})
	if seen := good.Stack(t.Context(), "app"); !seen.Seen {
		t.Errorf("the right keys: %+v", seen)
	}
}

func TestADeniedActionIsNamed(t *testing.T) {
	c := newCloud(t)
	c.Fault(t, awstest.Fault{Service: "cloudformation", Code: "AccessDenied", Status: 403, Message: "User: arn:aws:iam::1:user/u is not authorized to perform: cloudformation:DescribeStacks"})
	err := c.Stack(t.Context(), "app").Err
	if !errors.Is(err, ErrAccessDenied) || !strings.Contains(err.Error(), "cloudformation:DescribeStacks") {
		t.Errorf("error is %v, want ErrAccessDenied", err)
	}
}

func TestAFaultOfTheServiceIsTriedAgain(t *testing.T) {
	c := newCloud(t)
	c.Fault(t, awstest.Fault{Service: "cloudformation", Action: "DescribeStacks", Code: "InternalFailure", Status: 500, Count: 2})
	if seen := c.Stack(t.Context(), "app"); !seen.Seen {
		t.Errorf("stack: %+v", seen)
	}
}

func TestIdentityIsAskedOnce(t *testing.T) {
	c := newCloud(t)
	for range 3 {
		id, err := c.Identity(t.Context())
		if err != nil || id.Account != awstest.Account || !strings.HasPrefix(id.ARN, "arn:aws:") {
			t.Fatalf("identity %+v, %v", id, err)
		}
	}
	if n := len(c.Calls(t, "GetCallerIdentity")); n != 1 {
		t.Errorf("STS was asked %d times", n)
	}
}
