// Package gobuild compiles the Go programs of the images.
package gobuild

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Program is a Go command.
type Program struct {
	// Module is the folder whose go.mod decides every version; Package is the
	// command's import path there.
	Module, Package string
	// LinkFlags are for the linker, besides those that leave out what debuggers read.
	LinkFlags string
	// Go is the compiler's version, such as 1.26.8.
	Go string
}

// Build compiles the program for linux and the architecture into a folder and
// returns the file. It is static, and the same bytes on every machine: no C
// code, no paths of this machine, no state of the checkout.
func (p Program) Build(ctx context.Context, arch, dir string) (string, error) {
	file := filepath.Join(dir, arch, filepath.Base(p.Package))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", strings.TrimSpace("-s -w "+p.LinkFlags), "-o", file, p.Package)
	cmd.Dir = p.Module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOWORK=off", "GOFLAGS=", "GOTOOLCHAIN=go"+p.Go, "GOAMD64=", "GOARM64=")
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s for %s: %w\n%s", p.Package, arch, err, output)
	}
	return file, nil
}

// Kubectl is compiled from the version of Kubernetes that a module requires.
func Kubectl(ctx context.Context, module, compiler string) (Program, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes")
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "GOWORK=off")
	output, err := cmd.Output()
	if err != nil {
		return Program{}, fmt.Errorf("read the version of k8s.io/kubernetes that %s requires: %w", module, err)
	}
	version := strings.TrimSpace(string(output))
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	if len(parts) != 3 {
		return Program{}, fmt.Errorf("k8s.io/kubernetes has the version %q, not one such as v1.37.2", version)
	}
	const set = "-X k8s.io/component-base/version."
	return Program{
		Module: module, Go: compiler, Package: "k8s.io/kubernetes/cmd/kubectl",
		LinkFlags: fmt.Sprintf("%sgitVersion=%s %sgitMajor=%s %sgitMinor=%s", set, version, set, parts[0], set, parts[1]),
	}, nil
}
