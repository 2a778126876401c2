package git

import (
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/internal/git/gittest"
)

// noise is text that does not compress well, the same for the same seed.
func noise(seed uint64, bytes int) string {
	random := rand.New(rand.NewPCG(seed, seed))
	out := make([]byte, bytes)
	for i := range out {
		out[i] = byte(' ' + random.IntN(90))
	}
	return string(out)
}

// TestAServerThatSendsNothingIsGivenUp hangs in mid-session, where neither
// ssh nor git would end it.
func TestAServerThatSendsNothingIsGivenUp(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	second := f.commit(t, "two")
	f.hang(true)
	m := openMirrors(t, 0)
	m.stalled = time.Second
	for transport, remote := range f.transports(t) {
		if _, err := m.Checkout(t.Context(), remote, f.first, t.TempDir()); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "sent nothing for 1s") {
			t.Errorf("%s: Checkout = %v, want ErrUnreachable", transport, err)
		}
		if _, err := m.Inspect(t.Context(), remote, Change{Old: f.first, New: second, Include: []string{"lib"}}); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "sent nothing for 1s") {
			t.Errorf("%s: Inspect = %v, want ErrUnreachable", transport, err)
		}
	}
	f.hang(false)
	checkout(t, m, f.http(t), second, "two")
}

// TestALongHistoryIsNotFetched has a history a hundred times the limit.
func TestALongHistoryIsNotFetched(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	must(t, f.repo.Config("uploadpack.allowFilter", "true"))
	old := newForge(t, gittest.HTTPOptions{ProtocolV0: true})
	hashes := map[*forge][]string{}
	for _, forge := range []*forge{f, old} {
		for i := range 20 {
			hash, err := forge.repo.Commit(map[string]string{"docs/large": noise(uint64(i), 128<<10)}, "Large")
			must(t, err)
			hashes[forge] = append(hashes[forge], hash)
		}
		hash, err := forge.repo.Remove("Remove", "docs/large")
		must(t, err)
		hashes[forge] = append(hashes[forge], hash)
	}
	const limit = 24 << 10
	last := hashes[f][20]
	checkout(t, openMirrors(t, limit), f.http(t), last, "one")
	change := Change{Old: f.first, New: last, Include: []string{"lib/**"}}
	if got, err := openMirrors(t, limit).Inspect(t.Context(), f.http(t), change); err != nil || got.Touched {
		t.Errorf("Inspect = %+v, %v, want untouched", got, err)
	}
	// This one gives no single commit but a branch's, and filters nothing.
	old.web.Throttle(256 << 10) // slow enough to be seen growing
	if _, err := openMirrors(t, limit).Checkout(t.Context(), old.http(t), hashes[old][0], t.TempDir()); !errors.Is(err, ErrTooLarge) {
		t.Errorf("Checkout from an old server = %v, want ErrTooLarge", err)
	}
	change = Change{Old: old.first, New: hashes[old][20], Include: []string{"lib/**"}}
	if got, err := openMirrors(t, limit).Inspect(t.Context(), old.http(t), change); err != nil || !got.Touched || got.Rewritten {
		t.Errorf("Inspect at an old server = %+v, %v, want touched, as it cannot be told", got, err)
	}
}

// TestSmallPacksOfLargeTreesAreRefused checks out what is small on the wire.
func TestSmallPacksOfLargeTreesAreRefused(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	inflates, err := f.repo.Commit(map[string]string{"zeros": strings.Repeat("\x00", 32<<20)}, "Zeros")
	must(t, err)
	dir := t.TempDir()
	git := func(stdin string, args ...string) string {
		return execute(t, dir, []byte(stdin), "git", append([]string{"--git-dir=" + f.repo.Dir}, args...)...)
	}
	tree := "100644 blob " + git("x", "hash-object", "-w", "--stdin") + "\ta\n"
	for range 8 { // a hundred million files in eight trees
		hash := git(tree, "mktree")
		tree = ""
		for i := range 10 {
			tree += fmt.Sprintf("040000 tree %s\t%d\n", hash, i)
		}
	}
	multiplies := git("", "commit-tree", "-p", f.first, "-m", "Bomb", git(tree, "mktree"))
	must(t, f.repo.Branch("bomb", multiplies))
	m := openMirrors(t, 1<<20)
	for name, hash := range map[string]string{"a file of zeros": inflates, "a tree that holds itself": multiplies} {
		if _, err := m.Checkout(t.Context(), f.http(t), hash, filepath.Join(t.TempDir(), "checkout")); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: Checkout = %v, want ErrTooLarge", name, err)
		}
	}
	got, err := m.Inspect(t.Context(), f.http(t), Change{Old: f.first, New: multiplies, Include: []string{"none"}})
	if err != nil || !got.Touched {
		t.Errorf("Inspect of a tree that holds itself = %+v, %v, want touched", got, err)
	}
	checkout(t, m, f.http(t), f.first, "one")
}

// TestAnEndlessPackIsCutOff meets a server that sends a file that never ends.
func TestAnEndlessPackIsCutOff(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := requestBodyCopy(r)
		if err != nil || !strings.Contains(body, "command=fetch") {
			f.web.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
		_, _ = w.Write(appendPacket(nil, "packfile\n"))
		endlessPack(bandWriter{w})
	}))
	defer server.Close()
	remote := Remote{Repository: parse(t, server.URL+"/app.git")}
	if _, err := openMirrors(t, 4<<20).Checkout(t.Context(), remote, f.first, t.TempDir()); !errors.Is(err, ErrTooLarge) {
		t.Errorf("Checkout = %v, want ErrTooLarge", err)
	}
}

// requestBodyCopy reads a request's body and leaves it to be read again.
func requestBodyCopy(r *http.Request) (string, error) {
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	return string(body), err
}

// bandWriter sends what is written as packets of the pack's band.
type bandWriter struct{ out io.Writer }

func (b bandWriter) Write(p []byte) (int, error) {
	for sent := 0; sent < len(p); {
		n := min(len(p)-sent, 60_000)
		packet := append(fmt.Appendf(nil, "%04x\x01", n+5), p[sent:sent+n]...)
		if _, err := b.out.Write(packet); err != nil {
			return sent, err
		}
		sent += n
	}
	return len(p), nil
}

// endlessPack writes a pack of one file, a terabyte by its header, until the
// other side has had enough.
func endlessPack(out io.Writer) {
	size := uint64(1) << 40
	header := []byte{'P', 'A', 'C', 'K', 0, 0, 0, 2, 0, 0, 0, 1, byte(0x80 | 3<<4 | size&15)}
	for size >>= 4; size > 0; size >>= 7 {
		b := byte(size & 127)
		if size > 127 {
			b |= 128
		}
		header = append(header, b)
	}
	if _, err := out.Write(header); err != nil {
		return
	}
	zip, _ := zlib.NewWriterLevel(out, zlib.NoCompression)
	for piece := []byte(noise(1, 64<<10)); ; {
		if _, err := zip.Write(piece); err != nil {
			return
		}
	}
}

// TestLinksOutOfTheCheckoutLeadNobody has links where files are expected.
func TestLinksOutOfTheCheckoutLeadNobody(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	outside := t.TempDir()
	must(t, os.WriteFile(filepath.Join(outside, "stack.ts"), []byte("theirs\n"), 0o600))
	// A folder, then a link in its place that leads out, then a folder again:
	// each checkout has a folder of its own, so that none writes through it.
	_, err := f.repo.Remove("Remove", "lib/stack.ts")
	must(t, err)
	linked, err := f.repo.CommitSymlink("lib", outside, "Link")
	must(t, err)
	_, err = f.repo.Remove("Remove", "lib")
	must(t, err)
	again := f.commit(t, "again")
	m := openMirrors(t, 0)
	dir := filepath.Join(t.TempDir(), "checkout")
	_, err = m.Checkout(t.Context(), f.http(t), linked, dir)
	must(t, err)
	if target, err := os.Readlink(filepath.Join(dir, "lib")); err != nil || target != outside {
		t.Errorf("lib is %q, %v, want the link as it was committed", target, err)
	}
	if _, err := ProjectPath(dir, "lib"); !errors.Is(err, ErrProjectPath) {
		t.Errorf("ProjectPath through the link = %v, want ErrProjectPath", err)
	}
	checkout(t, m, f.http(t), again, "again")
	if _, err := m.Checkout(t.Context(), f.http(t), again, dir); err == nil {
		t.Error("a checkout was made into a folder with a link in it")
	}
	if got := readFile(t, filepath.Join(outside, "stack.ts")); got != "theirs\n" {
		t.Errorf("the file outside holds %q", got)
	}
}
