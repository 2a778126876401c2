package cdk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// childVariable makes the test binary do one install and end, so that it can
// be killed.
const childVariable = "CDK_TEST_INSTALL"

func TestMain(m *testing.M) {
	if child := os.Getenv(childVariable); child != "" {
		part := strings.Split(child, "|")
		env := append(os.Environ(), "PATH="+part[2])
		_, err := Install(context.Background(), Project{Root: part[0], Dir: part[0]}, Cache{Dir: part[1]}, InstallOptions{Env: env, Now: time.Now})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func (b *bench) child(p Project) *exec.Cmd {
	b.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), b.env...)
	cmd.Env = append(cmd.Env, childVariable+"="+strings.Join([]string{p.Root, b.cache.Dir, environ(b.env).get("PATH")}, "|"))
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	return cmd
}

func TestAKillInMidFillLeavesNothingThatCounts(t *testing.T) {
	b := newBench(t)
	b.env = append(b.env, "FAKE_EXTRA=seq 6000 | (cd node_modules/left && split -l 1 -a 4 - f)")
	cmd := b.child(checkout(t, ".", plain))
	half := eventually(t, func() (string, bool) {
		found, _ := filepath.Glob(b.cache.sub("dependencies", ".filling-*", "tree", "node_modules", "left", "f*"))
		return fmt.Sprint(len(found)), len(found) > 20
	})
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if whole, _ := filepath.Glob(b.cache.sub("dependencies", "*", inventoryFile)); len(whole) > 0 {
		t.Fatalf("the fill was done before the kill (%s files seen): the test proves nothing", half)
	}
	p := checkout(t, ".", plain)
	if done := b.mustInstall(p); done.Cached {
		t.Error("half a tree was restored")
	}
	if left, _ := filepath.Glob(b.cache.sub("dependencies", ".filling-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if done := b.mustInstall(checkout(t, ".", plain)); !done.Cached || b.runs() != 2 {
		t.Errorf("install is %+v after %d runs", done, b.runs())
	}
}

func TestAKillDuringNPMFreesTheLock(t *testing.T) {
	b := newBench(t)
	b.env = append(b.env, "FAKE_EXTRA=[ -f \"$FAKE_CALLS.go\" ] || exec sleep 60")
	cmd := b.child(checkout(t, ".", plain))
	eventually(t, func() (string, bool) { return "", b.runs() == 1 })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	write(t, b.calls+".go", "")
	if done := b.mustInstall(checkout(t, ".", plain)); done.Cached || b.runs() != 2 {
		t.Errorf("install is %+v after %d runs", done, b.runs())
	}
}

// fillCache installs a project of each name, a minute apart, and returns the keys.
func (b *bench) fillCache(names ...string) map[string]string {
	b.t.Helper()
	keys := map[string]string{}
	for _, name := range names {
		b.now = b.now.Add(time.Minute)
		keys[name] = b.mustInstall(checkout(b.t, ".", with(plain, "package.json", `{"name":"`+name+`"}`))).Key
	}
	return keys
}

func (b *bench) has(key string) bool { return isFile(filepath.Join(b.cache.entry(key), inventoryFile)) }

// treeSize is what the fake npm installs, in bytes.
func (b *bench) treeSize() int64 {
	b.t.Helper()
	trees, err := b.cache.stored()
	if err != nil || len(trees) == 0 {
		b.t.Fatalf("%d trees, %v", len(trees), err)
	}
	return trees[0].bytes
}

func TestTheLeastRecentlyUsedTreeGoesFirst(t *testing.T) {
	b := newBench(t)
	keys := b.fillCache("a", "b", "c")
	b.fillCache("a") // used again
	b.cache.MaxBytes = 3 * b.treeSize()
	b.fillCache("d")
	for name, want := range map[string]bool{"a": true, "b": false, "c": true} {
		if got := b.has(keys[name]); got != want {
			t.Errorf("tree %s is there: %v, want %v", name, got, want)
		}
	}
	if isFile(b.cache.entry(keys["b"]) + ".lock") {
		t.Error("the lock of a tree that went is still there")
	}
}

func TestCompiledCodeOfEarlierVersionsIsRemoved(t *testing.T) {
	b := newBench(t)
	write(t, b.cache.sub("compiled", "of-a-tree-long-gone", "v22", "code"), "")
	write(t, b.cache.sub("npm", "kept"), "")
	b.fillCache("a")
	if isDir(b.cache.sub("compiled")) {
		t.Error("it is still there")
	}
	if !isFile(b.cache.sub("npm", "kept")) {
		t.Error("npm's own cache is gone")
	}
}

func TestATreeInUseIsNotEvicted(t *testing.T) {
	b := newBench(t)
	keys := b.fillCache("a", "b")
	release, err := b.cache.tryLock(keys["a"], syscall.LOCK_SH)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	b.cache.MaxBytes = 1
	last := b.fillCache("c")
	if !b.has(keys["a"]) || b.has(keys["b"]) || !b.has(last["c"]) {
		t.Errorf("a %v, b %v, c %v; want the one in use and the one just made", b.has(keys["a"]), b.has(keys["b"]), b.has(last["c"]))
	}
}

func TestAnEvictedLockLocksNothing(t *testing.T) {
	b := newBench(t)
	key := b.fillCache("a")["a"]
	path := b.cache.entry(key) + ".lock"
	old, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if gone, err := b.cache.remove(key); err != nil || !gone {
		t.Fatalf("removed %v, %v", gone, err)
	}
	if err := flock(old, syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	release, err := b.cache.tryLock(key, syscall.LOCK_EX)
	if err != nil {
		t.Fatalf("a lock on a removed file is in the way: %v", err)
	}
	release()
}

func TestADamagedInventoryIsInstalledAnew(t *testing.T) {
	b := newBench(t)
	key := b.fillCache("a")["a"]
	for _, damage := range []string{"", "not a list"} {
		write(t, filepath.Join(b.cache.entry(key), inventoryFile), damage)
		if done := b.mustInstall(checkout(t, ".", with(plain, "package.json", `{"name":"a"}`))); done.Cached {
			t.Errorf("inventory %q was believed", damage)
		}
	}
}

func TestAnInventoryThatLeadsOutIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), inventoryFile)
	inv := inventory{Files: []fileRecord{{Path: "../../etc/passwd"}}}
	if err := inv.write(path); err != nil {
		t.Fatal(err)
	}
	if _, err := readInventory(path); err == nil {
		t.Error("it was believed")
	}
}

func TestCopiesHaveContentModeAndTime(t *testing.T) {
	b := newBench(t)
	p := checkout(t, ".", plain)
	b.mustInstall(p)
	inv, err := takeInventory(p.Dir, []string{"node_modules"})
	if err != nil {
		t.Fatal(err)
	}
	dest := t.TempDir()
	for _, dir := range inv.Dirs {
		if err := os.Mkdir(filepath.Join(dest, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range inv.Files {
		if err := copyFile(filepath.Join(p.Dir, file.Path), filepath.Join(dest, file.Path), file); err != nil {
			t.Fatal(err)
		}
		if !file.unchanged(filepath.Join(dest, file.Path)) {
			t.Errorf("%s is not as it was", file.Path)
		}
	}
	want := tree(t, p.Dir+"/node_modules")
	delete(want, ".bin/left")
	if diff := cmp.Diff(want, tree(t, dest+"/node_modules")); diff != "" {
		t.Error(diff)
	}
}

func TestParallelStopsAtTheFirstError(t *testing.T) {
	broken := errors.New("broken")
	if err := parallel(100_000, func(i int) error {
		if i == 70 {
			return broken
		}
		return nil
	}); !errors.Is(err, broken) {
		t.Errorf("error is %v", err)
	}
}

func TestMemory(t *testing.T) {
	c := Cache{Dir: t.TempDir()}
	now := time.Unix(1_700_000_000, 0)
	known := factOf("types", "a", "b")
	if c.recalls(known, remembered, now) {
		t.Error("recalled what was never remembered")
	}
	c.remember(known, now)
	if !c.recalls(known, remembered, now.Add(remembered-time.Second)) || c.recalls(known, remembered, now.Add(remembered)) {
		t.Error("not recalled for the time it should be")
	}
	if factOf("types", "ab", "") != "" || factOf("types", "a", "b") == factOf("types", "ab") || factOf("types", "a") == factOf("templates", "a") {
		t.Error("facts are mixed up")
	}
	c.remember("", now)
	if c.recalls("", remembered, now) {
		t.Error("recalled what is not known")
	}
	if err := c.forget(now.Add(remembered + time.Second)); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(c.sub("memory")); len(left) > 0 {
		t.Errorf("not forgotten: %v", left)
	}
}
