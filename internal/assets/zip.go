package assets

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/internal/regular"
)

const (
	// maxEntries and maxDepth stop a folder that links to itself.
	maxEntries = 250_000
	maxDepth   = 128
)

// entryTime is the oldest that a zip file can hold: times are no content.
var entryTime = time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)

// open makes the object's content ready, as the packaging says. A folder is
// zipped even when it should be a file, which the CDK never asks for.
func (j job) open(tempDir string) (*body, error) {
	root, err := os.OpenRoot(j.root)
	if err != nil {
		return nil, fmt.Errorf("open asset %s: %w", j.name, err)
	}
	defer root.Close()
	if !j.zip {
		return j.openFile(root)
	}
	folder, err := root.OpenRoot(j.path)
	if err != nil {
		return nil, fmt.Errorf("open asset %s: %w", j.name, err)
	}
	defer folder.Close()
	b, err := zipFolder(folder, tempDir)
	if err != nil {
		return nil, fmt.Errorf("zip asset %s: %w", j.name, err)
	}
	return b, nil
}

func (j job) openFile(root *os.Root) (*body, error) {
	file, err := regular.OpenIn(root, j.path)
	if err != nil {
		return nil, fmt.Errorf("open asset %s: %w", j.name, err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open asset %s: %w", j.name, err), file.Close())
	}
	return &body{file: file, size: info.Size()}, nil
}

// size is that of a file, and 0 of a folder.
func (j job) size() (int64, error) {
	root, err := os.OpenRoot(j.root)
	if err != nil {
		return 0, fmt.Errorf("open asset %s: %w", j.name, err)
	}
	defer root.Close()
	info, err := root.Stat(j.path)
	if err != nil {
		return 0, fmt.Errorf("open asset %s: %w", j.name, err)
	}
	if info.IsDir() != j.zip {
		return 0, fmt.Errorf("open asset %s: packaging is zip: %t, but it is a folder: %t", j.name, j.zip, info.IsDir())
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return 0, fmt.Errorf("open asset %s: it is neither a file nor a folder", j.name)
	}
	if info.IsDir() {
		return 0, nil
	}
	return info.Size(), nil
}

// zipFolder makes a zip file of a folder: the same content makes the same
// bytes. Symbolic links are followed inside of the folder and refused where
// they leave it.
func zipFolder(folder *os.Root, tempDir string) (b *body, err error) {
	file, err := os.CreateTemp(tempDir, "asset-*.zip")
	if err != nil {
		return nil, err
	}
	b = &body{file: file, temporary: true}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
			b = nil
		}
	}()
	z := &zipper{folder: folder, out: zip.NewWriter(file)}
	if err = z.add(".", 0); err != nil {
		return b, err
	}
	if err = z.out.Close(); err != nil {
		return b, err
	}
	if b.size, err = file.Seek(0, io.SeekEnd); err != nil {
		return b, err
	}
	_, err = file.Seek(0, io.SeekStart)
	return b, err
}

type zipper struct {
	folder  *os.Root
	out     *zip.Writer
	entries int
}

// add adds what is in a folder, in the order of names.
func (z *zipper) add(dir string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%s is nested too deeply, or a link leads back to where it is", dir)
	}
	entries, err := fs.ReadDir(z.folder.FS(), dir)
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, entry := range entries {
		if err := z.addEntry(path.Join(dir, entry.Name()), depth); err != nil {
			return err
		}
	}
	return nil
}

func (z *zipper) addEntry(name string, depth int) error {
	if z.entries++; z.entries > maxEntries {
		return fmt.Errorf("it has more than %d entries, or a link leads back to where it is", maxEntries)
	}
	info, err := z.folder.Stat(name)
	if err != nil {
		return fmt.Errorf("%s: links must stay inside of the asset and lead somewhere: %w", name, err)
	}
	switch {
	case info.IsDir():
		return z.add(name, depth+1)
	case info.Mode().IsRegular():
		return z.addFile(name, info)
	}
	return fmt.Errorf("%s is neither a file nor a folder", name)
}

func (z *zipper) addFile(name string, info fs.FileInfo) error {
	header := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: entryTime}
	header.SetMode(info.Mode().Perm())
	w, err := z.out.CreateHeader(header)
	if err != nil {
		return err
	}
	file, err := regular.OpenIn(z.folder, name)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, file)
	return errors.Join(err, file.Close())
}
