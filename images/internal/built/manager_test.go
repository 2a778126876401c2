//go:build built

package built

import (
	"archive/tar"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The manager has nothing but what is listed here: no shell, no interpreter, no
// package manager.
func TestManagersFiles(t *testing.T) {
	want := []string{
		"etc/group", "etc/nsswitch.conf", "etc/passwd", "etc/ssl/certs/ca-certificates.crt",
		"usr/local/bin/awscdk-operator", "var/lib/dpkg/status.d/ca-certificates",
	}
	for arch, image := range images(t, "manager") {
		t.Run(arch, func(t *testing.T) {
			got := make(map[string]string)
			var files []string
			err := Files(image, func(header *tar.Header, content []byte) error {
				if header.Typeflag != tar.TypeDir {
					files = append(files, header.Name)
				}
				got[header.Name] = string(content)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, sorted(files)); diff != "" {
				t.Error(diff)
			}
			if !strings.Contains(got["etc/passwd"], "nonroot:x:65532:65532:") {
				t.Errorf("/etc/passwd is\n%s", got["etc/passwd"])
			}
			if strings.Count(got["etc/ssl/certs/ca-certificates.crt"], "BEGIN CERTIFICATE") < 100 {
				t.Error("the bundle has fewer than 100 certificates")
			}
		})
	}
}

func TestManagerIsStatic(t *testing.T) {
	for arch, image := range images(t, "manager") {
		programs, _ := inspect(t, image)
		for file, program := range programs {
			if len(program.needs) > 0 {
				t.Errorf("%s: %s needs %q", arch, file, program.needs)
			}
		}
	}
}

func TestManagerRuns(t *testing.T) {
	image, root := unpacked(t, "manager")
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Config.User != "65532:65532" {
		t.Errorf("the user is %q", config.Config.User)
	}
	// A chroot has /proc and /dev as mount points; containers make theirs.
	output, err := Run(t.Context(), withMountPoints(t, root), image, append(config.Config.Entrypoint, "version")...)
	if err != nil || !strings.HasPrefix(output, "awscdk-operator ") {
		t.Errorf("%v: %s", err, output)
	}
	if output, err := Run(t.Context(), root, image, "/bin/sh", "-c", "echo"); err == nil || !strings.Contains(output, "No such file") {
		t.Errorf("there is a shell: %v: %s", err, output)
	}
}
