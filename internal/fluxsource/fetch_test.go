package fluxsource

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// serve offers a tarball as source-controller does.
func serve(t *testing.T, body []byte) Artifact {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }))
	t.Cleanup(server.Close)
	return Artifact{URL: server.URL + "/gitrepository/team/app/1.tar.gz", Revision: "main@sha1:" + strings.Repeat("ab", 20), Digest: digest(body)}
}

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func archive(t testing.TB, headers ...*tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	w := tar.NewWriter(zip)
	for _, h := range headers {
		if h.Typeflag == tar.TypeReg && h.Size == 0 {
			h.Size = int64(len("hello\n"))
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		must(t, w.WriteHeader(h))
		if h.Typeflag == tar.TypeReg {
			_, err := io.CopyN(w, strings.NewReader("hello\n"+strings.Repeat("\x00", int(h.Size))), h.Size)
			must(t, err)
		}
	}
	must(t, w.Close())
	must(t, zip.Close())
	return out.Bytes()
}

func file(name string) *tar.Header { return &tar.Header{Typeflag: tar.TypeReg, Name: name} }

func link(name, target string) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target}
}

func TestAnArtifactIsUnpacked(t *testing.T) {
	tree := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(tree, "stacks", "app"), 0o755))
	must(t, os.WriteFile(filepath.Join(tree, "stacks", "app", "cdk.json"), []byte("{}"), 0o600))
	must(t, os.WriteFile(filepath.Join(tree, "run.sh"), []byte("#!/bin/sh\n"), 0o755))
	must(t, os.Symlink("../run.sh", filepath.Join(tree, "stacks", "run")))
	must(t, os.Symlink("stacks/app", filepath.Join(tree, "current")))
	name := strings.Repeat("long", 40) + "/a b\"'*é"
	must(t, os.MkdirAll(filepath.Join(tree, filepath.Dir(name)), 0o755))
	must(t, os.WriteFile(filepath.Join(tree, name), []byte("odd"), 0o600))
	made, err := exec.Command("tar", "--create", "--gzip", "--directory", tree, ".").Output()
	must(t, err)
	dir := filepath.Join(t.TempDir(), "checkout")
	must(t, Fetch(t.Context(), serve(t, made), dir, Limits{}))
	for path, want := range map[string]string{"stacks/app/cdk.json": "{}", "stacks/run": "#!/bin/sh\n", "current/cdk.json": "{}", name: "odd"} {
		if got, err := os.ReadFile(filepath.Join(dir, path)); err != nil || string(got) != want {
			t.Errorf("%s = %q, %v, want %q", path, got, err, want)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "run.sh")); err != nil || info.Mode().Perm()&0o100 == 0 {
		t.Errorf("run.sh is %v, %v, want it executable", info.Mode(), err)
	}
	must(t, os.WriteFile(filepath.Join(dir, "stacks", "app", "node"), nil, 0o600)) // and it can be worked in
	if err := Fetch(t.Context(), serve(t, made), dir, Limits{}); err == nil {
		t.Error("a folder that is not empty was filled")
	}
}

func TestNothingIsWrittenOutside(t *testing.T) {
	zipped := func(text string) []byte {
		var out bytes.Buffer
		zip := gzip.NewWriter(&out)
		_, _ = zip.Write([]byte(text))
		_ = zip.Close()
		return out.Bytes()
	}
	whole := archive(t, file("a"), file("b"))
	cases := map[string][]byte{
		"an absolute path":                    archive(t, file("/tmp/outside")),
		"a path up":                           archive(t, file("../outside")),
		"a path down and up":                  archive(t, file("a/../../outside")),
		"a folder up":                         archive(t, &tar.Header{Typeflag: tar.TypeDir, Name: "../outside/"}),
		"an absolute link":                    archive(t, link("a", "/etc/passwd")),
		"a link up":                           archive(t, link("a", "../outside")),
		"a link up from a folder":             archive(t, link("a/b", "../../outside")),
		"a link up late":                      archive(t, link("a/b", "c/../../../outside")),
		"a link that goes up by another":      archive(t, link("p/q/a", "../.."), link("l", "p/q/a/../outside")),
		"a file through a link":               archive(t, link("a", "b"), file("a/c")),
		"a link through a link":               archive(t, link("p/q/a", "../.."), link("p/q/a/l", "../../../outside")),
		"a file over a link":                  archive(t, link("a", "b"), file("a")),
		"a link over a folder":                archive(t, file("a/b"), link("a", "b")),
		"a file twice":                        archive(t, file("a"), file("a")),
		"a file below a file":                 archive(t, file("a"), file("a/b")),
		"a hard link":                         archive(t, file("a"), &tar.Header{Typeflag: tar.TypeLink, Name: "b", Linkname: "a"}),
		"a hard link out":                     archive(t, &tar.Header{Typeflag: tar.TypeLink, Name: "b", Linkname: "/etc/passwd"}),
		"a device":                            archive(t, &tar.Header{Typeflag: tar.TypeChar, Name: "null", Devmajor: 1, Devminor: 3}),
		"a block device":                      archive(t, &tar.Header{Typeflag: tar.TypeBlock, Name: "sda", Devmajor: 8}),
		"a pipe":                              archive(t, &tar.Header{Typeflag: tar.TypeFifo, Name: "pipe"}),
		"a link to nothing":                   archive(t, link("a", "")),
		"a name that is too long":             archive(t, file(strings.Repeat("a", 300))),
		"an archive cut short":                whole[:len(whole)/2],
		"no archive":                          []byte("<html>sign in"),
		"no archive in it":                    zipped(strings.Repeat("<html>sign in", 100)),
		"a folder's own name":                 archive(t, file(".")),
		"a backslash, which is one elsewhere": archive(t, file(`..\outside`)),
	}
	for name, body := range cases {
		t.Run(name, func(t *testing.T) {
			above := t.TempDir()
			dir := filepath.Join(above, "checkout")
			if err := Fetch(t.Context(), serve(t, body), dir, Limits{}); !errors.Is(err, ErrUnsafe) {
				t.Errorf("Fetch = %v, want ErrUnsafe", err)
			}
			entries, err := os.ReadDir(above)
			if must(t, err); len(entries) > 1 {
				t.Errorf("%v lies beside the checkout", entries)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	large := &tar.Header{Typeflag: tar.TypeReg, Name: "large", Size: 40 << 20} // zeros: 40 KiB compressed
	many := make([]*tar.Header, 0, 200)
	for i := range 200 {
		many = append(many, file(fmt.Sprint(i)))
	}
	sparse := filepath.Join(t.TempDir(), "sparse")
	must(t, os.WriteFile(sparse, []byte("x"), 0o600))
	must(t, os.Truncate(sparse, 64<<20))
	bomb, err := exec.Command("tar", "--create", "--gzip", "--sparse", "--format=pax", "--directory", filepath.Dir(sparse), "sparse").Output()
	must(t, err)
	limits := Limits{Download: 1 << 20, Unpacked: 8 << 20, Entries: 100}
	for name, body := range map[string][]byte{
		"a file that unpacks large": archive(t, large), "many files": archive(t, many...), "a sparse file": bomb,
		"a large download": bytes.Repeat([]byte("x"), 2<<20),
	} {
		if err := Fetch(t.Context(), serve(t, body), filepath.Join(t.TempDir(), "checkout"), limits); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: Fetch = %v, want ErrTooLarge", name, err)
		}
	}
	must(t, Fetch(t.Context(), serve(t, archive(t, many[:100]...)), filepath.Join(t.TempDir(), "checkout"), limits))
}

func TestServersThatMisbehave(t *testing.T) {
	body := archive(t, file("a"))
	var elsewhere *httptest.Server
	mux := http.NewServeMux()
	mux.HandleFunc("/good", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/good", http.StatusFound) })
	mux.HandleFunc("/circle", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/circle", http.StatusFound) })
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+"/good", http.StatusFound)
	})
	mux.HandleFunc("/metadata", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/latest", http.StatusFound)
	})
	mux.HandleFunc("/file", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "file:///etc/passwd")
		w.WriteHeader(http.StatusFound)
	})
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	mux.HandleFunc("/forbidden", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/drip", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(body[:10])
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/short", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write(body[:10])
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	elsewhere = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("another host was asked") }))
	defer elsewhere.Close()
	for path, want := range map[string]error{
		"/good": nil, "/moved": nil, "/circle": ErrRedirect, "/away": ErrRedirect, "/metadata": ErrRedirect, "/file": ErrRedirect,
		"/none": ErrNotFound, "/broken": ErrUnreachable, "/forbidden": ErrInvalid, "/hang": ErrUnreachable, "/drip": ErrUnreachable, "/short": ErrUnreachable,
	} {
		err := Fetch(t.Context(), Artifact{URL: server.URL + path, Digest: digest(body)}, filepath.Join(t.TempDir(), "checkout"), Limits{Time: 2 * time.Second})
		if !errors.Is(err, want) {
			t.Errorf("%s: Fetch = %v, want %v", path, err, want)
		}
	}
	dir := filepath.Join(t.TempDir(), "checkout")
	if err := Fetch(t.Context(), Artifact{URL: server.URL + "/good", Digest: digest([]byte("other"))}, dir, Limits{}); !errors.Is(err, ErrDigest) {
		t.Errorf("another digest: Fetch = %v, want ErrDigest", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("what is not what its digest says was unpacked")
	}
	for name, a := range map[string]Artifact{
		"a file": {URL: "file:///etc/passwd", Digest: digest(nil)}, "no address": {Digest: digest(nil)}, "a password": {URL: "http://a:b@c/", Digest: digest(nil)},
		"no digest": {URL: server.URL}, "a weak digest": {URL: server.URL, Digest: "md5:" + strings.Repeat("ab", 16)}, "an odd digest": {URL: server.URL, Digest: "sha256:AB"},
	} {
		if err := Fetch(t.Context(), a, dir, Limits{}); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: Fetch = %v, want ErrInvalid", name, err)
		}
	}
}

func TestAnArtifactIsReadFromItsObject(t *testing.T) {
	read := func(text string) (Artifact, error) {
		var object map[string]any
		must(t, json.Unmarshal([]byte(text), &object))
		return FromObject(object)
	}
	sum := strings.Repeat("cd", 32)
	a, err := read(`{"kind":"GitRepository","metadata":{"namespace":"team","name":"app"},"status":{"artifact":{"url":"http://source-controller.flux-system.svc.cluster.local./gitrepository/team/app/x.tar.gz","revision":"main@sha1:` + strings.Repeat("ab", 20) + `","digest":"sha256:` + sum + `"},"conditions":[{"type":"Ready","status":"False","message":"failed to look again"}]}}`)
	if err != nil || a.Commit() != strings.Repeat("ab", 20) || a.Digest != "sha256:"+sum {
		t.Errorf("FromObject = %+v, %v", a, err)
	}
	for revision, want := range map[string]string{"latest@sha256:" + sum: sum, "sha256:" + sum: sum, "main/abc": sum, "v1:x": sum} {
		if got := (Artifact{Revision: revision, Digest: "sha256:" + sum}).Commit(); got != want {
			t.Errorf("the commit of %s = %s, want %s", revision, got, want)
		}
	}
	for text, says := range map[string]string{
		`{"kind":"Bucket","metadata":{"namespace":"team","name":"app"}}`:                                            "not fetched yet",
		`{"kind":"Bucket","status":{"conditions":[{"type":"Ready","status":"False","message":"no such\nbucket"}]}}`: "no such bucket",
		`{"kind":"Bucket","status":"x","metadata":7}`:                                                               "not fetched yet",
	} {
		if _, err := read(text); !errors.Is(err, ErrNotReady) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want ErrNotReady with %q", text, err, says)
		}
	}
	if _, err := read(`{"status":{"artifact":{"url":"file:///etc/passwd"}}}`); !errors.Is(err, ErrInvalid) {
		t.Errorf("an address that is a file: %v, want ErrInvalid", err)
	}
}
