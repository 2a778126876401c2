package runner

import (
	"context"
	"fmt"
	"io"
	"os"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/run"
)

// hook brings the project into place and runs a hook in it.
func hook(ctx context.Context, s *Session, t Tools) error {
	at := place{dir: s.Dir.Workspace()}
	if err := t.prepare(ctx, s, &at); err != nil {
		if !s.Request.Hook.ProjectOptional || ctx.Err() != nil {
			return err
		}
		// A hook that guards a destruction has to be heard even when there is
		// no repository any more; it fails by itself if it needs a file of it.
		s.Log.Printf(s.Request.Hook.Name, "the project is not there, the hook runs in an empty folder: %v", err)
		if err := emptied(&at, s); err != nil {
			return err
		}
	}
	return runHook(ctx, s, at)
}

// prepare checks out and installs, as a build does.
func (t Tools) prepare(ctx context.Context, s *Session, at *place) error {
	if missing := s.Request.Hook.ProjectMissing; missing != "" {
		return fmt.Errorf("the project cannot be prepared: %s", missing)
	}
	err := s.Step(ctx, run.StepCloning, func(ctx context.Context, out io.Writer) (cached bool, err error) {
		if _, at.account, cached, err = fetch(ctx, s, t, out); err != nil {
			return false, err
		}
		at.dir, err = t.Source.Project(s.Dir.Workspace())
		return cached, err
	})
	if err != nil {
		return err
	}
	return s.Step(ctx, run.StepInstalling, func(ctx context.Context, out io.Writer) (bool, error) {
		return t.Toolchain.Install(ctx, at.dir, out)
	})
}

// emptied makes the hook's folder an empty one.
func emptied(at *place, s *Session) error {
	dir, err := os.MkdirTemp(s.Dir.Temp(), "no-project-")
	if err != nil {
		return fmt.Errorf("make a folder for the hook: %w", err)
	}
	at.dir = dir
	if at.account == "" {
		at.account = s.Request.Account
	}
	return nil
}

// Inspector reads a commit without checking it out.
type Inspector interface {
	// Inspect fetches the commit that the request names and the one before,
	// and tells who wrote the former and whether what is followed differs.
	Inspect(ctx context.Context) (commit v1alpha1.Commit, touched bool, err error)
}
