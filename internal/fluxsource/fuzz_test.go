package fluxsource

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzUnpack holds that an artifact writes nothing beside its folder, and that
// no link in it leads out.
func FuzzUnpack(f *testing.F) {
	for _, headers := range [][]*tar.Header{
		{file("cdk.json"), file("bin/app.ts")},
		{link("a", "b"), link("b", ".."), file("a/x")},
		{link("a/b", "../c"), file("c")},
		{file("../x"), file("/etc/x"), file(`..\x`)},
		{{Typeflag: tar.TypeDir, Name: "d/"}, link("d/l", "../../x"), {Typeflag: tar.TypeFifo, Name: "p"}},
		{{Typeflag: tar.TypeLink, Name: "h", Linkname: "../x"}},
	} {
		f.Add(plain(archive(f, headers...)))
	}
	f.Fuzz(func(t *testing.T, tarball []byte) {
		outer := t.TempDir()
		dir := filepath.Join(outer, "checkout")
		_ = unpack(t.Context(), bytes.NewReader(zipped(t, tarball)), dir, Limits{Unpacked: 1 << 20, Entries: 100})
		entries, err := os.ReadDir(outer)
		if err != nil || len(entries) > 1 {
			t.Fatalf("beside the folder is %v, %v", entries, err)
		}
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.Type()&(fs.ModeNamedPipe|fs.ModeDevice|fs.ModeSocket) != 0 {
				t.Fatalf("%s: %v, %v", path, d, err)
			}
			if d.Type()&fs.ModeSymlink == 0 {
				return nil
			}
			if target, err := filepath.EvalSymlinks(path); err == nil && target != dir && !strings.HasPrefix(target, dir+"/") {
				t.Fatalf("%s leads to %s", path, target)
			}
			return nil
		})
	})
}

// plain is the tar in a tar.gz: the fuzzer changes that, not the compression.
func plain(archive []byte) []byte {
	zip, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		panic(err)
	}
	data, err := io.ReadAll(zip)
	if err != nil {
		panic(err)
	}
	return data
}

func zipped(t *testing.T, tarball []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	zip, err := gzip.NewWriterLevel(&out, gzip.NoCompression)
	must(t, err)
	_, err = zip.Write(tarball)
	must(t, err)
	must(t, zip.Close())
	return out.Bytes()
}
