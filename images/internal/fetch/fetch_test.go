package fetch

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"awscdk.dev/operator/images/internal/recipe"
)

// mirror is a server of packages; requests counts who asked for what.
type mirror struct {
	*httptest.Server
	mutex    sync.Mutex
	requests []string
}

func serve(t *testing.T, files map[string]string) *mirror {
	t.Helper()
	m := &mirror{}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mutex.Lock()
		m.requests = append(m.requests, r.URL.Path)
		m.mutex.Unlock()
		content, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, content)
	}))
	t.Cleanup(m.Close)
	return m
}

func locked(name, content string) recipe.DebianPackage {
	return recipe.DebianPackage{
		Name: name, Version: "1.0-1", Architecture: "amd64", Archive: "debian",
		Path: "pool/" + name + ".deb", SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(content))),
	}
}

// downloaders are the two that packages come by; apt only where the machine has it.
func downloaders() map[string]Downloader {
	all := map[string]Downloader{"plain HTTP": HTTP{Client: http.DefaultClient}}
	if _, err := os.Stat(aptHelper); err == nil {
		all["apt"] = Apt{}
	}
	return all
}

const page = "<!DOCTYPE html><html><body>Please log in</body></html>"

func TestDebianPackages(t *testing.T) {
	lock := func(names ...string) *recipe.Lock {
		l := &recipe.Lock{Debian: map[string][]recipe.DebianPackage{}}
		for _, name := range names {
			l.Debian["amd64"] = append(l.Debian["amd64"], locked(name, "content of "+name))
		}
		return l
	}
	tests := map[string]struct {
		mirror, snapshot map[string]string
		want             []string // parts of the error; none when it must succeed
		never            string   // what the error must not have
	}{
		"all are on the mirror": {
			mirror: map[string]string{"/debian/pool/jq.deb": "content of jq", "/debian/pool/git.deb": "content of git"},
		},
		"one has vanished from the mirror, and the snapshot has it": {
			mirror:   map[string]string{"/debian/pool/jq.deb": "content of jq"},
			snapshot: map[string]string{"/snapshot/pool/git.deb": "content of git"},
		},
		"one is damaged on the mirror, and the snapshot has it": {
			mirror:   map[string]string{"/debian/pool/jq.deb": "content of jq", "/debian/pool/git.deb": "content of gti"},
			snapshot: map[string]string{"/snapshot/pool/git.deb": "content of git"},
		},
		"one is nowhere": {
			mirror: map[string]string{"/debian/pool/jq.deb": "content of jq"},
			want:   []string{"1 of the locked Debian packages could not be had: git 1.0-1 (amd64)", `run "make images-lock"`, "404"},
			never:  "jq 1.0-1",
		},
		"one is damaged everywhere": {
			mirror:   map[string]string{"/debian/pool/jq.deb": "content of jq", "/debian/pool/git.deb": "content of gti"},
			snapshot: map[string]string{"/snapshot/pool/git.deb": "content of gti"},
			want:     []string{"git 1.0-1 (amd64)", "the content is not what is locked", "sha256:"},
		},
		"the mirror answers with a web page": {
			mirror: map[string]string{"/debian/pool/jq.deb": page, "/debian/pool/git.deb": page},
			want:   []string{"2 of the locked Debian packages", "it is a web page: a proxy or a login page may have answered"},
		},
	}
	for by, downloader := range downloaders() {
		for name, test := range tests {
			t.Run(by+": "+name, func(t *testing.T) {
				first, second := serve(t, test.mirror), serve(t, test.snapshot)
				s := Sources{
					Cache: Cache{Dir: t.TempDir()}, Debian: downloader,
					Mirrors:   map[string]string{"debian": first.URL + "/debian"},
					Snapshots: map[string]string{"debian": second.URL + "/snapshot"},
				}
				l := lock("jq", "git")
				err := s.All(t.Context(), l, "amd64")
				expect(t, err, test.want, test.never)
				onlyWholeFiles(t, s, l)
			})
		}
	}
}

func expect(t *testing.T, err error, want []string, never string) {
	t.Helper()
	if len(want) == 0 {
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	if err == nil {
		t.Fatal("it succeeded")
	}
	for _, part := range want {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in the error:\n%v", part, err)
		}
	}
	if never != "" && strings.Contains(err.Error(), never) {
		t.Errorf("%q is in the error:\n%v", never, err)
	}
}

// onlyWholeFiles checks that the cache has nothing but what was locked.
func onlyWholeFiles(t *testing.T, s Sources, l *recipe.Lock) {
	t.Helper()
	known := make(map[string]bool)
	for _, p := range l.Debian["amd64"] {
		known["sha256-"+p.SHA256] = true
		if content, err := s.Cache.Read(SHA256(p.SHA256)); err == nil && string(content) != "content of "+p.Name {
			t.Errorf("%s has the content %q", p.Name, content)
		}
	}
	entries, err := os.ReadDir(s.Cache.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !known[entry.Name()] {
			t.Errorf("the cache has %s", entry.Name())
		}
	}
}

// A mirror that is down is told once, not a hundred times.
func TestErrorsAreBrief(t *testing.T) {
	l := &recipe.Lock{Debian: map[string][]recipe.DebianPackage{}}
	for i := range 100 {
		name := fmt.Sprintf("package-%d", i)
		l.Debian["amd64"] = append(l.Debian["amd64"], locked(name, name))
	}
	for by, downloader := range downloaders() {
		t.Run(by, func(t *testing.T) {
			m := serve(t, nil)
			mirrors := map[string]string{"debian": m.URL}
			s := Sources{Cache: Cache{Dir: t.TempDir()}, Debian: downloader, Mirrors: mirrors, Snapshots: mirrors}
			err := s.All(t.Context(), l, "amd64")
			expect(t, err, []string{"100 of the locked", "package-0 1.0-1 (amd64)", "and 92 more", "404"}, "package-99")
			if err != nil && len(err.Error()) > 6000 {
				t.Errorf("the error has %d characters:\n%v", len(err.Error()), err)
			}
		})
	}
}

func TestWhatIsCachedIsNotDownloadedAgain(t *testing.T) {
	m := serve(t, map[string]string{"/debian/pool/jq.deb": "content of jq"})
	s := Sources{Cache: Cache{Dir: t.TempDir()}, Debian: HTTP{Client: m.Client()}, Mirrors: map[string]string{"debian": m.URL + "/debian"}}
	l := &recipe.Lock{Debian: map[string][]recipe.DebianPackage{"amd64": {locked("jq", "content of jq")}}}
	for range 3 {
		if err := s.All(t.Context(), l, "amd64"); err != nil {
			t.Fatal(err)
		}
	}
	if len(m.requests) != 1 {
		t.Errorf("the mirror was asked for %q", m.requests)
	}
}

func TestCacheDamagedLaterIsNoticed(t *testing.T) {
	c := Cache{Dir: t.TempDir()}
	h := SHA256(locked("jq", "content of jq").SHA256)
	if err := os.WriteFile(c.Path(h), []byte("content of qj"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(h); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "remove "+c.Path(h)) {
		t.Errorf("error %v", err)
	}
}

func TestNpmPackages(t *testing.T) {
	sum := sha512.Sum512([]byte("content of cdk"))
	p := recipe.NpmPackage{Name: "aws-cdk", Version: "2.0.0", Integrity: "sha512-" + base64.StdEncoding.EncodeToString(sum[:])}
	tests := map[string]struct {
		content string
		npm     error
		want    []string
	}{
		"the package that is locked":             {content: "content of cdk"},
		"another package of the same version":    {content: "content of kdc", want: []string{"npm package aws-cdk 2.0.0", "the content is not what is locked"}},
		"a package that was taken back":          {npm: errors.New("npm error 404"), want: []string{"npm package aws-cdk 2.0.0", "404"}},
		"a registry that answers with web pages": {content: page, want: []string{"it is a web page"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := Sources{Cache: Cache{Dir: t.TempDir()}, Npm: func(_ context.Context, dir, _, _ string) (string, error) {
				file := filepath.Join(dir, "package.tgz")
				return file, errors.Join(test.npm, os.WriteFile(file, []byte(test.content), 0o600))
			}}
			expect(t, s.All(t.Context(), &recipe.Lock{Npm: []recipe.NpmPackage{p}}, "amd64"), test.want, "")
			if hash, _ := Integrity(p.Integrity); s.Cache.Has(hash) != (len(test.want) == 0) {
				t.Errorf("in the cache: %t", s.Cache.Has(hash))
			}
		})
	}
}

func TestWeakIntegrityIsRefused(t *testing.T) {
	for _, value := range []string{"", "sha1-qUqP5cyxm6YcTAhz05Hph5gvu9M=", "sha512-", "sha512-AAAA", "md5-AAAA"} {
		if hash, err := Integrity(value); err == nil {
			t.Errorf("%q is taken as %s", value, hash)
		}
	}
}
