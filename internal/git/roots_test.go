package git

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"awscdk.dev/operator/internal/git/gittest"
)

// TestTheManagerAndGitTrustTheSame lists and checks out, in a process of its
// own, with the authority's certificate where the environment says it is.
func TestTheManagerAndGitTrustTheSame(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	other := newForge(t, gittest.HTTPOptions{})
	write := func(name string, content []byte) string {
		path := filepath.Join(t.TempDir(), name)
		must(t, os.WriteFile(path, content, 0o600))
		return path
	}
	right, wrong := write("ca.crt", f.tls.CA), write("ca.crt", other.tls.CA)
	folder := filepath.Dir(write("not hashed.crt", f.tls.CA))
	must(t, syscall.Mkfifo(filepath.Join(folder, "fifo.crt"), 0o600)) // which blocks nobody
	for name, c := range map[string]struct {
		env     []string
		ca      []byte
		trusted bool
	}{
		"nothing said":                 {nil, nil, false},
		"SSL_CERT_FILE":                {[]string{"SSL_CERT_FILE=" + right}, nil, true},
		"SSL_CERT_DIR":                 {[]string{"SSL_CERT_DIR=" + folder}, nil, true},
		"SSL_CERT_DIR, two folders":    {[]string{"SSL_CERT_DIR=" + filepath.Dir(wrong) + ":" + folder}, nil, true},
		"GIT_SSL_CAINFO":               {[]string{"GIT_SSL_CAINFO=" + right}, nil, true},
		"GIT_SSL_CAPATH":               {[]string{"GIT_SSL_CAPATH=" + folder}, nil, true},
		"git's own wins":               {[]string{"GIT_SSL_CAINFO=" + wrong, "SSL_CERT_FILE=" + right}, nil, false},
		"another in SSL_CERT_FILE":     {[]string{"SSL_CERT_FILE=" + wrong}, nil, false},
		"the Secret's alone":           {[]string{"SSL_CERT_FILE=" + right, "SSL_CERT_DIR=" + folder, "GIT_SSL_CAPATH=" + folder}, other.tls.CA, false},
		"the Secret's":                 {[]string{"SSL_CERT_FILE=" + wrong, "GIT_SSL_CAINFO=" + wrong}, f.tls.CA, true},
		"a file that is not there":     {[]string{"SSL_CERT_FILE=/nonexistent", "SSL_CERT_DIR=" + folder}, nil, true},
		"Windows' line ends in a file": {[]string{"SSL_CERT_FILE=" + write("ca.crt", []byte("Our CA\r\n"+strings.ReplaceAll(string(f.tls.CA), "\n", "\r\n")))}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			credentials, err := json.Marshal(Credentials{CA: c.ca})
			must(t, err)
			for _, ref := range []string{"main", ""} { // both clients, and git alone
				cmd := checkoutCommand(t, filepath.Join(t.TempDir(), "mirrors"), f.tls.URL+"/app.git", f.first, filepath.Join(t.TempDir(), "checkout"))
				cmd.Env = append(append(cmd.Env, "SSL_CERT_FILE=", "SSL_CERT_DIR=", "GIT_SSL_CAINFO=", "GIT_SSL_CAPATH=", "GIT_TEST_REF="+ref, "GIT_TEST_CREDENTIALS="+string(credentials)), c.env...)
				out, err := cmd.CombinedOutput()
				if (err == nil) != c.trusted {
					t.Errorf("with ref %q: %v: %s", ref, err, out)
				}
			}
		})
	}
}

// TestGitTrustsNobodyElse asks git itself, with nothing of this package before
// it, whether the Secret's authority is the only one.
func TestGitTrustsNobodyElse(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	other := newForge(t, gittest.HTTPOptions{})
	for name, c := range map[string]struct {
		ca      []byte
		trusted bool
	}{"its authority": {f.tls.CA, true}, "another": {other.tls.CA, false}} {
		t.Run(name, func(t *testing.T) {
			remote := f.https(t)
			remote.Credentials.CA = c.ca
			run, err := newRunner(t.Context(), remote, filepath.Join(t.TempDir(), "homes"))
			must(t, err)
			defer run.close()
			_, err = run.git(t.Context(), t.TempDir(), "ls-remote", "--", run.address)
			if (err == nil) != c.trusted {
				t.Errorf("git ls-remote: %v", err)
			}
			if !strings.Contains(strings.Join(run.env, " "), "GIT_SSL_CAPATH="+run.home) {
				t.Error("git is left with the system's folder of authorities")
			}
		})
	}
}
