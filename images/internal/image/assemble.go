package image

import (
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Meta is what an image says of itself.
type Meta struct {
	// Name is the repository's last part: awscdk-operator or awscdk-operator-runner.
	Name, Description string
	Version           string
	// Revision is the commit, in hexadecimal; "" when it is not known.
	Revision string
	// Source is the project's repository as a URI; "" when it is not known.
	Source  string
	Created time.Time
	// Env are the variables that every container has, as NAME=VALUE.
	Env []string
}

// Assemble makes the image of one architecture.
func Assemble(arch string, meta Meta, layers []Layer) (v1.Image, error) {
	image := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	image = mutate.ConfigMediaType(image, types.OCIConfigJSON)
	var additions []mutate.Addendum
	for _, layer := range layers {
		additions = append(additions, mutate.Addendum{
			Layer: layer.Layer, MediaType: types.OCILayer,
			History: v1.History{Created: v1.Time{Time: meta.Created}, CreatedBy: "make images: " + layer.Name},
		})
	}
	image, err := mutate.Append(image, additions...)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", arch
	config.Created = v1.Time{Time: meta.Created}
	config.Config = v1.Config{
		User:       "65532:65532",
		Entrypoint: []string{"/usr/local/bin/awscdk-operator"},
		Env:        append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"}, meta.Env...),
		WorkingDir: "/",
		Labels:     meta.annotations(),
	}
	return mutate.ConfigFile(image, config)
}

// annotations are those that the OCI image specification names.
func (m Meta) annotations() map[string]string {
	all := map[string]string{
		"org.opencontainers.image.title":       m.Name,
		"org.opencontainers.image.description": m.Description,
		"org.opencontainers.image.version":     m.Version,
		"org.opencontainers.image.created":     m.Created.UTC().Format(time.RFC3339),
	}
	if m.Source != "" {
		all["org.opencontainers.image.source"] = m.Source
	}
	if m.Revision != "" {
		all["org.opencontainers.image.revision"] = m.Revision
	}
	return all
}

// Index lists the images of all architectures.
func Index(meta Meta, archs []string, images map[string]v1.Image) v1.ImageIndex {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range archs {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: images[arch],
			Descriptor: v1.Descriptor{
				MediaType: types.OCIManifestSchema1,
				Platform:  &v1.Platform{OS: "linux", Architecture: arch},
			},
		})
	}
	return mutate.Annotations(index, meta.annotations()).(v1.ImageIndex)
}
