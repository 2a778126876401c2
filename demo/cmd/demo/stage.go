package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"awscdk.dev/operator/demo/controlplane"
	"awscdk.dev/operator/internal/git/gittest"
)

// startLimit bounds the start of everything that the demo needs.
const startLimit = 3 * time.Minute

// cloudSpeed makes a resource of the local AWS take 0.04 to 0.8 s, so that there is progress to see.
const cloudSpeed = "0.25"

// paths are what the demo is made of.
type paths struct {
	operator, localAWS, app, crds, hooks string
	// state holds everything that the demo writes.
	state string
}

// stage is everything that runs: a Kubernetes API, a cloud, a git server and the operator.
type stage struct {
	screen *screen
	paths  paths

	plane    *controlplane.ControlPlane
	cluster  *cluster
	endpoint string
	cloud    *cloud
	app      *sampleApp
	gitURL   string
	first    string // the app's first commit
	operator *child
	metrics  string // host:port of the operator's metrics

	stops []func(context.Context) error
}

// stop ends what was started, the last first.
func (s *stage) stop(ctx context.Context) error {
	var errs []error
	for _, stop := range slices.Backward(s.stops) {
		errs = append(errs, stop(ctx))
	}
	s.stops = nil
	return errors.Join(errs...)
}

// during runs one step and tells how it went.
func (s *stage) during(what string, do func() (detail string, err error)) error {
	step := s.screen.start(what)
	detail, err := do()
	if err != nil {
		step.failed(err)
		return fmt.Errorf("%s: %w", what, err)
	}
	step.done(detail)
	return nil
}

// set starts everything.
func (s *stage) set(ctx context.Context) error {
	s.screen.chapter("Set the stage")
	if err := s.build(ctx); err != nil {
		return err
	}
	return s.startOperator(ctx)
}

// build starts everything but the operator, side by side where nothing waits for anything.
func (s *stage) build(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	var cdk string
	together, groupCtx := errgroup.WithContext(ctx)
	together.Go(func() error {
		return s.during("Kubernetes API server, etcd and controllers", func() (string, error) { return s.startPlane(groupCtx) })
	})
	together.Go(func() error {
		return s.during("git server with the sample app", s.startGit)
	})
	together.Go(func() error {
		return s.during("official CDK command line, to bootstrap the account", func() (_ string, err error) {
			cdk, err = installCDK(groupCtx, s.paths.app, filepath.Join(s.paths.state, "cdk"))
			return "", err
		})
	})
	err := s.during("local AWS", func() (string, error) { return s.startCloud(groupCtx) })
	if err := errors.Join(together.Wait(), err); err != nil {
		return err
	}
	return s.during("cdk bootstrap", func() (string, error) {
		account, err := s.cloud.account(ctx)
		if err != nil {
			return "", err
		}
		return "once per account, account " + account, bootstrap(ctx, cdk, account, s.endpoint, filepath.Join(s.paths.state, "cdk"))
	})
}

func (s *stage) startPlane(ctx context.Context) (string, error) {
	log, err := os.Create(filepath.Join(s.paths.state, "controlplane.log"))
	if err != nil {
		return "", err
	}
	plane, err := controlplane.Start(ctx, controlplane.Options{Dir: filepath.Join(s.paths.state, "kubernetes"), Log: log})
	if err != nil {
		return "", errors.Join(err, log.Close())
	}
	s.plane = plane
	s.stops = append(s.stops, func(ctx context.Context) error {
		// What the API server's etcd client says about the end goes past every logger.
		restore := redirectErrors(log)
		err := plane.Stop(ctx)
		restore()
		return errors.Join(err, log.Close())
	})
	if s.cluster, err = newCluster(plane.Config(), namespace); err != nil {
		return "", err
	}
	return plane.Config().Host, errors.Join(s.cluster.applyCRDs(ctx, s.paths.crds), s.cluster.applyRole(ctx, s.paths.hooks))
}

func (s *stage) startGit() (string, error) {
	repos := filepath.Join(s.paths.state, "git")
	var err error
	if s.app, s.first, err = publishApp(s.paths.app, filepath.Join(repos, "web", "platform.git")); err != nil {
		return "", err
	}
	server, err := gittest.ServeHTTP(repos, gittest.HTTPOptions{})
	if err != nil {
		return "", err
	}
	s.gitURL = server.URL + "/web/platform.git"
	return s.gitURL, nil
}

// startCloud runs the local AWS and waits until it says where it listens.
func (s *stage) startCloud(ctx context.Context) (string, error) {
	ready := filepath.Join(s.paths.state, "localaws.ready")
	child, err := startChild("local AWS", filepath.Join(s.paths.state, "localaws.log"), cleanEnvironment(),
		s.paths.localAWS, "--addr", "127.0.0.1:0", "--ready-file", ready, "--speed", cloudSpeed)
	if err != nil {
		return "", err
	}
	s.stops = append(s.stops, child.stop)
	for {
		if text, err := os.ReadFile(ready); err == nil && strings.HasSuffix(string(text), "\n") {
			s.endpoint = strings.TrimSpace(string(text))
			s.cloud = newCloud(s.endpoint)
			return s.endpoint, nil
		}
		if err := child.alive(); err != nil {
			return "", err
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return "", errors.New("it did not say that it is ready")
		}
	}
}

// redirectErrors sends the process's standard error to a file until restore is called. Where that
// cannot be done there is a line too many on the terminal.
func redirectErrors(file *os.File) (restore func()) {
	saved, err := unix.Dup(unix.Stderr)
	if err != nil {
		return func() {}
	}
	_ = unix.Dup3(int(file.Fd()), unix.Stderr, 0)
	return func() {
		_ = unix.Dup3(saved, unix.Stderr, 0)
		_ = unix.Close(saved)
	}
}

// pause waits, or returns why it should not go on.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
