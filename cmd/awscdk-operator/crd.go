package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"awscdk.dev/operator/config"
	"awscdk.dev/operator/internal/definition"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// crdTimeout bounds the whole: an API server serves a definition in seconds.
const crdTimeout = 2 * time.Minute

// runCRD carries out `crd apply` and `crd print`. The chart's Job calls the
// first before an installation and an upgrade.
func runCRD(ctx context.Context, args []string) error {
	return crdTo(ctx, os.Stdout, args, ctrl.GetConfig)
}

func crdTo(ctx context.Context, out io.Writer, args []string, cluster func() (*rest.Config, error)) error {
	if len(args) == 0 {
		return errors.New("want apply, to bring the cluster's definition of CdkTsStack up to date, or print, to see it")
	}
	flags := flag.NewFlagSet("crd "+args[0], flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error says it all
	force := flags.Bool("force", false, "apply it over a newer one, too")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case args[0] == "print":
		_, err := out.Write(config.Definition)
		return err
	case args[0] != "apply":
		return fmt.Errorf("want apply or print, not %q", args[0])
	}
	return applyCRD(ctx, out, cluster, *force)
}

func applyCRD(ctx context.Context, out io.Writer, cluster func() (*rest.Config, error), force bool) error {
	where, err := cluster()
	if err != nil {
		return fmt.Errorf("find the Kubernetes API server: %w", err)
	}
	scheme := runtime.NewScheme()
	if err := apiextensionsv1.AddToScheme(scheme); err != nil {
		return err
	}
	c, err := client.New(where, client.Options{Scheme: scheme})
	if err != nil {
		return fmt.Errorf("reach the Kubernetes API server: %w", err)
	}
	want, err := definition.Parse(config.Definition)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, crdTimeout)
	defer cancel()
	did, err := definition.Apply(ctx, c, want, force)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "CustomResourceDefinition %s %s\n", want.Name, did)
	return nil
}
