// Package built opens what "make images" has written, for tests of the real
// images: their files, and their programs in a container of sorts.
package built

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// Index is the index of all architectures in a layout.
func Index(dir string) (v1.ImageIndex, error) {
	root, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: run \"make images\" first", err)
	}
	manifest, err := root.IndexManifest()
	if err != nil {
		return nil, err
	}
	if len(manifest.Manifests) == 0 {
		return nil, fmt.Errorf("%s is empty", dir)
	}
	return root.ImageIndex(manifest.Manifests[0].Digest)
}

// Images are the images of an index by architecture.
func Images(index v1.ImageIndex) (map[string]v1.Image, error) {
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	images := make(map[string]v1.Image)
	for _, each := range manifest.Manifests {
		if images[each.Platform.Architecture], err = index.Image(each.Digest); err != nil {
			return nil, err
		}
	}
	return images, nil
}

// Files calls visit for each file of the image as a container would see it.
func Files(image v1.Image, visit func(header *tar.Header, content []byte) error) error {
	merged := mutate.Extract(image)
	defer merged.Close()
	archive := tar.NewReader(merged)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			return err
		}
		if err := visit(header, content); err != nil {
			return err
		}
	}
}

// Unpack puts the image's files into a folder, with their owners when this is root.
func Unpack(image v1.Image, dir string) error {
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	for _, layer := range layers {
		content, err := layer.Compressed()
		if err != nil {
			return err
		}
		cmd := exec.Command("tar", "--extract", "--gzip", "--preserve-permissions", "--numeric-owner", "--directory", dir)
		cmd.Stdin = content
		output, err := cmd.CombinedOutput()
		if err := errors.Join(err, content.Close()); err != nil {
			return fmt.Errorf("unpack: %w: %s", err, output)
		}
	}
	return nil
}

// enter makes a root that cannot be written but for /tmp, with the devices that
// every container has, and runs a command in it. Root runs it as the images'
// user; anybody else as the only user of a user namespace.
const enter = `
root=$1; shift
mount --bind "$root" "$root"
mount -t tmpfs none "$root/dev"
for device in null zero random urandom; do touch "$root/dev/$device"; mount --bind "/dev/$device" "$root/dev/$device"; done
ln -s /proc/self/fd "$root/dev/fd"
mount --rbind /proc "$root/proc"
mount -t tmpfs -o mode=1777 none "$root/tmp"
mount -o remount,bind,ro "$root"
exec chroot $ENTER_AS "$root" "$@"
`

// Run runs a command in the unpacked root as the image's configuration says, and
// returns what it wrote. The network is this machine's.
func Run(ctx context.Context, root string, image v1.Image, command ...string) (string, error) {
	config, err := image.ConfigFile()
	if err != nil {
		return "", err
	}
	args := []string{"--mount", "--propagation", "private"}
	as := "--userspec=" + config.Config.User
	if os.Geteuid() != 0 {
		args, as = append([]string{"--user", "--map-root-user"}, args...), ""
	}
	args = append(args, "bash", "-euc", enter, "enter", root)
	cmd := exec.CommandContext(ctx, "unshare", append(args, command...)...)
	cmd.Env = append(config.Config.Env, "HOME=/tmp", "ENTER_AS="+as)
	// The programs that set the root up are this machine's, and found by its PATH.
	for i, variable := range cmd.Env {
		if path, ok := strings.CutPrefix(variable, "PATH="); ok {
			cmd.Env[i] = "PATH=" + path + string(filepath.ListSeparator) + "/bin:/sbin"
		}
	}
	output, err := cmd.CombinedOutput()
	if err != nil {
		return string(output), fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, output)
	}
	return string(output), nil
}
