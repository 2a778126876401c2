package battery

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// cdkVersion names the cache folder; the apps' package.json pin the same version.
const cdkVersion = "2.1148.1"

// toolchain returns the node_modules folder of an app with the cdk CLI and
// library, filled once by npm ci from the app's committed lock file and kept
// in the repository's ignored .cache folder under the given name.
func toolchain(t *testing.T, app, name string) string {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("the battery needs %s on the PATH: %v (use -short to leave the battery out)", tool, err)
		}
	}
	cache, err := filepath.Abs(filepath.Join("..", "..", "..", ".cache"))
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(cache, name+"-"+cdkVersion)
	if !upToDate(t, app, home) {
		install(t, app, cache, home)
	}
	return filepath.Join(home, "node_modules")
}

// upToDate says whether home was filled from the lock file that is committed now.
func upToDate(t *testing.T, app, home string) bool {
	t.Helper()
	want, err := os.ReadFile(filepath.Join(app, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile(filepath.Join(home, "package-lock.json"))
	if err != nil || !bytes.Equal(have, want) {
		return false
	}
	_, err = os.Stat(filepath.Join(home, "node_modules", "aws-cdk", "bin", "cdk"))
	return err == nil
}

func install(t *testing.T, app, cache, home string) {
	t.Helper()
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	// It must lie beside its final place: a rename is what makes it whole.
	fresh := filepath.Join(cache, filepath.Base(home)+"-filling-"+strconv.Itoa(os.Getpid()))
	if err := os.MkdirAll(fresh, 0o755); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(fresh) }()
	for _, name := range []string{"package.json", "package-lock.json", ".npmrc"} {
		raw, err := os.ReadFile(filepath.Join(app, name))
		if errors.Is(err, fs.ErrNotExist) && name == ".npmrc" {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(fresh, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = fresh
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	_ = os.RemoveAll(home)
	if err := os.Rename(fresh, home); err != nil && !upToDate(t, app, home) {
		t.Fatal(err)
	}
}
