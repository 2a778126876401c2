// Package cli is the plugin `kubectl cdk`: what people ask and order of
// CdkTsStacks, in the controller's own words.
package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	"github.com/spf13/cobra"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Exit codes of the program.
const (
	ExitOK = 0
	// ExitFailed: it could not be done.
	ExitFailed = 1
	// ExitUsage: it was called wrongly.
	ExitUsage = 2
	// ExitNotReady: it was done, and what it is about is not as it should be
	// (`status`, `why`).
	ExitNotReady = 3
)

// errNotReady makes a command that has said all end with ExitNotReady.
var errNotReady = errors.New("not ready")

// errUsage is a call that was wrong.
type errUsage struct{ error }

// Options are what the commands share.
type Options struct {
	Streams genericiooptions.IOStreams
	Now     func() time.Time
	// Colors says whether the output is a terminal that takes colours.
	Colors bool

	flags *genericclioptions.ConfigFlags
}

// Run carries out a command line and gives its exit code.
func Run(ctx context.Context, o Options, args []string) int {
	root := newRoot(&o)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	_, wrong := errors.AsType[errUsage](err)
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, errNotReady):
		return ExitNotReady
	}
	_, _ = fmt.Fprintln(o.Streams.ErrOut, "error: "+printable(err.Error()))
	if wrong {
		return ExitUsage
	}
	return ExitFailed
}

func newRoot(o *Options) *cobra.Command {
	o.flags = genericclioptions.NewConfigFlags(true)
	root := &cobra.Command{
		Use:   "kubectl-cdk",
		Short: "See and order what the AWS CDK Operator does",
		Long: `See and order what the AWS CDK Operator does.

Exit codes: 0 done, 1 it could not be done, 2 called wrongly, 3 done, and the object is not ready (status, why).`,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl cdk"},
		SilenceErrors: true, SilenceUsage: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return errUsage{fmt.Errorf("there is no command %q: kubectl cdk --help lists them", args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(o.Streams.In)
	root.SetOut(o.Streams.Out)
	root.SetErr(o.Streams.ErrOut)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return errUsage{err} })
	o.flags.AddFlags(root.PersistentFlags())
	root.AddCommand(
		newList(o), newStatus(o), newPlan(o), newWhy(o), newHistory(o),
		newApprove(o), newAcknowledge(o), newOverride(o), newDeploy(o), newSuspend(o, true), newSuspend(o, false),
	)
	return root
}

// named is the argument of the commands that are about one object.
func named(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return errUsage{fmt.Errorf("%s needs the name of one CdkTsStack: %s NAME", cmd.Name(), cmd.CommandPath())}
	}
	return nil
}

func none(cmd *cobra.Command, args []string) error {
	if len(args) != 0 {
		return errUsage{fmt.Errorf("%s takes no argument, and got %q", cmd.Name(), args[0])}
	}
	return nil
}

func (o *Options) painter() painter { return painter{out: o.Streams.Out, colors: o.Colors} }

// scheme knows what the plugin reads and writes.
func scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	utilruntime.Must(v1alpha1.AddToScheme(s))
	utilruntime.Must(authenticationv1.AddToScheme(s))
	utilruntime.Must(corev1.AddToScheme(s))
	return s
}

// cluster is the API server of the flags, and the namespace that is meant.
func (o *Options) cluster() (client.Client, string, error) {
	config, err := o.flags.ToRESTConfig()
	if err != nil {
		return nil, "", fmt.Errorf("find the cluster: %w", err)
	}
	namespace, _, err := o.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, "", fmt.Errorf("find the namespace: %w", err)
	}
	c, err := client.New(config, client.Options{Scheme: scheme()})
	return c, namespace, err
}

// get reads an object by name.
func (o *Options) get(ctx context.Context, name string) (client.Client, *v1alpha1.CdkTsStack, error) {
	c, namespace, err := o.cluster()
	if err != nil {
		return nil, nil, err
	}
	var obj v1alpha1.CdkTsStack
	err = c.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, &obj)
	if apierrors.IsNotFound(err) {
		return nil, nil, fmt.Errorf("there is no CdkTsStack %s in the namespace %s: kubectl cdk list -A shows all", name, namespace)
	}
	return c, &obj, err
}

// confirm asks a question that is answered with yes or no.
func (o *Options) confirm(question string) (bool, error) {
	_, _ = fmt.Fprintf(o.Streams.ErrOut, "%s [y/N] ", question)
	answer, err := bufio.NewReader(o.Streams.In).ReadString('\n')
	if err != nil && answer == "" {
		return false, errors.New("nobody answered: give --yes")
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}

// ColorsWanted says whether an output file is a terminal that takes colours;
// see https://no-color.org.
func ColorsWanted(out *os.File, getenv func(string) string) bool {
	info, err := out.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
}
