// Package chart_test installs the chart with the real helm, 3 and 4, into a
// real API server. That has no nodes: the tests stand in for the kubelet and run
// the commands of pods with the operator that they have built.
package chart_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// What TestMain finds or builds.
var (
	helm3, helm4 string
	operator     string
	home         string // helm's
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	status, err := tests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func tests(m *testing.M) (int, error) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		return 1, fmt.Errorf("KUBEBUILDER_ASSETS is not set: run `make test`, or KUBEBUILDER_ASSETS=$(hack/envtest-assets) go test …")
	}
	dir, err := os.MkdirTemp("", "chart-test-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	home, operator = filepath.Join(dir, "home"), filepath.Join(dir, "awscdk-operator")
	found, err := command(filepath.Join(root, "hack", "tool"), "helm3", "helm")
	if err != nil {
		return 1, err
	}
	paths := strings.Fields(found)
	helm3, helm4 = paths[0], paths[1]
	if _, err := command("go", "build", "-o", operator, filepath.Join(root, "cmd", "awscdk-operator")); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

func command(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return string(out), nil
}
