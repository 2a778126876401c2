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

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// Exit codes of the program.
const (
	ExitOK = 0
	// ExitFailed: it could not be done.
	ExitFailed = 1
	// ExitUsage: it was called wrongly.
	ExitUsage = 2
	// ExitNotReady: it was done, and what it is about is not as it should be: the
	// object is not ready (`status`, `why`), the stack has drifted or nobody knows
	// (`drift`), the operation that was followed did not end well (`logs -f`).
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
	// Width gives the columns of the terminal that is written to; nil where it is
	// none.
	Width func() int
	// Version is that of the program.
	Version string

	flags *genericclioptions.ConfigFlags
	// client and typed are made when they are first needed.
	client client.Client
	typed  *bufio.Reader
}

// Run carries out a command line and gives its exit code.
func Run(ctx context.Context, o Options, args []string) int {
	log.SetLogger(logr.Discard()) // its absence is told on the terminal after half a minute
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
	_, _ = fmt.Fprintln(o.Streams.ErrOut, "error: "+printable(o.explained(err)))
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

Exit codes: 0 done; 1 it could not be done, or not in time; 2 called wrongly; 3 done, and what it is about is not as it
should be: not ready (status, why), drifted or not known (drift), an operation that did not end well (logs -f), something to
do about manifests (migrate) or lacking (doctor).`,
		Version:       o.Version,
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
	root.AddCommand(newInit(o), newMigrate(o), newDoctor(o))
	root.AddCommand(
		newList(o), newStatus(o), newPlan(o), newWhy(o), newHistory(o), newLogs(o), newEvents(o), newDrift(o),
		newApprove(o), newAbort(o), newAcknowledge(o), newOverride(o), newDeploy(o), newRollback(o), newSuspend(o, true), newSuspend(o, false), newDestroy(o),
		newCompletion(),
	)
	for _, cmd := range root.Commands() {
		if cmd.ValidArgsFunction == nil && strings.Contains(cmd.Use, " NAME") {
			cmd.ValidArgsFunction = o.completeNames
		}
	}
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

func (o *Options) painter() painter {
	p := painter{out: o.Streams.Out, colors: o.Colors, flags: o.given()}
	if o.Width != nil {
		p.width = o.Width()
	}
	return p
}

// given are the options that lead to where this call went.
func (o *Options) given() string {
	if o.flags.Namespace != nil && *o.flags.Namespace != "" {
		return " -n " + shellWord(*o.flags.Namespace) + o.givenCluster()
	}
	return o.givenCluster()
}

// givenCluster are those that lead to the cluster.
func (o *Options) givenCluster() string {
	var text strings.Builder
	for _, f := range []struct {
		name  string
		value *string
	}{{"--context", o.flags.Context}, {"--kubeconfig", o.flags.KubeConfig}} {
		if f.value != nil && *f.value != "" {
			text.WriteString(" " + f.name + " " + shellWord(*f.value))
		}
	}
	return text.String()
}

// scheme knows what the plugin reads and writes.
func scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	utilruntime.Must(v1alpha1.AddToScheme(s))
	utilruntime.Must(authenticationv1.AddToScheme(s))
	utilruntime.Must(corev1.AddToScheme(s))
	utilruntime.Must(eventsv1.AddToScheme(s))
	return s
}

// errNoCluster is a kubeconfig, or a choice of a context, that leads nowhere.
type errNoCluster struct{ error }

// config is the way to the API server of the flags, and the namespace that is
// meant.
func (o *Options) config() (*rest.Config, string, error) {
	config, err := o.flags.ToRESTConfig()
	if err != nil {
		return nil, "", errNoCluster{fmt.Errorf("find the cluster: %w", err)}
	}
	namespace, _, err := o.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, "", errNoCluster{fmt.Errorf("find the namespace: %w", err)}
	}
	config.QPS, config.Burst = 50, 300 // as kubectl has them
	return config, namespace, nil
}

// cluster is the API server of the flags, and the namespace that is meant.
func (o *Options) cluster() (client.Client, string, error) {
	config, namespace, err := o.config()
	if err != nil || o.client != nil {
		return o.client, namespace, err
	}
	o.client, err = client.New(config, client.Options{Scheme: scheme()})
	return o.client, namespace, err
}

// get reads an object by name.
func (o *Options) get(ctx context.Context, name string) (client.Client, *v1alpha1.CdkTsStack, error) {
	c, namespace, err := o.cluster()
	if err != nil {
		return nil, nil, err
	}
	var obj v1alpha1.CdkTsStack
	if err := c.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, &obj); err != nil {
		return nil, nil, missing(err, namespace, name)
	}
	return c, &obj, nil
}

// missing says of an object that is not there how to find those that are.
func missing(err error, namespace, name string) error {
	if apierrors.IsNotFound(err) && !isUnserved(err) {
		return fmt.Errorf("%w %s in the namespace %s: kubectl cdk list -A shows all", errNoObject, name, namespace)
	}
	return fmt.Errorf("read the CdkTsStack %s: %w", name, err)
}

var errNoObject = errors.New("there is no CdkTsStack")

// confirm asks a question that is answered with yes or no.
func (o *Options) confirm(question string) (bool, error) {
	_, _ = fmt.Fprintf(o.Streams.ErrOut, "%s [y/N] ", question)
	answer, err := o.answer()
	answer = strings.ToLower(answer)
	return answer == "y" || answer == "yes", err
}

// errNothingDone ends an order that a person took back.
var errNothingDone = errors.New("nothing was done")

// answer reads what a person types, up to the end of the line.
func (o *Options) answer() (string, error) {
	if o.typed == nil {
		o.typed = bufio.NewReader(o.Streams.In)
	}
	answer, err := o.typed.ReadString('\n')
	if err != nil && answer == "" {
		return "", errors.New("nobody answered: give --yes")
	}
	return strings.TrimSpace(answer), nil
}

// ColorsWanted says whether an output file is a terminal that takes colours;
// see https://no-color.org.
func ColorsWanted(out *os.File, getenv func(string) string) bool {
	info, err := out.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
}
