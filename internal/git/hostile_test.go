package git

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/internal/git/gittest"
)

func TestAFetchFollowsARenameOnTheHostAlone(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	elsewhere := newForge(t, gittest.HTTPOptions{})
	mux := http.NewServeMux()
	mux.HandleFunc("/old.git/info/refs", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/app.git/info/refs?"+r.URL.RawQuery, http.StatusMovedPermanently)
	})
	mux.HandleFunc("/away.git/info/refs", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.web.URL+"/app.git/info/refs?"+r.URL.RawQuery, http.StatusMovedPermanently)
	})
	mux.HandleFunc("/file.git/info/refs", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "file://"+f.repo.Dir)
		w.WriteHeader(http.StatusFound)
	})
	mux.Handle("/", f.web)
	server := httptest.NewServer(mux)
	defer server.Close()
	at := func(name string) Remote {
		return Remote{Repository: parse(t, server.URL+name), Credentials: Credentials{Username: "ada", Password: "s3cret"}}
	}
	checkout(t, openMirrors(t, 0), at("/old.git"), f.first, "one")
	for _, name := range []string{"/away.git", "/file.git"} {
		if _, err := openMirrors(t, 0).Checkout(t.Context(), at(name), f.first, t.TempDir()); !errors.Is(err, ErrRedirect) {
			t.Errorf("%s: Checkout = %v, want ErrRedirect", name, err)
		}
	}
	if got := elsewhere.requests(); got != 0 {
		t.Errorf("the other host received %d requests, want none", got)
	}
}

func TestAHangingFetchEndsWithItsContext(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	m := openMirrors(t, 0)
	f.hang(true)
	for transport, remote := range f.transports(t) {
		before := f.requests()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			defer cancel()
			f.awaitRequest(t, before)
		}()
		_, err := m.Checkout(ctx, remote, f.first, filepath.Join(t.TempDir(), "checkout"))
		if !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: Checkout = %v, want ErrUnreachable", transport, err)
		}
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		left := processesWith(t, m.root)
		if len(left) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("processes were left behind: %v", left)
		}
	}
}

// processesWith lists the processes that were started with a text in their
// arguments or environment.
func processesWith(t *testing.T, text string) (out []string) {
	t.Helper()
	for _, path := range glob(t, "/proc", "[0-9]*/cmdline") {
		command, _ := os.ReadFile(path)
		environment, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "environ"))
		if strings.Contains(string(command)+string(environment), text) {
			out = append(out, strings.ReplaceAll(string(command), "\x00", " "))
		}
	}
	return out
}

// TestNobodyIsLedFromHTTPSToHTTP covers the look and the fetch.
func TestNobodyIsLedFromHTTPSToHTTP(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, f.web.URL+r.URL.RequestURI(), http.StatusFound)
	}))
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	remote := Remote{Repository: parse(t, server.URL+"/app.git"), Credentials: Credentials{Username: "ada", Password: "s3cret", CA: ca}}
	_, look := Resolve(t.Context(), remote, "main")
	_, fetch := openMirrors(t, 0).Checkout(t.Context(), remote, f.first, t.TempDir())
	_, inspect := openMirrors(t, 0).Inspect(t.Context(), remote, Change{New: f.first})
	for what, err := range map[string]error{"a look": look, "a fetch": fetch, "an inspection": inspect} {
		if !errors.Is(err, ErrRedirect) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want ErrRedirect", what, err)
		}
	}
	if got := f.web.Requests(); got != 0 {
		t.Errorf("%d requests arrived over HTTP, want none", got)
	}
}

func TestASubmoduleOfTheMetadataServiceIsLeftAlone(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	hash, err := f.repo.CommitSubmodule("vendor", "http://169.254.169.254/latest/meta-data", f.first, "Lure")
	must(t, err)
	dir, _ := checkout(t, openMirrors(t, 0), f.http(t), hash, "one")
	if entries, err := os.ReadDir(filepath.Join(dir, "vendor")); err != nil || len(entries) > 0 {
		t.Errorf("the submodule's folder holds %v, %v", entries, err)
	}
	if config := readFile(t, filepath.Join(dir, ".git", "config")); strings.Contains(config, "169.254") {
		t.Errorf("the submodule is set up: %s", config)
	}
}

func TestSubmodulesAreNotFetched(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	hash, err := f.repo.CommitSubmodule("vendor", f.tls.URL+"/latest/meta-data", f.first, "Lure")
	must(t, err)
	dir, _ := checkout(t, openMirrors(t, 0), f.http(t), hash, "one")
	entries, err := os.ReadDir(filepath.Join(dir, "vendor"))
	if err != nil || len(entries) > 0 || f.tls.Requests() > 0 {
		t.Errorf("the submodule's folder holds %v (%v), its server got %d requests", entries, err, f.tls.Requests())
	}
}

// TestNothingOfTheMachineOrTheMirrorRuns plants configuration and hooks where
// git looks for them, and in the mirror itself as a hostile build could.
func TestNothingOfTheMachineOrTheMirrorRuns(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{Username: "ada", Password: "right"})
	web := f.http(t)
	web.Credentials.Username, web.Credentials.Password = "ada", "right"
	second := f.commit(t, "two")
	home, trap := t.TempDir(), filepath.Join(t.TempDir(), "sprung")
	evil := fmt.Sprintf("[core]\n\tfsmonitor = touch %[1]s\n\tsshCommand = touch %[1]s\n\thooksPath = %[2]s\n[filter \"x\"]\n\tsmudge = touch %[1]s\n[credential]\n\thelper = \"!touch %[1]s\"\n[url \"file:///\"]\n\tinsteadOf = http://\n", trap, home)
	must(t, os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(evil), 0o600))
	for _, hook := range []string{"post-checkout", "reference-transaction", "post-index-change"} {
		must(t, os.WriteFile(filepath.Join(home, hook), []byte("#!/bin/sh\ntouch "+trap+"\n"), 0o700))
	}
	t.Setenv("HOME", home)
	t.Setenv("GIT_CONFIG_GLOBAL", filepath.Join(home, ".gitconfig"))
	t.Setenv("GIT_SSH_COMMAND", "touch "+trap)
	t.Setenv("GIT_ASKPASS", "/bin/false")
	t.Setenv("GIT_DIR", home)
	hash, err := f.repo.Commit(map[string]string{".gitattributes": "* filter=x\n"}, "Filter")
	must(t, err)
	m := openMirrors(t, 0)
	checkout(t, m, web, f.first, "one")
	store := glob(t, m.root, "*/1.git")[0]
	overwrite(t, store, "config", evil[:strings.Index(evil, "[url")])
	must(t, os.Mkdir(filepath.Join(store, "hooks"), 0o700))
	must(t, os.WriteFile(filepath.Join(store, "hooks", "reference-transaction"), []byte("#!/bin/sh\ntouch "+trap+"\n"), 0o700))
	checkout(t, m, web, second, "two")
	checkout(t, m, f.ssh(t), hash, "two")
	if _, err := os.Stat(trap); err == nil {
		t.Error("something planted was run")
	}
}

func TestSecretsAreNowhereOnDiskAfterwards(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{Username: "ada", Password: "s3cret"})
	remote := f.http(t)
	remote.Repository = parse(t, strings.Replace(f.web.URL, "://", "://ada:s3cret@", 1)+"/app.git")
	m := openMirrors(t, 0)
	dir, _ := checkout(t, m, remote, f.first, "one")
	for _, root := range []string{m.root, dir} {
		err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && strings.Contains(readFile(t, path), "s3cret") {
				t.Errorf("%s holds the password", path)
			}
			return err
		})
		must(t, err)
	}
}
