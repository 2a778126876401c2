// Package image makes the images: layers from packages and programs, the
// images of each architecture from layers, and an index of those.
package image

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"awscdk.dev/operator/images/internal/rootfs"
)

// Spec is a layer to be made.
type Spec struct {
	Name string
	// Inputs is all that decides what the layer has; it is hashed as JSON.
	Inputs any
	// Make is called only when no layer was made of the same inputs before.
	Make func() (rootfs.Tree, error)
}

// Layer is one that was made.
type Layer struct {
	Name string
	// Unpacked is the sum of its files' sizes in bytes.
	Unpacked int64
	v1.Layer
}

// Store keeps layers by the hash of what they were made of.
type Store struct {
	Dir string
	// Program identifies the program that makes layers: another one may make others.
	Program string
	// Modified is the time of every file.
	Modified time.Time
	// Now is when this build began.
	Now time.Time
}

// Layers makes those that are not there yet, some at a time, in the order given.
func (s Store) Layers(ctx context.Context, specs []Spec) ([]Layer, error) {
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return nil, err
	}
	layers := make([]Layer, len(specs))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, spec := range specs {
		group.Go(func() (err error) {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if layers[i], err = s.layer(spec); err != nil {
				return fmt.Errorf("make layer %s: %w", spec.Name, err)
			}
			return nil
		})
	}
	return layers, group.Wait()
}

func (s Store) layer(spec Spec) (Layer, error) {
	inputs, err := json.Marshal([]any{s.Program, s.Modified, spec.Name, spec.Inputs})
	if err != nil {
		return Layer{}, err
	}
	path := filepath.Join(s.Dir, fmt.Sprintf("%s-%x", spec.Name, sha256.Sum256(inputs)))
	if made, err := load(path); err == nil {
		return made.as(spec.Name), s.use(path)
	}
	tree, err := spec.Make()
	if err != nil {
		return Layer{}, err
	}
	made, err := s.write(path, tree)
	if err != nil {
		return Layer{}, err
	}
	return made.as(spec.Name), nil
}

// write puts what a layer is known by beside it, as the last thing: a layer
// without is as good as none.
func (s Store) write(path string, tree rootfs.Tree) (stored, error) {
	file, err := os.CreateTemp(s.Dir, "partial-")
	if err != nil {
		return stored{}, err
	}
	defer os.Remove(file.Name())
	written, err := tree.WriteLayer(file, s.Modified)
	if err := errors.Join(err, file.Close()); err != nil {
		return stored{}, err
	}
	if err := os.Rename(file.Name(), path+".tar.gz"); err != nil {
		return stored{}, err
	}
	content, err := json.Marshal(written)
	if err != nil {
		return stored{}, err
	}
	return stored{path + ".tar.gz", written}, os.WriteFile(path+".json", content, 0o644)
}

// use marks a layer as one that is still wanted: see Prune.
func (s Store) use(path string) error {
	return errors.Join(os.Chtimes(path+".json", s.Now, s.Now), os.Chtimes(path+".tar.gz", s.Now, s.Now))
}

// kept is how long a layer stays that no build has used.
const kept = 14 * 24 * time.Hour

// Prune removes the layers of builds of long ago: every change of a program
// makes a new one.
func (s Store) Prune() error {
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && s.Now.Sub(info.ModTime()) > kept {
			err = os.Remove(filepath.Join(s.Dir, entry.Name()))
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

func load(path string) (stored, error) {
	content, err := os.ReadFile(path + ".json")
	if err != nil {
		return stored{}, err
	}
	made := stored{file: path + ".tar.gz"}
	if err := json.Unmarshal(content, &made.Written); err != nil {
		return stored{}, err
	}
	info, err := os.Stat(made.file)
	if err != nil {
		return stored{}, err
	}
	if info.Size() != made.Written.Size {
		return stored{}, fmt.Errorf("%s was cut short", made.file)
	}
	return made, nil
}

// stored is a layer in a file.
type stored struct {
	file string
	rootfs.Written
}

func (l stored) as(name string) Layer {
	return Layer{Name: name, Unpacked: l.Unpacked, Layer: content{l}}
}

// content is a stored layer as the registry's library wants it.
type content struct{ stored }

// Digest is of the compressed layer.
func (c content) Digest() (v1.Hash, error) { return v1.NewHash("sha256:" + c.Written.Digest) }

// DiffID is of the archive.
func (c content) DiffID() (v1.Hash, error) { return v1.NewHash("sha256:" + c.Written.DiffID) }

// Compressed is the file.
func (c content) Compressed() (io.ReadCloser, error) { return os.Open(c.file) }

// Uncompressed is the archive within.
func (c content) Uncompressed() (io.ReadCloser, error) { return gunzip(c.file) }

// Size is the compressed layer's, in bytes.
func (c content) Size() (int64, error) { return c.Written.Size, nil }

// MediaType is that of OCI.
func (content) MediaType() (types.MediaType, error) { return types.OCILayer, nil }
