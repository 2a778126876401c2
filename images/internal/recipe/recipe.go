// Package recipe reads what the images are made of: the recipe, which people
// write, and the lock, which says exactly which packages that came to.
package recipe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"time"

	"sigs.k8s.io/yaml"
)

// Recipe is images/recipe.yaml.
type Recipe struct {
	// Architectures are those of Go and Debian: amd64, arm64.
	Architectures []string `json:"architectures"`
	// Go is the version that programs are compiled with.
	Go     string    `json:"go"`
	Debian Debian    `json:"debian"`
	Node   Node      `json:"node"`
	Npm    []Package `json:"npm"`
	// Groups are the runner's layers of Debian packages, from the bottom.
	Groups []Group `json:"groups"`
	// Links are symbolic links of the runner: what Debian's packages make when
	// they are installed. By path, with what each points to.
	Links map[string]string `json:"links"`
	// Executables are the tools that the runner promises; the test calls each.
	Executables []string `json:"executables"`
}

// Debian says where packages come from.
type Debian struct {
	Sources []Source `json:"sources"`
	// Exclude names packages that others depend on and that the runner does
	// without, each with the reason.
	Exclude map[string]string `json:"exclude"`
	// Strip are globs of files that are left out, relative to the root. A glob
	// that names a folder leaves out all below it.
	Strip []string `json:"strip"`
	// Keep are globs of files that stay although Strip names them.
	Keep []string `json:"keep"`
}

// Source is one archive of Debian.
type Source struct {
	// Archive is its name on snapshot.debian.org.
	Archive string   `json:"archive"`
	Mirror  string   `json:"mirror"`
	Suites  []string `json:"suites"`
}

// Node is the npm packages that carry Node.js's own release, by architecture.
type Node struct {
	Version  string            `json:"version"`
	Packages map[string]string `json:"packages"`
}

// Package is an npm package.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Strip are globs of its files that are left out.
	Strip []string `json:"strip"`
	// Commands are those of its programs that are put on the PATH; none means all.
	Commands []string `json:"commands"`
}

// Group is a layer of Debian packages and all that they depend on.
type Group struct {
	Name     string   `json:"name"`
	Packages []string `json:"packages"`
}

// Load reads the recipe. A field that is not known is an error.
func Load(path string) (*Recipe, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var r Recipe
	if err := yaml.UnmarshalStrict(content, &r); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return &r, nil
}

// Lock is images/packages.lock.json. It is written by a program: see "make images-lock".
type Lock struct {
	// Snapshot is when the packages were chosen. It is the time of every file
	// in the images, and where snapshot.debian.org is asked for a package that
	// the mirror no longer has.
	Snapshot time.Time `json:"snapshot"`
	// Debian is by architecture.
	Debian map[string][]DebianPackage `json:"debian"`
	Npm    []NpmPackage               `json:"npm"`
}

// DebianPackage is one file of a Debian archive.
type DebianPackage struct {
	Group   string `json:"group"`
	Name    string `json:"name"`
	Version string `json:"version"`
	// Source is the name of the source package.
	Source       string `json:"source"`
	Architecture string `json:"architecture"`
	// Archive is the Source's; Path is relative to its mirror.
	Archive string `json:"archive"`
	Path    string `json:"path"`
	Size    int64  `json:"size"`
	SHA256  string `json:"sha256"`
}

// NpmPackage is one package of the npm registry.
type NpmPackage struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	License string `json:"license"`
	// Architecture is "" when the package serves all.
	Architecture string `json:"architecture,omitempty"`
	// Integrity is as in package-lock.json: sha512- and the hash in base64.
	Integrity string `json:"integrity"`
}

// LoadLock reads the lock.
func LoadLock(path string) (*Lock, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: \"make images-lock\" writes it", err)
	}
	var l Lock
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&l); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return &l, nil
}

// Save writes the lock.
func (l *Lock) Save(path string) error {
	content, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(content, '\n'), 0o644)
}

// Same tells whether both locks name the same packages.
func (l *Lock) Same(other *Lock) bool {
	return reflect.DeepEqual(l.Debian, other.Debian) && reflect.DeepEqual(l.Npm, other.Npm)
}
