package rootfs

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
)

func archive(t *testing.T, headers ...tar.Header) *tar.Reader {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		data := strings.Repeat("x", int(h.Size))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return tar.NewReader(&b)
}

func all(name string) string { return name }

func TestUnpack(t *testing.T) {
	file := tar.Header{Typeflag: tar.TypeReg, Name: "./usr/bin/a", Mode: 0o755, Size: 3}
	tests := map[string]struct {
		entries []tar.Header
		want    map[string]string // mode, type and link by path
		err     string
	}{
		"folders above a file are made": {
			entries: []tar.Header{file},
			want:    map[string]string{"usr": "5 755 ", "usr/bin": "5 755 ", "usr/bin/a": "0 755 "},
		},
		"what is in a folder that is a link in Debian goes where the link points": {
			entries: []tar.Header{{Typeflag: tar.TypeReg, Name: "./lib/x86_64-linux-gnu/libc.so.6", Mode: 0o644}, {Typeflag: tar.TypeSymlink, Name: "lib", Linkname: "usr/lib"}},
			want: map[string]string{
				"usr": "5 755 ", "usr/lib": "5 755 ", "usr/lib/x86_64-linux-gnu": "5 755 ",
				"usr/lib/x86_64-linux-gnu/libc.so.6": "0 644 ", "lib": "2 777 usr/lib",
			},
		},
		"nothing gains rights by a set-user-ID or set-group-ID bit": {
			entries: []tar.Header{
				{Typeflag: tar.TypeReg, Name: "usr/su", Mode: 0o4755}, {Typeflag: tar.TypeReg, Name: "usr/agent", Mode: 0o2755},
				{Typeflag: tar.TypeDir, Name: "tmp", Mode: 0o1777},
			},
			want: map[string]string{"usr": "5 755 ", "usr/su": "0 755 ", "usr/agent": "0 755 ", "tmp": "5 1777 "},
		},
		"a hard link is the file": {
			entries: []tar.Header{file, {Typeflag: tar.TypeLink, Name: "usr/bin/b", Linkname: "./usr/bin/a"}},
			want:    map[string]string{"usr": "5 755 ", "usr/bin": "5 755 ", "usr/bin/a": "0 755 ", "usr/bin/b": "0 755 "},
		},
		"a link to nothing": {
			entries: []tar.Header{{Typeflag: tar.TypeLink, Name: "usr/bin/b", Linkname: "usr/bin/a"}},
			err:     "usr/bin/b: is a link to usr/bin/a, which the archive does not have before it",
		},
		"a path that leaves the root": {
			entries: []tar.Header{{Typeflag: tar.TypeReg, Name: "usr/../../etc/passwd"}},
			err:     `the path "usr/../../etc/passwd" leaves the root`,
		},
		"a device": {
			entries: []tar.Header{{Typeflag: tar.TypeChar, Name: "dev/null"}},
			err:     `dev/null: files of type '3' have no place in an image`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			tree := make(Tree)
			err := tree.Unpack(archive(t, test.entries...), all)
			if got := text(err); got != test.err {
				t.Fatalf("error %q, want %q", got, test.err)
			}
			if test.err != "" {
				return
			}
			got := make(map[string]string)
			for path, f := range tree {
				got[path] = string(f.Type) + " " + strconv.FormatInt(f.Mode, 8) + " " + f.Link
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// The target of a hard link may be stripped, or come later by name.
func TestHardLinkOutlivesItsTarget(t *testing.T) {
	tree := make(Tree)
	entries := []tar.Header{
		{Typeflag: tar.TypeReg, Name: "z", Mode: 0o755, Size: 3},
		{Typeflag: tar.TypeLink, Name: "a", Linkname: "z"},
	}
	err := tree.Unpack(archive(t, entries...), func(name string) string {
		if name == "z" {
			return ""
		}
		return name
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(t, write(t, tree)); !cmp.Equal(got, []string{"a 0 3"}) {
		t.Errorf("the layer has %q", got)
	}
}

func TestLayerIsTheSameForTheSameFiles(t *testing.T) {
	files := []string{"usr/bin/b", "usr/bin/a", "etc/x/y"}
	one, other := make(Tree), make(Tree)
	for i := range files {
		one.Write(files[i], 0o644, []byte(files[i]))
		last := files[len(files)-1-i]
		other.Write(last, 0o644, []byte(last))
	}
	if a, b := write(t, one), write(t, other); !bytes.Equal(a, b) {
		t.Error("the order in which files were added shows in the layer")
	}
	other.Write("etc/x/y", 0o600, []byte("etc/x/y"))
	if a, b := write(t, one), write(t, other); bytes.Equal(a, b) {
		t.Error("another mode does not show in the layer")
	}
}

func TestLayerIsKnownByItsHashes(t *testing.T) {
	tree := make(Tree)
	tree.Write("a", 0o644, bytes.Repeat([]byte("0123456789"), 100_000))
	var b bytes.Buffer
	written, err := tree.WriteLayer(&b, time.Unix(1_700_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	if written.Size != int64(b.Len()) || written.Unpacked != 1_000_000 {
		t.Errorf("sizes %d and %d, want %d and 1000000", written.Size, written.Unpacked, b.Len())
	}
	if written.Digest == written.DiffID || len(written.Digest) != 64 || len(written.DiffID) != 64 {
		t.Errorf("digest %q, diff ID %q", written.Digest, written.DiffID)
	}
}

// git's package has the same large program under several names.
func TestEqualLargeFilesAreStoredOnce(t *testing.T) {
	large := bytes.Repeat([]byte("git"), 1<<20)
	tree := make(Tree)
	tree.Write("usr/bin/git", 0o755, large)
	tree.Write("usr/lib/git", 0o755, bytes.Clone(large))
	tree.Write("usr/lib/other", 0o644, large) // Of another mode: not the same file.
	want := []string{"usr/ 5 0", "usr/bin/ 5 0", "usr/bin/git 0 3145728", "usr/lib/ 5 0", "usr/lib/git 1 0", "usr/lib/other 0 3145728"}
	if diff := cmp.Diff(want, names(t, write(t, tree))); diff != "" {
		t.Error(diff)
	}
}

func write(t *testing.T, tree Tree) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := tree.WriteLayer(&b, time.Unix(1_700_000_000, 0)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// names lists a layer's entries: path, type, size.
func names(t *testing.T, layer []byte) []string {
	t.Helper()
	unzipped, err := gzip.NewReader(bytes.NewReader(layer))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	reader := tar.NewReader(unzipped)
	for {
		h, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uname != "" || h.Gname != "" || h.ModTime.Unix() != 1_700_000_000 {
			t.Errorf("%s belongs to %q and %q and is of %s", h.Name, h.Uname, h.Gname, h.ModTime)
		}
		got = append(got, h.Name+" "+string(h.Typeflag)+" "+strconv.FormatInt(h.Size, 10))
	}
}
