package assets

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/regular"
)

// maxManifest bounds what is read of a manifest, in bytes.
const maxManifest = 64 << 20

// manifest is an *.assets.json file, as npm's @aws-cdk/cloud-assembly-schema
// describes it (schema/assets.schema.json). Fields that we do not know are
// left alone: the schema grows by additions.
type manifest struct {
	Version string                 `json:"version"`
	Files   map[string]fileAsset   `json:"files"`
	Images  map[string]dockerAsset `json:"dockerImages"`

	path string
}

type fileAsset struct {
	DisplayName  string                 `json:"displayName"`
	Source       fileSource             `json:"source"`
	Destinations map[string]destination `json:"destinations"`
}

type fileSource struct {
	Executable []string `json:"executable"`
	Path       string   `json:"path"`
	Packaging  string   `json:"packaging"`
}

type dockerAsset struct {
	DisplayName string `json:"displayName"`
}

type destination struct {
	BucketName                  string          `json:"bucketName"`
	ObjectKey                   string          `json:"objectKey"`
	Region                      string          `json:"region"`
	AssumeRoleARN               string          `json:"assumeRoleArn"`
	AssumeRoleExternalID        string          `json:"assumeRoleExternalId"`
	AssumeRoleAdditionalOptions json.RawMessage `json:"assumeRoleAdditionalOptions"`
}

func readManifest(path string) (*manifest, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read asset manifest: %w", err)
	}
	if info.Size() > maxManifest {
		return nil, &awsconfig.Error{Kind: awsconfig.ErrTooLarge, Doing: "read asset manifest " + filepath.Base(path), Message: fmt.Sprintf("it has %d bytes, %d at most are read", info.Size(), maxManifest)}
	}
	data, err := regular.Read(path, maxManifest)
	if err != nil {
		return nil, fmt.Errorf("read asset manifest: %w", err)
	}
	m := &manifest{path: path}
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("read asset manifest %s: %w", filepath.Base(path), err)
	}
	return m, nil
}

// job is one file asset for one destination.
type job struct {
	name        string
	root        string // an existing folder
	path        string // of the source, inside root
	zip         bool
	destination destination
}

// jobs lists what the manifest asks for, in a stable order.
func (m *manifest) jobs(root string) ([]job, error) {
	if len(m.Images) > 0 {
		return nil, m.imagesUnsupported()
	}
	var jobs []job
	for _, id := range slices.Sorted(maps.Keys(m.Files)) {
		asset := m.Files[id]
		name := asset.DisplayName
		if name == "" {
			name = id
		}
		source, err := m.source(root, name, asset.Source)
		if err != nil {
			return nil, err
		}
		for _, key := range slices.Sorted(maps.Keys(asset.Destinations)) {
			source.destination = asset.Destinations[key]
			if _, err := source.destination.role(); err != nil {
				return nil, fmt.Errorf("publish asset %s: %w", name, err)
			}
			jobs = append(jobs, source)
		}
	}
	return jobs, nil
}

func (m *manifest) imagesUnsupported() error {
	var names []string
	for id, image := range m.Images {
		if image.DisplayName != "" {
			id = image.DisplayName
		}
		names = append(names, id)
	}
	slices.Sort(names)
	return &awsconfig.Error{
		Kind:    awsconfig.ErrUnsupported,
		Doing:   "publish container image assets",
		Message: fmt.Sprintf("container images are not built by this operator, and the stack needs: %s. Build and push the image yourself, and let the app refer to it by repository and tag, for example with ContainerImage.fromEcrRepository or DockerImageCode.fromEcr", strings.Join(names, ", ")),
	}
}

// source finds out what an asset is made of and refuses what lies outside of
// the root.
func (m *manifest) source(root, name string, s fileSource) (job, error) {
	doing := "publish asset " + name
	if len(s.Executable) > 0 {
		return job{}, &awsconfig.Error{Kind: awsconfig.ErrUnsupported, Doing: doing, Message: "not implemented: its source is a command to be run (\"executable\"); let the app write a file or a folder"}
	}
	if s.Packaging != "" && s.Packaging != "file" && s.Packaging != "zip" {
		return job{}, &awsconfig.Error{Kind: awsconfig.ErrUnsupported, Doing: doing, Message: fmt.Sprintf("not implemented: packaging %q", s.Packaging)}
	}
	if s.Path == "" {
		return job{}, fmt.Errorf("%s: its source has no path", doing)
	}
	folder := filepath.Dir(m.path)
	if root == "" {
		root = folder
	}
	path := s.Path
	if !filepath.IsAbs(path) {
		path = filepath.Join(folder, path)
	}
	inside, err := filepath.Rel(root, path)
	if err != nil || !filepath.IsLocal(inside) {
		return job{}, fmt.Errorf("%s: its source %s lies outside of the project", doing, s.Path)
	}
	return job{name: name, root: root, path: inside, zip: s.Packaging == "zip"}, nil
}

// isTemplate is true for CloudFormation templates.
func (j job) isTemplate() bool {
	return !j.zip && strings.HasSuffix(j.path, ".template.json")
}

// checkSizes finds templates and objects that AWS would refuse.
func checkSizes(jobs []job) error {
	for _, j := range jobs {
		size, err := j.size()
		if err != nil {
			return err
		}
		if j.isTemplate() && size > MaxTemplate {
			return templateTooLarge(filepath.Base(j.path), size)
		}
		if size > maxObject {
			return &awsconfig.Error{Kind: awsconfig.ErrTooLarge, Doing: "publish asset " + j.name, Message: fmt.Sprintf("it has %d bytes; %d at most can be uploaded", size, int64(maxObject))}
		}
	}
	return nil
}

func templateTooLarge(name string, size int64) error {
	return &awsconfig.Error{
		Kind:    awsconfig.ErrTooLarge,
		Doing:   "publish template " + name,
		Message: fmt.Sprintf("it has %d bytes and CloudFormation takes %d at most: move resources into nested stacks or into other stacks", size, MaxTemplate),
	}
}
