package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/executor"
	"awscdk.dev/operator/internal/executor/job"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Where runs run, as --executor names it.
const (
	executorLocal = "Local"
	executorJob   = "Job"
)

// runSettings say where runs run and, where that is in Jobs, how their pods are
// made.
type runSettings struct {
	executor       string
	image          string
	pullPolicy     string
	defaultsFile   string
	userNamespaces bool
	defaults       v1alpha1.Runner
}

func (r *runSettings) flags(f *flag.FlagSet) {
	f.StringVar(&r.executor, "executor", executorLocal, "where builds and hooks run: Local, as processes of the manager's machine, or Job, each in a Job of the object's namespace")
	f.StringVar(&r.image, "runner-image", "", "`image` of the pods of builds and hooks; required by --executor Job")
	f.StringVar(&r.pullPolicy, "runner-image-pull-policy", "", "when that image is pulled: Always, IfNotPresent or Never; by default as Kubernetes does")
	f.StringVar(&r.defaultsFile, "runner-defaults-file", "", "YAML `file` with defaults for spec.runner of all objects")
	f.BoolVar(&r.userNamespaces, "runner-user-namespaces", false, "give each pod of a build or hook a user namespace of its own (hostUsers: false); all nodes that take them must support it")
}

// read checks the settings and reads the defaults.
func (r *runSettings) read() error {
	if !slices.Contains([]string{executorLocal, executorJob}, r.executor) {
		return fmt.Errorf("executor is %q, want Local or Job", r.executor)
	}
	if !slices.Contains([]string{"", string(corev1.PullAlways), string(corev1.PullIfNotPresent), string(corev1.PullNever)}, r.pullPolicy) {
		return fmt.Errorf("runner-image-pull-policy is %q, want Always, IfNotPresent or Never", r.pullPolicy)
	}
	if r.executor == executorJob && r.image == "" {
		return fmt.Errorf("runner-image is required with --executor Job: name the operator's runner image, of the same version as this manager")
	}
	if r.defaultsFile == "" {
		return nil
	}
	data, err := os.ReadFile(r.defaultsFile)
	if err != nil {
		return fmt.Errorf("read the defaults of runs: %w", err)
	}
	if r.defaults, err = job.ParseDefaults(data); err != nil {
		return fmt.Errorf("%s: %w", r.defaultsFile, err)
	}
	return nil
}

// lookPath finds the tools of runs, which are the manager's own unless runs have
// an image of theirs.
func (r *runSettings) lookPath() func(string) (string, error) {
	if r.executor == executorJob {
		return nil
	}
	return exec.LookPath
}

// cached are the objects of runs that the manager's cache holds.
func (r *runSettings) cached() map[client.Object]cache.ByObject {
	if r.executor != executorJob {
		return nil
	}
	return job.CacheObjects()
}

// runsExecutor is an executor that can be closed.
type runsExecutor interface {
	executor.Executor
	Close() error
}

// newExecutor makes the executor that the settings name; notify hears of its runs.
func newExecutor(mgr ctrl.Manager, s settings, notify func(name string)) (runsExecutor, error) {
	if s.runs.executor == executorJob {
		runs, err := job.New(job.Options{
			Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Cache: mgr.GetCache(), Namespaces: list(s.watch),
			Image: s.runs.image, PullPolicy: corev1.PullPolicy(s.runs.pullPolicy), Defaults: s.runs.defaults, UserNamespaces: s.runs.userNamespaces,
			MaxRuns: s.maxRuns, MaxRunsPerNamespace: s.maxRunsPerNamespace, Environ: os.Environ(), PassEnv: s.passEnv,
			Belongs: decide.RunIsOf, Notify: notify, Now: time.Now,
		})
		if err != nil {
			return nil, fmt.Errorf("prepare the runs: %w", err)
		}
		return runs, nil
	}
	runs, err := executor.NewLocal(executor.LocalOptions{
		Data: s.data, Now: time.Now, MaxRuns: s.maxRuns, MaxRunsPerNamespace: s.maxRunsPerNamespace,
		MemoryLimit: s.runMemory, PassEnv: s.passEnv, Log: os.Stdout, Notify: notify,
	})
	if err != nil {
		return nil, fmt.Errorf("prepare the runs in %s: %w", s.data, err)
	}
	return runs, nil
}
