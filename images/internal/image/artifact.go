package image

import (
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Artifact is a document about an image or an index, in the form that
// registries keep beside it and list as its referrer.
type Artifact struct {
	// Title is its file name, Type the document's media type.
	Title, Type string
	Content     []byte
	v1.Image
}

// emptyConfig is what the OCI image specification wants where a manifest has
// no configuration.
var emptyConfig = []byte("{}")

const emptyConfigType types.MediaType = "application/vnd.oci.empty.v1+json"

// Attach makes the artifact that is about subject.
func Attach(subject v1.Descriptor, title, mediaType string, content []byte) (Artifact, error) {
	layer := static.NewLayer(content, types.MediaType(mediaType))
	document, err := partial.Descriptor(layer)
	if err != nil {
		return Artifact{}, err
	}
	document.Annotations = map[string]string{"org.opencontainers.image.title": title}
	config, err := partial.Descriptor(static.NewLayer(emptyConfig, emptyConfigType))
	if err != nil {
		return Artifact{}, err
	}
	manifest, err := json.Marshal(v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: mediaType,
		Config: *config, Layers: []v1.Descriptor{*document},
		Subject: &v1.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size},
	})
	if err != nil {
		return Artifact{}, err
	}
	made, err := partial.CompressedToImage(core{manifest, document.Digest, layer})
	return Artifact{Title: title, Type: mediaType, Content: content, Image: made}, err
}

// core is the least that makes a v1.Image.
type core struct {
	manifest []byte
	digest   v1.Hash
	layer    v1.Layer
}

func (core) RawConfigFile() ([]byte, error)      { return emptyConfig, nil }
func (core) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }
func (c core) RawManifest() ([]byte, error)      { return c.manifest, nil }
func (c core) LayerByDigest(digest v1.Hash) (partial.CompressedLayer, error) {
	if digest != c.digest {
		return nil, fmt.Errorf("the artifact has no layer %s", digest)
	}
	return c.layer, nil
}
