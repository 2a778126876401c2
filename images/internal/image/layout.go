package image

import (
	"archive/tar"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// WriteLayout writes an OCI image layout: the index under the name that is its
// tag, and what is attached to it and its images. What was in the folder before
// is replaced.
func WriteLayout(dir, tag string, index v1.ImageIndex, attached []Artifact) error {
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

func appendAttached(out layout.Path, each Artifact) error {
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

// WriteArchive writes the index of a layout, without what is attached to it, as
// an archive that "ctr images import", "podman load" and "skopeo" take. ref is
// the image's full name with its tag.
func WriteArchive(file, dir, ref, tag string, index v1.ImageIndex) error {
	root, blobs, err := listed(index, map[string]string{"org.opencontainers.image.ref.name": tag, "io.containerd.image.name": ref})
	if err != nil {
		return err
	}
	target, err := os.CreateTemp(filepath.Dir(file), ".archive-*.tar")
	if err != nil {
		return err
	}
	defer os.Remove(target.Name())
	if err := errors.Join(archive(target, dir, root, blobs), target.Chmod(0o644), target.Close()); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return os.Rename(target.Name(), file)
}

// listed is the index.json of a layout that has one index, and all the blobs
// that belong to that.
func listed(index v1.ImageIndex, annotations map[string]string) (root []byte, blobs []v1.Hash, err error) {
	self, err := partial.Descriptor(index)
	if err != nil {
		return nil, nil, err
	}
	self.Annotations = annotations
	root, err = json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{*self}})
	if err != nil {
		return nil, nil, err
	}
	blobs = append(blobs, self.Digest)
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, nil, err
	}
	for _, each := range manifest.Manifests {
		blobs = append(blobs, each.Digest)
		image, err := index.Image(each.Digest)
		if err != nil {
			return nil, nil, err
		}
		manifest, err := image.Manifest()
		if err != nil {
			return nil, nil, err
		}
		blobs = append(blobs, manifest.Config.Digest)
		for _, layer := range manifest.Layers {
			blobs = append(blobs, layer.Digest)
		}
	}
	slices.SortFunc(blobs, func(a, b v1.Hash) int { return cmp.Compare(a.String(), b.String()) })
	return root, slices.Compact(blobs), nil
}

// archive writes the files of a layout in a fixed order, all alike but for name
// and content.
func archive(w io.Writer, dir string, root []byte, blobs []v1.Hash) error {
	out := tar.NewWriter(w)
	if err := errors.Join(
		add(out, "oci-layout", int64(len(marker)), strings.NewReader(marker)),
		add(out, "index.json", int64(len(root)), bytes.NewReader(root)),
	); err != nil {
		return err
	}
	for _, blob := range blobs {
		if err := addFile(out, dir, path.Join("blobs", blob.Algorithm, blob.Hex)); err != nil {
			return err
		}
	}
	return out.Close()
}

const marker = `{"imageLayoutVersion": "1.0.0"}`

func addFile(out *tar.Writer, dir, name string) error {
	file, err := os.Open(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	return add(out, name, info.Size(), file)
}

func add(out *tar.Writer, name string, size int64, content io.Reader) error {
	if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size, ModTime: time.Unix(0, 0)}); err != nil {
		return err
	}
	_, err := io.Copy(out, content)
	return err
}
