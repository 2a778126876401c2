package rig

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// shareDependencies puts what earlier tests have installed into a manager's
// dependency cache, by hard links, and keeps what this one installs for later
// tests: an installation costs more than all else that a test does. The trees
// are checked whenever they are used, so one that a test has spoilt is
// installed again.
func shareDependencies(tb testing.TB, data string) {
	tb.Helper()
	shared := filepath.Join(Root(tb), ".cache", "test-dependencies")
	own := filepath.Join(data, "deps", "dependencies")
	forget(tb, shared)
	link(tb, shared, own)
	tb.Cleanup(func() {
		if !tb.Failed() {
			link(tb, own, shared)
		}
	})
}

// forget removes what no test has used for two weeks. Each use touches the
// list of a tree, which is one file by whichever link it is reached.
func forget(tb testing.TB, shared string) {
	tb.Helper()
	lists, _ := filepath.Glob(filepath.Join(shared, "*", "inventory*")) // none when there is no such folder
	for _, list := range lists {
		if info, err := os.Stat(list); err == nil && time.Since(info.ModTime()) > 14*24*time.Hour {
			must(tb, os.RemoveAll(filepath.Dir(list)))
		}
	}
}

// link makes hard links of the whole trees in one folder that another has not.
func link(tb testing.TB, from, to string) {
	tb.Helper()
	trees, _ := filepath.Glob(filepath.Join(from, "[0-9a-z]*")) // none when there is no such folder
	must(tb, os.MkdirAll(to, 0o755))
	for _, tree := range trees {
		if filepath.Ext(tree) == ".lock" {
			continue
		}
		if _, err := os.Stat(filepath.Join(to, filepath.Base(tree))); err == nil {
			continue
		}
		temp, err := os.MkdirTemp(to, ".linking-")
		must(tb, err)
		out, err := exec.Command("cp", "-al", "--", tree, temp).CombinedOutput()
		if err == nil {
			err = os.Rename(filepath.Join(temp, filepath.Base(tree)), filepath.Join(to, filepath.Base(tree)))
		}
		if err != nil {
			tb.Logf("the dependencies are not shared: %v\n%s", err, out) // another file system, or another test was quicker
		}
		must(tb, os.RemoveAll(temp))
	}
}
