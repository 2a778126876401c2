package cdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"time"

	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/proc"
	"awscdk.dev/operator/internal/redact"
)

// InstallOptions are what an install needs besides the project.
type InstallOptions struct {
	// Env is the whole environment, KEY=value: PATH, HOME, proxies and the
	// like. AWS_*, GIT_*, SSH_* and CDK_* are dropped: install scripts get
	// no credentials.
	Env []string
	// Variables are the user's own. The package manager gets those that its
	// settings name, install scripts get none.
	Variables map[string]string
	// StateDir is a scratch folder of the run, absolute.
	StateDir string
	// Log gets the package manager's output line by line, as it is; it may
	// be nil.
	Log io.Writer
	// Redact takes secrets out of errors; it may be nil.
	Redact *redact.Redactor
	// Now is the clock.
	Now func() time.Time
}

// Installed is what an install did.
type Installed struct {
	// Manager is npm, pnpm or yarn.
	Manager string
	// Dir is where the lock file is.
	Dir string
	// Key is the digest of everything that the dependencies follow from;
	// "" when that could not be told, so that nothing was cached.
	Key string
	// Cached is true when the cache spared the work.
	Cached bool
	// Note says why the dependencies could not be cached, if so.
	Note string
}

// Install brings a project's dependencies into its checkout, exactly those of
// its lock file: from the cache, else by the package manager, after which the
// cache has them. It may be called again on the same checkout.
//
// Errors are *problem.Problem: MissingLockFile, InvalidProjectPath and what the package
// manager rejects stall; an unreachable registry waits.
func Install(ctx context.Context, p Project, c Cache, o InstallOptions) (Installed, error) {
	if err := p.Check(); err != nil {
		return Installed{}, err
	}
	k, err := detect(p)
	if err != nil {
		return Installed{}, err
	}
	i := installer{Project: p, Cache: c, packages: k, InstallOptions: o}
	done := Installed{Manager: k.manager, Dir: k.dir}
	workspaces, err := k.workspaces()
	if err != nil {
		return done, err
	}
	done.Note = k.uncacheable(p.Root, workspaces, i.withRegistry(o.Env))
	if c.Dir == "" || done.Note != "" {
		return done, i.run(ctx)
	}
	done.Key, err = dependencyKey(p.Root, k, workspaces, i.withRegistry(o.Env), i.registryPlaces())
	if errors.Is(err, errLink) {
		done.Note = err.Error()
		return done, i.run(ctx)
	}
	if err != nil {
		return done, err
	}
	done.Cached, err = i.cached(ctx, done.Key)
	if errors.Is(err, errForeign) {
		return Installed{Manager: k.manager, Dir: k.dir, Note: err.Error()}, nil
	}
	return done, err
}

// installer is one install.
type installer struct {
	Project
	Cache
	packages
	InstallOptions
}

// cached restores the dependencies, or installs and stores them; it tells
// which.
func (i installer) cached(ctx context.Context, key string) (hit bool, err error) {
	// What is in the repository is then not there after a restore, either.
	if err := i.clear(); err != nil {
		return false, err
	}
	release, err := i.lock(ctx, key, syscall.LOCK_SH)
	if err != nil {
		return false, err
	}
	err = i.restore(i.Project, key, i.dir, i.Now())
	release()
	if !errors.Is(err, errMissing) && !errors.Is(err, errTampered) {
		return err == nil, err
	}
	release, err = i.lock(ctx, key, syscall.LOCK_EX)
	if err != nil {
		return false, err
	}
	defer release()
	// Another run may have filled it while this one waited.
	err = i.restore(i.Project, key, i.dir, i.Now())
	if !errors.Is(err, errMissing) && !errors.Is(err, errTampered) {
		return err == nil, err
	}
	if err := i.discard(key); err != nil {
		return false, err
	}
	return false, i.fillByRunning(ctx, key)
}

func (i installer) fillByRunning(ctx context.Context, key string) error {
	vendored, err := i.trees(func(tree string) bool { return !i.manages(tree) })
	if err != nil {
		return err
	}
	if err := i.run(ctx); err != nil {
		return err
	}
	trees, err := i.trees(func(tree string) bool { return !slices.Contains(vendored, tree) })
	if err != nil {
		return err
	}
	err = i.fill(key, i.dir, trees, i.Now())
	if errors.Is(err, errForeign) {
		return err
	}
	if err != nil {
		// The dependencies are there; the next run installs again.
		i.say("The dependencies could not be cached: %v", err)
	}
	if err := errors.Join(i.evict(key), i.forget(i.Now())); err != nil {
		i.say("The dependency cache could not be trimmed: %v", err)
	}
	return nil
}

func (i installer) say(format string, args ...any) {
	if i.Log != nil {
		fmt.Fprintf(i.Log, format+"\n", args...)
	}
}

// clear removes what the package manager manages.
func (i installer) clear() error {
	trees, err := i.trees(i.manages)
	if err != nil {
		return err
	}
	return clearTrees(i.Project, i.dir, trees)
}

// run runs the package manager, after clearing what it manages and no more.
func (i installer) run(ctx context.Context) error {
	env, more, err := i.scriptsApart(i.withRegistry(i.environment()))
	if err != nil {
		return err
	}
	path, args, err := i.command(env)
	if err != nil {
		return err
	}
	args = append(args, more...)
	if err := i.clear(); err != nil {
		return err
	}
	command := Command{Command: proc.Command{Path: path, Args: args, Dir: i.dir, Env: env}, Log: i.Log, Redact: i.Redact}
	for _, step := range i.steps(command) {
		if tail, err := step.Run(ctx); err != nil {
			return i.explain(ctx, tail, err)
		}
	}
	return nil
}

// environment is what the package manager and the install scripts see.
func (i installer) environment() environ {
	env := withoutSecrets(i.Env).set("CI", "true").set("NO_COLOR", "1").unset("FORCE_COLOR")
	// An outage of the registry is told after one to two minutes. npm's own
	// settings would let each request hang for five minutes, three times.
	env = env.offer("npm_config_fetch_retries", "2").
		offer("npm_config_fetch_retry_mintimeout", "1000").
		offer("npm_config_fetch_retry_maxtimeout", "10000").
		offer("npm_config_fetch_timeout", "30000").
		set("npm_config_update_notifier", "false")
	env = Tools{settings: corepackSettings(i.Cache, i.Env)}.Apply(env.offer("YARN_HTTP_TIMEOUT", "30000"))
	if i.berry() {
		env = Tools{settings: i.yarnSettings(i.Root, i.Cache, i.withRegistry(i.Env))}.Apply(env)
	}
	if i.Cache.Dir == "" {
		return env
	}
	if i.manager == "pnpm" {
		// npm would warn of a setting that is pnpm's alone.
		env = env.offer("npm_config_store_dir", i.sub("pnpm"))
	}
	if i.manager == "yarn" && !i.berry() {
		env = env.offer("YARN_CACHE_FOLDER", i.sub("yarn"))
	}
	return env.offer("npm_config_cache", i.sub("npm"))
}

func mentions(text string, words []string) bool {
	for _, word := range words {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

// lastLines returns the end of a text, whole lines of n bytes at most.
func lastLines(text string, n int) string {
	text = strings.TrimSpace(text)
	if len(text) <= n {
		return text
	}
	text = text[len(text)-n:]
	if _, rest, ok := strings.Cut(text, "\n"); ok {
		return rest
	}
	return problem.CutStart(text, n)
}
