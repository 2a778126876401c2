package cloudformation

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/internal/awsconfig/awstest"
)

const bootstrapParameter = "/cdk-bootstrap/hnb659fds/version"

func TestAMissingBootstrapSaysWhatToRun(t *testing.T) {
	c := newCloud(t)
	advice := "run `cdk bootstrap aws://" + awstest.Account + "/" + awstest.Region + "`"
	if _, err := c.BootstrapVersion(t.Context(), bootstrapParameter, 6); !errors.Is(err, ErrNotBootstrapped) || !strings.Contains(err.Error(), advice) {
		t.Errorf("missing: error is %v", err)
	}
	c.Parameter(t, bootstrapParameter, "many")
	if _, err := c.BootstrapVersion(t.Context(), bootstrapParameter, 6); !errors.Is(err, ErrNotBootstrapped) {
		t.Errorf("no number: error is %v", err)
	}
	own := " --qualifier own --toolkit-stack-name CDKToolkit-own`"
	if _, err := c.BootstrapVersion(t.Context(), "/cdk-bootstrap/own/version", 6); !errors.Is(err, ErrNotBootstrapped) || !strings.Contains(err.Error(), own) {
		t.Errorf("missing, with a qualifier: error is %v", err)
	}
}

// bootstrapped is a local AWS with two accounts and clients of both, by access key.
type bootstrapped struct {
	*awstest.Server
	t       *testing.T
	clock   clock
	clients *Clients
}

func (b *bootstrapped) version(key, parameter string, least int) (int, error) {
	b.t.Helper()
	c := b.clients.For(Target{Credentials: Credentials{AccessKeyID: key, SecretAccessKey: "secret"}, Region: awstest.Region})
	if _, err := c.Identity(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	return c.BootstrapVersion(b.t.Context(), parameter, least)
}

// reads fails the test when AWS was not read that often so far.
func (b *bootstrapped) reads(want int) {
	b.t.Helper()
	if n := len(b.Calls(b.t, "GetParameter")); n != want {
		b.t.Errorf("the parameter was read %d times, want %d", n, want)
	}
}

func TestABootstrapVersionIsSharedWithinItsAccount(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(keys, []byte(`{"AKIATEST": "`+awstest.Account+`", "AKIAONE": "`+awstest.Account+`", "AKIATWO": "`+awstest.Account+`", "AKIAOTHER": "210987654321"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	b := &bootstrapped{Server: awstest.Start(t, "--speed", "0", "--credentials", keys), t: t, clock: clock{time.Now()}}
	b.clients = NewClients(Options{Now: b.clock.now})
	expect := func(key, parameter string, least, want int) {
		t.Helper()
		if got, err := b.version(key, parameter, least); err != nil || got != want {
			t.Errorf("%s sees version %d, %v; want %d", key, got, err, want)
		}
	}
	if _, err := b.version("AKIAONE", bootstrapParameter, 6); !errors.Is(err, ErrNotBootstrapped) {
		t.Errorf("error is %v", err)
	}
	b.reads(1)
	b.Parameter(t, bootstrapParameter, "20")
	expect("AKIAONE", bootstrapParameter, 6, 20) // heard at once, after a refusal
	b.reads(2)
	for range 100 {
		expect("AKIAONE", bootstrapParameter, 6, 20)
		expect("AKIATWO", bootstrapParameter, 20, 20)
	}
	b.reads(2)
	if _, err := b.version("AKIAOTHER", bootstrapParameter, 6); !errors.Is(err, ErrNotBootstrapped) {
		t.Errorf("another account: error is %v", err)
	}
	if _, err := b.version("AKIAONE", "/cdk-bootstrap/own/version", 6); !errors.Is(err, ErrNotBootstrapped) {
		t.Errorf("another parameter: error is %v", err)
	}
	b.reads(4)
	expect("AKIAONE", bootstrapParameter, 21, 20) // too old for this app, which is no hearsay
	b.Parameter(t, bootstrapParameter, "21")
	expect("AKIATWO", bootstrapParameter, 21, 21)
	b.reads(6)
	b.clock.at = b.clock.at.Add(bootstrapFresh)
	expect("AKIAONE", bootstrapParameter, 6, 21)
	b.reads(7)
}
