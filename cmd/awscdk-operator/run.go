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

// runRun carries out one run in this process, or one stage of it. The executor
// calls it: for a run with the secrets on standard input, and the result is a
// file in the run's folder; for a stage with files for both.
func runRun(ctx context.Context, args []string) error { return runFrom(ctx, args, os.Stdin) }

func runFrom(ctx context.Context, args []string, stdin io.Reader) error {
	o := runner.StageOptions{Log: os.Stdout, Now: time.Now, Work: runner.Real}
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error says it all
	flags.StringVar((*string)(&o.Dir), run.FlagDir, "", "the run's `folder`, which holds its request")
	flags.StringVar(&o.Data, run.FlagData, "", "the `folder` that all runs share")
	flags.StringVar(&o.Stage, run.FlagStage, "", "the `name` of the one stage to carry out; the flags after this one are for a stage")
	flags.StringVar(&o.Request, run.FlagRequest, "", "the `file` of the request")
	flags.StringVar(&o.Secrets, run.FlagSecrets, "", "the `file` of the stage's secrets")
	flags.StringVar(&o.Message, run.FlagMessage, run.MessagePath, "the `file` for the result")
	flags.IntVar(&o.MessageLimit, run.FlagMessageLimit, run.MessageLimit(1), "the most `bytes` that the result may have")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	switch whole := o.Stage == ""; {
	case o.Dir == "" || o.Data == "" || flags.NArg() > 0:
		return errors.New("want --dir and --data and nothing else, or a --stage with its flags; it is called by the manager, not by hand")
	case whole && (o.Request != "" || o.Secrets != ""):
		return errors.New("--request and --secrets are for a --stage; a whole run has its request in --dir and its secrets on standard input")
	case whole:
		return runner.Main(ctx, runner.MainOptions{Dir: o.Dir, Data: o.Data, Stdin: stdin, Now: o.Now, Work: o.Work})
	case o.Request == "" || o.Secrets == "" || o.MessageLimit <= 0:
		return errors.New("a --stage needs --request, --secrets and a --message-limit above 0")
	}
	return runner.Stage(ctx, o)
}
