package assets

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// zipped is the zip file of a folder.
func zipped(t *testing.T, dir string) ([]byte, error) {
	t.Helper()
	temp := t.TempDir()
	b, err := job{name: "x", root: filepath.Dir(dir), path: filepath.Base(dir), zip: true}.open(temp)
	var content []byte
	if err == nil {
		if content, err = io.ReadAll(b.file); err != nil {
			t.Fatal(err)
		}
		if int64(len(content)) != b.size {
			t.Errorf("it has %d bytes and says %d", len(content), b.size)
		}
		if err := b.close(); err != nil {
			t.Fatal(err)
		}
	}
	if left, _ := os.ReadDir(temp); len(left) != 0 {
		t.Errorf("temporary files are left behind: %v", left)
	}
	return content, err
}

func folder(t *testing.T) assembly {
	t.Helper()
	a := assembly{filepath.Join(t.TempDir(), "asset")}
	a.write(t, "b.txt", "b", 0o644)
	a.write(t, "bin/run", "#!/bin/sh", 0o755)
	a.write(t, ".hidden", "h", 0o600)
	return a
}

func TestTheSameContentMakesTheSameZipFile(t *testing.T) {
	one, two := folder(t), folder(t)
	old := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(two.dir, "b.txt"), old, old); err != nil {
		t.Fatal(err)
	}
	first, err := zipped(t, one.dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := zipped(t, two.dir)
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("the zip files differ, %v", err)
	}
	z, err := zip.NewReader(bytes.NewReader(first), int64(len(first)))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]os.FileMode{}
	for _, f := range z.File {
		got[f.Name] = f.Mode()
	}
	if diff := cmp.Diff(map[string]os.FileMode{"b.txt": 0o644, "bin/run": 0o755, ".hidden": 0o600}, got); diff != "" {
		t.Error(diff)
	}
}

func TestLinksAreFollowedInsideOfAnAsset(t *testing.T) {
	a := folder(t)
	link(t, a, "b.txt", "same.txt")
	link(t, a, "bin", "sbin")
	content, err := zipped(t, a.dir)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"b.txt": "b", "bin/run": "#!/bin/sh", ".hidden": "h", "same.txt": "b", "sbin/run": "#!/bin/sh"}
	if diff := cmp.Diff(want, unzip(t, content)); diff != "" {
		t.Error(diff)
	}
}

func TestLinksThatLeadAstrayAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ target, says string }{
		"out of the asset":   {"../secret", "links must stay inside"},
		"to the host":        {"/etc/passwd", "links must stay inside"},
		"nowhere":            {"nothing", "links must stay inside"},
		"back to the folder": {".", "link/link/link"},
	} {
		t.Run(name, func(t *testing.T) {
			a := folder(t)
			if err := os.WriteFile(filepath.Join(filepath.Dir(a.dir), "secret"), []byte("s"), 0o600); err != nil {
				t.Fatal(err)
			}
			link(t, a, c.target, "link")
			if _, err := zipped(t, a.dir); err == nil || !strings.Contains(err.Error(), "link") || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error is %v, want one with %q", err, c.says)
			}
		})
	}
}

func link(t *testing.T, a assembly, target, name string) {
	t.Helper()
	if err := os.Symlink(target, filepath.Join(a.dir, name)); err != nil {
		t.Fatal(err)
	}
}
