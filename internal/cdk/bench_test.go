package cdk

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// BenchmarkAgainstByHand runs the real toolchain on testdata/app, by hand and
// by this package in turns, so that both meet the same load of the machine,
// and reports the medians in seconds and as ratios to `npm ci && npx cdk
// synth`:
//
//	go test ./internal/cdk -run '^$' -bench ByHand -benchtime 5x -timeout 60m
//
// It is of the build alone: publishing and CloudFormation come on top on both
// sides.
func BenchmarkAgainstByHand(b *testing.B) {
	r := newBenchmark(b)
	seconds := map[string][]float64{}
	for i := 0; b.Loop(); i++ {
		for _, step := range r.steps(i) {
			start := time.Now()
			if step.name == "restore" {
				// A new checkout has none: not counted.
				if err := os.RemoveAll(filepath.Join(r.Dir, "node_modules")); err != nil {
					b.Fatal(err)
				}
				start = time.Now()
			}
			if err := step.do(); err != nil {
				b.Fatalf("%s: %v", step.name, err)
			}
			seconds[step.name] = append(seconds[step.name], time.Since(start).Seconds())
		}
	}
	median := func(name string) float64 {
		slices.Sort(seconds[name])
		return seconds[name][len(seconds[name])/2]
	}
	byHand := median("npm-ci") + median("npx-cdk-synth")
	for name := range seconds {
		b.ReportMetric(median(name), name+"-s")
	}
	for _, name := range []string{"new-commit", "other-context", "same-again"} {
		b.ReportMetric((median("restore")+median(name))/byHand, name+"-ratio")
	}
	b.ReportMetric((median("npm-ci")+median("new-commit"))/byHand, "cold-ratio")
}

// benchmark is a checkout of testdata/app.
type benchmark struct {
	b *testing.B
	Project
	install InstallOptions
	shared  Cache
	synth   SynthOptions
}

func newBenchmark(b *testing.B) *benchmark {
	b.Helper()
	root, err := filepath.EvalSymlinks(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(root, "infra"), os.DirFS("testdata/app")); err != nil {
		b.Fatal(err)
	}
	shared, err := filepath.Abs("../../.cache/cdk")
	if err != nil {
		b.Fatal(err)
	}
	env := append(network(), "PATH="+os.Getenv("PATH"), "HOME="+os.Getenv("HOME"), "AWS_EC2_METADATA_DISABLED=true", "npm_config_cache="+filepath.Join(shared, "npm"))
	r := &benchmark{
		b: b, Project: Project{Root: root, Dir: filepath.Join(root, "infra")},
		shared: Cache{Dir: shared}, install: InstallOptions{Env: env, Now: time.Now},
	}
	done, err := Install(b.Context(), r.Project, r.shared, r.install)
	if err != nil {
		b.Fatal(err)
	}
	r.synth = SynthOptions{
		Region: "eu-west-1", Env: env, Output: filepath.Join(b.TempDir(), "out"), StateDir: filepath.Join(b.TempDir(), "state"),
		Dependencies: done.Key, Cache: Cache{Dir: b.TempDir()}, Now: time.Now,
	}
	return r
}

type benchmarkStep struct {
	name string
	do   func() error
}

// steps are the steps of one round; each round is a commit of its own.
func (r *benchmark) steps(round int) []benchmarkStep {
	synth := func(greeting string) func() error {
		return func() error {
			r.synth.Context = []string{"greeting=" + greeting}
			_, err := Synth(r.b.Context(), r.Project, r.synth)
			return err
		}
	}
	return []benchmarkStep{
		{"npm-ci", func() error { return r.byHand("npm", "ci") }},
		{"npx-cdk-synth", func() error {
			return r.byHand("npx", "cdk", "synth", "--quiet", "--ignore-errors", "--output="+r.synth.Output)
		}},
		{"restore", func() error {
			_, err := Install(r.b.Context(), r.Project, r.shared, r.install)
			return err
		}},
		{"new-commit", func() error {
			commit := fmt.Appendf(nil, "export const commit = %d;\n", round)
			if err := os.WriteFile(filepath.Join(r.Dir, "lib", "commit.ts"), commit, 0o644); err != nil {
				return err
			}
			return synth(fmt.Sprint("commit ", round))()
		}},
		{"other-context", synth(fmt.Sprint("context ", round))},
		{"same-again", synth(fmt.Sprint("context ", round))},
	}
}

// byHand runs a command as a person would type it.
func (r *benchmark) byHand(name string, args ...string) error {
	cmd := exec.CommandContext(r.b.Context(), name, args...)
	cmd.Dir, cmd.Env = r.Dir, append(r.install.Env, "CI=true")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}
