// Command kubectl-cdk is the plugin `kubectl cdk`.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"awscdk.dev/operator/internal/cli"

	"golang.org/x/term"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // whatever a kubeconfig may ask for
)

// version is set when a release is built.
var version = "unknown"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, cli.Options{
		Streams: genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr},
		Now:     time.Now,
		Colors:  cli.ColorsWanted(os.Stdout, os.Getenv),
		Width:   width,
		Version: version,
	}, os.Args[1:])
	stop()
	os.Exit(code)
}

// width is that of the terminal on standard output, 0 where there is none that
// moves its cursor.
func width() int {
	columns, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil || os.Getenv("TERM") == "dumb" {
		return 0
	}
	return columns
}
