package run

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"awscdk.dev/operator/internal/git"
	"awscdk.dev/operator/internal/problem"

	"github.com/google/go-cmp/cmp"
)

var secrets = Secrets{
	AWS:     map[string]string{"AWS_SECRET_ACCESS_KEY": "sesame-1"},
	Git:     git.Credentials{SSHPrivateKey: []byte("sesame-2"), Password: "sesame-3", Username: "bob", Holder: "app 7"},
	HookEnv: map[string]string{"TOKEN": "sesame-4"}, HookSecrets: []string{"TOKEN"},
	KubernetesToken: "sesame-5",
}

func TestSecretsNeverPrint(t *testing.T) {
	for _, text := range []string{secrets.String(), secrets.GoString(), secrets.LogValue().String(), fmt.Sprintf("%v %+v %#v %s", secrets, secrets, secrets, secrets)} {
		if strings.Contains(text, "sesame") {
			t.Errorf("secrets print as %q", text)
		}
	}
}

func TestSecretsReachTheRunWhole(t *testing.T) {
	data, err := json.Marshal(secrets)
	if err != nil {
		t.Fatal(err)
	}
	var got Secrets
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	plain := cmp.Options{cmp.AllowUnexported(git.App{}), cmp.Comparer(func(a, b []byte) bool { return string(a) == string(b) })}
	if !cmp.Equal(secrets, got, plain) {
		t.Error("a secret was lost or changed on its way")
	}
}

func TestEverySecretIsRedacted(t *testing.T) {
	r := secrets.Redactor("https://bob:sesame-6@example.com/x.git")
	for n := 1; n <= 6; n++ {
		if got := r.String(fmt.Sprintf("login sesame-%d failed", n)); got != "login *** failed" {
			t.Errorf("got %q", got)
		}
	}
	if got := r.String("bob"); got != "bob" {
		t.Errorf("a user name beside a password is no secret, and became %q", got)
	}
}

func TestTheResultOfAnEarlierVersionIsRead(t *testing.T) {
	dir := Dir(t.TempDir())
	text := `{"failure":{"step":"Installing","reason":"InstallFailed","message":"no registry","temporary":true},"steps":[{"name":"Cloning","duration":5}]}`
	if err := os.WriteFile(dir.Result(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := dir.ReadResult()
	if err != nil || got.Failure == nil || got.Failure.Reason != "InstallFailed" || got.Failure.Outlook != problem.Waits {
		t.Errorf("the result is read as %+v, %v", got, err)
	}
}
