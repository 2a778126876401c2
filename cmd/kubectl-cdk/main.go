// Command kubectl-cdk is the plugin `kubectl cdk`.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"awscdk.dev/operator/internal/cli"

	"k8s.io/cli-runtime/pkg/genericiooptions"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // whatever a kubeconfig may ask for
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, cli.Options{
		Streams: genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr},
		Now:     time.Now,
		Colors:  cli.ColorsWanted(os.Stdout, os.Getenv),
	}, os.Args[1:])
	stop()
	os.Exit(code)
}
