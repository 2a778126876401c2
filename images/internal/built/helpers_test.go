//go:build built

package built

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// roots are the unpacked images by name: each is unpacked once, since that is
// half a gigabyte.
var roots = make(map[string]string)

func TestMain(m *testing.M) {
	status := m.Run()
	for _, root := range roots {
		if err := os.RemoveAll(root); err != nil {
			panic(err)
		}
	}
	os.Exit(status)
}

// unpacked is the image for this machine and the folder with its files.
func unpacked(t *testing.T, name string) (v1.Image, string) {
	t.Helper()
	image := images(t, name)[here]
	if roots[name] != "" {
		return image, roots[name]
	}
	root, err := os.MkdirTemp("", "images-"+name+"-")
	if err != nil {
		t.Fatal(err)
	}
	roots[name] = root
	// A new folder is for its user alone; the images' user is another one.
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Unpack(image, root); err != nil {
		t.Fatal(err)
	}
	return image, root
}

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}

func withMountPoints(t *testing.T, root string) string {
	t.Helper()
	for _, dir := range []string{"dev", "proc"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return root
}
