package git

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"awscdk.dev/operator/internal/git/gittest"
	"awscdk.dev/operator/internal/proc"
)

// TestADamagedMirrorIsReplaced damages a mirror in the ways that a kill, a
// full disk or a bad one does.
func TestADamagedMirrorIsReplaced(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	second := f.commit(t, "two")
	damages := map[string]func(t *testing.T, store string){
		"a pack cut short": func(t *testing.T, store string) {
			for _, pack := range glob(t, store, "objects/pack/*.pack") {
				must(t, os.Chmod(pack, 0o600))
				must(t, os.Truncate(pack, 40))
			}
		},
		"packs gone":         func(t *testing.T, store string) { must(t, os.RemoveAll(filepath.Join(store, "objects"))) },
		"garbage in a ref":   func(t *testing.T, store string) { overwrite(t, store, "refs/keep/*", "garbage") },
		"a ref to nothing":   func(t *testing.T, store string) { overwrite(t, store, "refs/keep/*", strings.Repeat("ab", 20)) },
		"garbage as HEAD":    func(t *testing.T, store string) { overwrite(t, store, "HEAD", "garbage") },
		"garbage as config":  func(t *testing.T, store string) { overwrite(t, store, "config", "[core") },
		"an empty shallow":   func(t *testing.T, store string) { overwrite(t, store, "shallow", "") },
		"garbage as shallow": func(t *testing.T, store string) { overwrite(t, store, "shallow", "garbage\n") },
		"an abandoned lock": func(t *testing.T, store string) {
			must(t, os.WriteFile(filepath.Join(store, "shallow.lock"), nil, 0o600))
		},
		"half a pack left": func(t *testing.T, store string) {
			must(t, os.WriteFile(filepath.Join(store, "objects/pack/tmp_pack_x"), []byte("PACK"), 0o600))
		},
		"everything is gone": func(t *testing.T, store string) { must(t, os.RemoveAll(store)) },
		"an index cut short": func(t *testing.T, store string) {
			for _, index := range glob(t, store, "objects/pack/*.idx") {
				must(t, os.Chmod(index, 0o600))
				must(t, os.Truncate(index, 100))
			}
		},
	}
	for name, damage := range damages {
		for revision, content := range map[string]string{f.first: "one", second: "two"} {
			t.Run(name+", then "+content, func(t *testing.T) {
				m := openMirrors(t, 0)
				checkout(t, m, f.http(t), f.first, "one")
				damage(t, glob(t, m.root, "*/1.git")[0])
				checkout(t, m, f.http(t), revision, content)
				checkout(t, m, f.http(t), f.first, "one")
				nothingLeft(t, m)
			})
		}
	}
}

// nothingLeft fails if a fetch in a mirror's store in use could not have
// worked: it was helped out by a fetch of the whole history, or left locks.
func nothingLeft(t *testing.T, m *Mirrors) {
	t.Helper()
	for _, pattern := range []string{"*/history", "*/new", "homes/*"} {
		if found, _ := filepath.Glob(filepath.Join(m.root, pattern)); len(found) > 0 {
			t.Errorf("left behind: %v", found)
		}
	}
}

func glob(t *testing.T, dir, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	must(t, err)
	if len(found) == 0 {
		t.Fatalf("nothing matches %s in %s", pattern, dir)
	}
	return found
}

func overwrite(t *testing.T, dir, pattern, content string) {
	t.Helper()
	for _, path := range glob(t, dir, pattern) {
		must(t, os.WriteFile(path, []byte(content), 0o600))
	}
}

func TestAMirrorIsBegunAnewAfterManyFetches(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	m := openMirrors(t, 0)
	dir, _ := checkout(t, m, f.http(t), f.first, "one")
	store := glob(t, m.root, "*/1.git")[0]
	for i := range maxPacks {
		must(t, os.WriteFile(filepath.Join(store, fmt.Sprintf("objects/pack/pack-%040d.pack", i)), nil, 0o600))
	}
	checkout(t, m, f.http(t), f.commit(t, "two"), "two")
	glob(t, m.root, "*/2.git")
	if out, err := exec.Command("git", "-C", dir, "status", "--porcelain").CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("the first checkout lost its objects: %s, %v", out, err)
	}
}

// TestMain lets the test binary stand in for a runner: a process of its own
// that makes one checkout.
func TestMain(m *testing.M) {
	if root := os.Getenv("GIT_TEST_CHECKOUT"); root != "" {
		os.Exit(checkoutProcess(root))
	}
	os.Exit(m.Run())
}

func checkoutProcess(root string) int {
	var remote Remote
	mirrors, err := OpenMirrors(root, 0)
	if err == nil {
		remote.Repository, err = ParseRepository(os.Getenv("GIT_TEST_REPOSITORY"))
	}
	if credentials := os.Getenv("GIT_TEST_CREDENTIALS"); err == nil && credentials != "" {
		err = json.Unmarshal([]byte(credentials), &remote.Credentials)
	}
	if ref := os.Getenv("GIT_TEST_REF"); err == nil && ref != "" {
		if _, err = Resolve(context.Background(), remote, ref); err != nil {
			err = fmt.Errorf("the manager: %w", err)
		}
	}
	if err == nil {
		_, err = mirrors.Checkout(context.Background(), remote, os.Getenv("GIT_TEST_REVISION"), os.Getenv("GIT_TEST_DIR"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func checkoutCommand(t *testing.T, root, repository, revision, dir string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "GIT_TEST_CHECKOUT="+root, "GIT_TEST_REPOSITORY="+repository, "GIT_TEST_REVISION="+revision, "GIT_TEST_DIR="+dir)
	return cmd
}

func TestProcessesShareAMirror(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	second := f.commit(t, "two")
	root, out := filepath.Join(t.TempDir(), "mirrors"), t.TempDir()
	var wait sync.WaitGroup
	for i := range 6 {
		revision := []string{f.first, second}[i%2]
		cmd := checkoutCommand(t, root, f.web.URL+"/app.git", revision, filepath.Join(out, fmt.Sprint(i)))
		wait.Go(func() {
			if text, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("process %d: %v: %s", i, err, text)
			}
		})
	}
	wait.Wait()
	for i := range 6 {
		if got, want := readFile(t, filepath.Join(out, fmt.Sprint(i), "app.ts")), []string{"one\n", "two\n"}[i%2]; got != want {
			t.Errorf("process %d got %q, want %q", i, got, want)
		}
	}
	if got := f.web.Fetches(); got != 2 {
		t.Errorf("six checkouts of two commits made %d fetches, want 2", got)
	}
}

// TestAProcessKilledInMidFetchIsRecoveredFrom kills a runner while the pack is
// on its way, first into an empty mirror, then into a filled one.
func TestAProcessKilledInMidFetchIsRecoveredFrom(t *testing.T) {
	f := newForge(t, gittest.HTTPOptions{})
	root := filepath.Join(t.TempDir(), "mirrors")
	m, err := OpenMirrors(root, 0)
	must(t, err)
	for round, content := range []string{"two", "three"} {
		noise := strings.Builder{}
		for i := range 200_000 {
			fmt.Fprintf(&noise, "%x\n", uint64(i+round)*0x9E3779B97F4A7C15)
		}
		_, err := f.repo.Commit(map[string]string{"big": noise.String()}, "Large")
		must(t, err)
		hash := f.commit(t, content)
		f.web.Throttle(64 << 10)
		cmd := checkoutCommand(t, root, f.web.URL+"/app.git", hash, t.TempDir())
		must(t, cmd.Start())
		awaitFile(t, root, "*/*/objects/pack/tmp_pack_*")
		must(t, proc.KillTree(cmd.Process.Pid))
		_ = cmd.Wait() // it was killed
		f.web.Throttle(0)
		checkout(t, m, f.http(t), hash, content)
		nothingLeft(t, m) // nor the secrets of the killed process
		if found, _ := filepath.Glob(filepath.Join(root, "*/*/objects/pack/tmp_*")); len(found) > 0 {
			t.Errorf("half a pack was left: %v", found)
		}
	}
}

func awaitFile(t *testing.T, dir, pattern string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if found, _ := filepath.Glob(filepath.Join(dir, pattern)); len(found) > 0 {
			return
		}
	}
	t.Fatalf("%s did not appear", pattern)
}
