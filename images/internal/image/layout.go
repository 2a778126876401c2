package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Attached is a manifest that is about another, such as a bill of materials.
type Attached struct {
	// Type is the artifact's media type.
	Type string
	v1.Image
}

// WriteLayout writes an OCI image layout: the index under the name that is its
// tag, and what is attached to it and its images. What was in the folder before
// is replaced.
func WriteLayout(dir, tag string, index v1.ImageIndex, attached []Attached) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	out, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	if err := out.AppendIndex(index, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": tag})); err != nil {
		return err
	}
	for _, each := range attached {
		if err := appendAttached(out, each); err != nil {
			return err
		}
	}
	return nil
}

func appendAttached(out layout.Path, each Attached) error {
	if err := out.WriteImage(each.Image); err != nil {
		return err
	}
	digest, err := each.Digest()
	if err != nil {
		return err
	}
	size, err := each.Size()
	if err != nil {
		return err
	}
	return out.AppendDescriptor(v1.Descriptor{
		MediaType: types.OCIManifestSchema1, Size: size, Digest: digest, ArtifactType: each.Type,
	})
}

// WriteArchive writes a layout with the index alone as an archive that "ctr
// images import", "docker load", "podman load" and "skopeo" take. ref is the
// image's full name with its tag.
func WriteArchive(file, ref, tag string, index v1.ImageIndex) error {
	dir, err := os.MkdirTemp(filepath.Dir(file), ".archive-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	out, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	names := map[string]string{"org.opencontainers.image.ref.name": tag, "io.containerd.image.name": ref}
	if err := out.AppendIndex(index, layout.WithAnnotations(names)); err != nil {
		return err
	}
	target, err := os.CreateTemp(filepath.Dir(file), ".archive-*.tar")
	if err != nil {
		return err
	}
	defer os.Remove(target.Name())
	if err := errors.Join(archive(target, dir), target.Chmod(0o644), target.Close()); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return os.Rename(target.Name(), file)
}

// archive writes a folder's files in the order of their names, all alike but
// for name and content.
func archive(w io.Writer, dir string) error {
	out := tar.NewWriter(w)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return out.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755, ModTime: time.Unix(0, 0)})
		}
		return addFile(out, path, name)
	})
	return errors.Join(err, out.Close())
}

func addFile(out *tar.Writer, path, name string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: info.Size(), ModTime: time.Unix(0, 0)}); err != nil {
		return err
	}
	_, err = io.Copy(out, file)
	return err
}
