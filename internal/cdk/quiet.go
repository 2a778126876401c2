package cdk

import (
	"io/fs"
	"path/filepath"
)

// quietTree is a folder whose files and folders are opened without a trace in
// their access times, which tell what the build itself has read.
type quietTree string

// Open implements fs.FS.
func (t quietTree) Open(name string) (fs.File, error) {
	// Not fs.ValidPath: a name in a repository may be of any bytes.
	if !filepath.IsLocal(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	return openQuietly(filepath.Join(string(t), filepath.FromSlash(name)))
}
