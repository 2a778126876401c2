// Package regular opens and creates files in folders that code of others can
// write to. A pipe, a device or a link where a file is expected blocks nobody
// and leads nowhere: it is refused.
package regular

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrNotRegular is something else in the place of a file.
var ErrNotRegular = errors.New("not a regular file")

// mode opens without waiting: a pipe whose other end nobody holds would keep
// its reader for ever.
const mode = os.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY

// Open opens a file for reading. A link is refused.
func Open(path string) (*os.File, error) {
	file, err := os.OpenFile(path, mode|unix.O_NOFOLLOW, 0)
	if errors.Is(err, unix.ELOOP) {
		return nil, fmt.Errorf("open %s: it is a link: %w", filepath.Base(path), ErrNotRegular)
	}
	return checked(file, err, filepath.Base(path))
}

// OpenLinked opens a file for reading where links are followed: those that a
// user has put into a project.
func OpenLinked(path string) (*os.File, error) {
	file, err := os.OpenFile(path, mode, 0)
	return checked(file, err, filepath.Base(path))
}

// OpenIn opens a file inside a root for reading; links that stay inside are
// followed.
func OpenIn(root *os.Root, name string) (*os.File, error) {
	file, err := root.OpenFile(name, mode, 0)
	return checked(file, err, name)
}

func checked(file *os.File, err error, name string) (*os.File, error) {
	if errors.Is(err, unix.ENXIO) { // a socket, or a device that is not there
		return nil, fmt.Errorf("open %s: %w", name, ErrNotRegular)
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open %s: it is %s: %w", name, kind(info.Mode()), ErrNotRegular)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func kind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a folder"
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return "something else"
}

// Read reads a file of at most so many bytes. A link is refused.
func Read(path string, most int64) ([]byte, error) {
	file, err := Open(path)
	return read(file, err, path, most)
}

// ReadLinked is Read where links are followed.
func ReadLinked(path string, most int64) ([]byte, error) {
	file, err := OpenLinked(path)
	return read(file, err, path, most)
}

func read(file *os.File, err error, path string, most int64) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, most+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("read %s: larger than %d bytes", filepath.Base(path), most)
	}
	return data, nil
}

// Create makes a file for this user alone, in the place of whatever is there
// and is no folder.
func Create(path string) (*os.File, error) {
	if err := unix.Unlink(path); err != nil && !errors.Is(err, unix.ENOENT) {
		return nil, fmt.Errorf("make room for %s: %w", filepath.Base(path), err)
	}
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
}

// Write writes a file for this user alone, in the place of whatever is there
// and is no folder.
func Write(path string, data []byte) error {
	file, err := Create(path)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Close())
}
