package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"time"

	"awscdk.dev/operator/internal/run"
	"awscdk.dev/operator/internal/runner"
)

// runRun carries out one build in this process. The executor calls it, with
// the secrets on standard input; the result is a file in the run's folder.
func runRun(ctx context.Context, args []string) error { return runFrom(ctx, args, os.Stdin) }

func runFrom(ctx context.Context, args []string, stdin io.Reader) error {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error says it all
	dir := flags.String("dir", "", "the run's `folder`, which holds its request")
	data := flags.String("data", "", "the `folder` that all runs share")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if *dir == "" || *data == "" || flags.NArg() > 0 {
		return errors.New("want --dir and --data and nothing else; it is called by the manager, not by hand")
	}
	return runner.Main(ctx, runner.MainOptions{
		Dir: run.Dir(*dir), Data: *data, Stdin: stdin, Now: time.Now, Work: runner.Real,
	})
}
