// Command images builds the operator's container images without a daemon, a
// root user or an emulator: see docs/how-to/images.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const usage = `images lock     resolve packages anew and write the lock
images build    build both images into OCI layouts
images push     push what was built to a registry

"images COMMAND -h" lists the options.
`

var errUsage = errors.New("usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, log io.Writer) error {
	commands := map[string]func(context.Context, []string, io.Writer, io.Writer) error{
		"lock": runLock, "build": runBuild, "push": runPush,
	}
	if len(args) == 0 || commands[args[0]] == nil {
		fmt.Fprint(log, usage)
		return errUsage
	}
	return commands[args[0]](ctx, args[1:], out, log)
}

// flags are the options of one command; a mistake is told on log.
func flags(name string, log io.Writer) *flag.FlagSet {
	set := flag.NewFlagSet("images "+name, flag.ContinueOnError)
	set.SetOutput(log)
	return set
}

func parse(set *flag.FlagSet, args []string) error {
	err := set.Parse(args)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		return errUsage
	}
	if err == nil && set.NArg() > 0 {
		fmt.Fprintf(set.Output(), "%s takes no arguments, but options: %q\n", set.Name(), set.Arg(0))
		return errUsage
	}
	return err
}
