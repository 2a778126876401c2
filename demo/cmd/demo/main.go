// Command demo shows the AWS CDK Operator at work on one machine: a real Kubernetes API server, a
// git server, a local AWS and the operator, all on loopback, with a TypeScript CDK app that is
// deployed, changed, approved, drifted and destroyed. Every step is checked: the demo fails when one of them
// does not happen.
//
// On a terminal it keeps running at the end, for the visitor to try things, until Ctrl-C.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// stopLimit bounds the clearing up at the end.
const stopLimit = time.Minute

func main() {
	var p paths
	flag.StringVar(&p.operator, "operator", "bin/awscdk-operator", "the operator's `program`")
	flag.StringVar(&p.localAWS, "localaws", "bin/localaws", "the local AWS's `program`")
	flag.StringVar(&p.app, "app", "demo/app", "the `folder` of the sample CDK app")
	flag.StringVar(&p.crds, "crds", "config/crd", "the `folder` of the resource definitions")
	flag.StringVar(&p.hooks, "hooks", "config/operator/hooks.yaml", "the `file` of the role that hooks have in the cluster")
	flag.StringVar(&p.state, "state", "", "the `folder` to keep everything in (default: a temporary one, removed at the end)")
	stay := flag.String("stay", "auto", "whether to keep running at the end: auto (on a terminal), yes or no")
	flag.Parse()

	screen := newScreen(os.Stdout)
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	err := show(ctx, screen, p, stays(*stay, screen))
	if errors.Is(err, errStopped) {
		os.Exit(128 + int(syscall.SIGINT)) // as shells tell it
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "\nThe demo ended early: %v\n", err)
		os.Exit(1)
	}
}

// errStopped is a visitor who has seen enough before the end.
var errStopped = errors.New("stopped")

func stays(choice string, screen *screen) bool {
	return choice == "yes" || choice == "auto" && screen.terminal
}

// show sets the stage, plays and clears up, whatever happened in between.
func show(ctx context.Context, screen *screen, p paths, stay bool) (err error) {
	if err := complete(&p); err != nil {
		return err
	}
	temporary := p.state == ""
	if temporary {
		if p.state, err = os.MkdirTemp("", "awscdk-demo-"); err != nil {
			return err
		}
	}
	stopAnimation := screen.animate()
	stage := &stage{screen: screen, paths: p}
	err = play(ctx, stage, stay)
	// Whatever fails after Ctrl-C fails because of it.
	stopped := err != nil && ctx.Err() != nil
	if stopped {
		err = nil
	}

	screen.line("")
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	err = errors.Join(err, stage.during("stop everything", func() (string, error) { return "", stage.stop(stopCtx) }))
	stopAnimation()
	if err != nil {
		return fmt.Errorf("%w\nLogs are in %s", err, p.state)
	}
	if temporary {
		err = os.RemoveAll(p.state)
	}
	if stopped {
		err = errors.Join(err, errStopped)
	}
	return err
}

// complete makes every path absolute, for children that run elsewhere, and says early what is missing.
func complete(p *paths) error {
	for _, path := range []*string{&p.operator, &p.localAWS, &p.app, &p.crds, &p.hooks, &p.state} {
		if *path == "" {
			continue
		}
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		*path = absolute
	}
	for _, path := range []string{p.operator, p.localAWS, p.app, p.crds, p.hooks} {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("%w: run the demo with `make demo`", err)
		}
	}
	for _, program := range []string{"git", "node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("the demo needs %s: %w", program, err)
		}
	}
	if p.state != "" {
		return os.MkdirAll(p.state, 0o700)
	}
	return nil
}

// play tells the story from the first deployment to the end.
func play(ctx context.Context, s *stage, stay bool) error {
	s.screen.line(s.screen.bold("AWS CDK Operator: a demo on this machine alone"))
	if err := s.set(ctx); err != nil {
		return err
	}
	story, err := tell(ctx, s)
	if err != nil {
		return err
	}
	if err := s.destroy(ctx, webApp); err != nil {
		return err
	}
	if !stay {
		if err := s.destroy(ctx, shared); err != nil {
			return err
		}
		s.curtain(story, stay)
		return nil
	}
	// Something to try things with: its dependencies are cached by now.
	s.screen.chapter("Deploy it again, for you to try")
	if err := s.deploy(ctx, webApp, story.revision); err != nil {
		return err
	}
	s.curtain(story, stay)
	<-ctx.Done()
	return nil
}

// within gives a part of the story its own time limit, and a better reason when it passes.
func within(ctx context.Context, limit time.Duration, what string, do func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := do(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("%s: not within %s: %w", what, limit, err)
	}
	return err
}
