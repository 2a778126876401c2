package regular

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// odd makes what may stand in the place of a file.
func odd(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	secret := in("secret")
	socket, err := net.Listen("unix", in("socket"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	for _, err := range []error{
		syscall.Mkfifo(in("pipe"), 0o600), os.WriteFile(secret, []byte("secret"), 0o600), os.Symlink(secret, in("link")),
		os.Symlink(in("pipe"), in("link to a pipe")), os.Symlink("/dev/zero", in("link to a device")), os.Symlink(in("nothing"), in("dangling link")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return map[string]string{
		"a pipe": in("pipe"), "a link": in("link"), "a link to a pipe": in("link to a pipe"), "a dangling link": in("dangling link"),
		"a link to a device": in("link to a device"), "a socket": in("socket"), "a device": "/dev/zero",
	}
}

func TestWhatIsNoFileIsRefusedAtOnce(t *testing.T) {
	for name, path := range odd(t) {
		t.Run(name, func(t *testing.T) {
			if _, err := Open(path); !errors.Is(err, ErrNotRegular) {
				t.Errorf("Open = %v", err)
			}
			if _, err := Read(path, 100); !errors.Is(err, ErrNotRegular) {
				t.Errorf("Read = %v", err)
			}
			_, err := ReadLinked(path, 100)
			if want := name != "a link"; (err != nil) != want {
				t.Errorf("ReadLinked = %v", err)
			}
			if name == "a device" {
				return
			}
			root, err := os.OpenRoot(filepath.Dir(path))
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			if _, err := OpenIn(root, filepath.Base(path)); err == nil && name != "a link" {
				t.Error("OpenIn opened it")
			}
		})
	}
}

func TestAFileTakesThePlaceOfWhatIsThere(t *testing.T) {
	for name, path := range odd(t) {
		if name == "a device" {
			continue
		}
		target, _ := os.Readlink(path)
		before, _ := os.Lstat(target)
		if err := Write(path, []byte("ours")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if data, err := Read(path, 100); err != nil || string(data) != "ours" {
			t.Errorf("%s: %q, %v", name, data, err)
		}
		if after, _ := os.Lstat(target); before != nil && (after == nil || after.Size() != before.Size()) {
			t.Errorf("%s: what it leads to was changed", name)
		}
	}
}

func TestReadIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := Write(path, []byte(strings.Repeat("x", 100))); err != nil {
		t.Fatal(err)
	}
	if data, err := Read(path, 100); err != nil || len(data) != 100 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	if _, err := Read(path, 99); err == nil {
		t.Error("a file that is too large was read")
	}
	if _, err := Read(path+".none", 99); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}
