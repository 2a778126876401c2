package cdk

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The benchmarks run the real toolchain on testdata/app and are meant for
// ratios on one quiet machine:
//
//	go test ./internal/cdk -run '^$' -bench . -benchtime 3x -timeout 30m

// benchReal is newReal for a benchmark.
func benchReal(b *testing.B) *real {
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
	r := &real{Project: Project{Root: root, Dir: filepath.Join(root, "infra")}}
	env := append(network(), "PATH="+os.Getenv("PATH"), "HOME="+os.Getenv("HOME"), "AWS_EC2_METADATA_DISABLED=true")
	done, err := Install(b.Context(), r.Project, Cache{Dir: shared}, InstallOptions{Env: env, Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	r.options = SynthOptions{
		Region: "eu-west-1", Env: env, Output: filepath.Join(b.TempDir(), "out"), StateDir: filepath.Join(b.TempDir(), "state"),
		Dependencies: done.Key, Cache: Cache{Dir: b.TempDir()}, Now: time.Now,
	}
	return r
}

func BenchmarkInstall(b *testing.B) {
	shared, err := filepath.Abs("../../.cache/cdk")
	if err != nil {
		b.Fatal(err)
	}
	for name, cache := range map[string]Cache{"npm ci": {}, "restored from the cache": {Dir: shared}} {
		b.Run(name, func(b *testing.B) {
			r := benchReal(b)
			o := InstallOptions{Env: r.options.Env, Now: time.Now}
			for b.Loop() {
				b.StopTimer()
				if err := os.RemoveAll(filepath.Join(r.Dir, "node_modules")); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				if _, err := Install(b.Context(), r.Project, cache, o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSynth(b *testing.B) {
	synth := func(b *testing.B, prepare func(r *real, i int)) {
		r := benchReal(b)
		// What an earlier deployment of the app has left.
		if _, err := Synth(b.Context(), r.Project, r.options); err != nil {
			b.Fatal(err)
		}
		for i := 0; b.Loop(); i++ {
			prepare(r, i)
			if _, err := Synth(b.Context(), r.Project, r.options); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("the ordinary way", func(b *testing.B) {
		r := benchReal(b)
		s, err := newSynthesis(r.Project, r.options)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if err := s.run(b.Context(), ways{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("a new commit", func(b *testing.B) {
		synth(b, func(r *real, i int) {
			name := filepath.Join(r.Dir, "lib", "commit.ts")
			if err := os.WriteFile(name, fmt.Appendf(nil, "export const n = %d;\n", i), 0o644); err != nil {
				b.Fatal(err)
			}
			r.options.Context = []ContextValue{{"greeting", fmt.Sprint(i)}}
		})
	})
	b.Run("another context of the same commit", func(b *testing.B) {
		synth(b, func(r *real, i int) {
			r.options.Context = []ContextValue{{"greeting", fmt.Sprint(i)}}
		})
	})
	b.Run("the same again", func(b *testing.B) { synth(b, func(*real, int) {}) })
}
