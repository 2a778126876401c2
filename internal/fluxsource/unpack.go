package fluxsource

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"awscdk.dev/operator/internal/problem"
)

// unpacker writes an archive's entries below a folder. Every path is resolved
// by os.Root, which never leaves it; the checks here are for clear messages,
// and for links, which os.Root writes without following.
type unpacker struct {
	ctx    context.Context
	root   *os.Root
	limits Limits
	links  map[string]bool
	count  int
	read   int64 // of the archive
	wrote  int64 // to files
}

func unpack(ctx context.Context, archive io.Reader, dir string, limits Limits) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		return errors.Join(err, fmt.Errorf("%s is not an empty folder", dir))
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	zip, err := gzip.NewReader(archive)
	if err != nil {
		return ErrUnsafe.Because(err, "the Flux artifact is no tar.gz: %v", err)
	}
	u := unpacker{ctx: ctx, root: root, limits: limits, links: map[string]bool{}}
	// What is read counts, not what is kept: headers can be large, too.
	in := tar.NewReader(&meter{in: zip, u: &u})
	for {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = u.entry(header, in)
		}
		if err != nil {
			return u.explain(err)
		}
	}
}

// meter bounds what is decompressed, and by whom it is waited for.
type meter struct {
	in io.Reader
	u  *unpacker
}

// headerRoom is how much more than the files an archive may be: 512 bytes for
// each entry, twice, and what rounds a file up.
func (l Limits) headerRoom() int64 { return int64(l.Entries)*2048 + 1<<20 }

func (m *meter) Read(p []byte) (int, error) {
	if err := m.u.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.in.Read(p)
	if m.u.read += int64(n); m.u.read > m.u.limits.Unpacked+m.u.limits.headerRoom() {
		return 0, m.u.tooLarge()
	}
	return n, err
}

func (u *unpacker) tooLarge() error {
	return ErrTooLarge.New("the Flux artifact holds more than %d MiB or %d files; leave files out with spec.ignore of the source", u.limits.Unpacked>>20, u.limits.Entries)
}

func (u *unpacker) explain(err error) error {
	if f, ok := errors.AsType[*problem.Problem](err); ok {
		return f
	}
	if u.ctx.Err() != nil {
		return ErrUnreachable.Because(u.ctx.Err(), "unpacking the Flux artifact timed out; it is tried again")
	}
	for _, ours := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EACCES, syscall.EIO} {
		if errors.Is(err, ours) {
			return fmt.Errorf("unpack the Flux artifact: %w", err)
		}
	}
	return ErrUnsafe.Because(err, "the Flux artifact cannot be unpacked: %s", printable(err.Error()))
}

func (u *unpacker) entry(h *tar.Header, content io.Reader) error {
	if u.count++; u.count > u.limits.Entries {
		return u.tooLarge()
	}
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	name, err := u.safe(h.Name)
	if err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return u.root.MkdirAll(name, 0o755)
	case tar.TypeReg:
		return u.file(name, h, content)
	case tar.TypeSymlink:
		return u.link(name, h.Linkname)
	}
	return ErrUnsafe.New("the Flux artifact holds %q, which is no file, folder or symbolic link", printable(h.Name))
}

// safe returns a path that stays inside and leads through no link.
func (u *unpacker) safe(written string) (string, error) {
	name := path.Clean(written)
	if written == "" || path.IsAbs(name) || !fs.ValidPath(name) || strings.ContainsAny(name, "\x00\\") {
		return "", ErrUnsafe.New("the Flux artifact holds the path %q, which leads out of its folder", printable(written))
	}
	for at := name; at != "."; at = path.Dir(at) {
		if u.links[at] {
			return "", ErrUnsafe.New("the Flux artifact holds the path %q, which leads through a link or is one already", printable(written))
		}
	}
	return name, nil
}

func (u *unpacker) file(name string, h *tar.Header, content io.Reader) error {
	if err := u.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if h.FileInfo().Mode()&0o100 != 0 {
		mode = 0o755
	}
	f, err := u.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	// A sparse file is larger than what is read of the archive for it.
	n, err := io.Copy(f, io.LimitReader(content, u.limits.Unpacked-u.wrote+1))
	if u.wrote += n; err == nil && u.wrote > u.limits.Unpacked {
		err = u.tooLarge()
	}
	return errors.Join(err, f.Close())
}

// link makes a symbolic link that stays inside. All its ".." come first and
// are fewer than the folders above it, and no folder on the way to it is a
// link; so whatever the rest passes through has been checked the same way.
func (u *unpacker) link(name, target string) error {
	up, rest := 0, target
	for strings.HasPrefix(rest, "../") || rest == ".." {
		up, rest = up+1, strings.TrimLeft(strings.TrimPrefix(rest, ".."), "/")
	}
	inside := rest == "" || fs.ValidPath(strings.TrimSuffix(path.Clean(rest), "/")) && !strings.Contains("/"+rest+"/", "/../")
	if target == "" || path.IsAbs(target) || up > strings.Count(name, "/") || !inside {
		return ErrUnsafe.New("the Flux artifact holds the link %q, which leads out of its folder", printable(name))
	}
	if err := u.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	u.links[name] = true
	return u.root.Symlink(target, name)
}
