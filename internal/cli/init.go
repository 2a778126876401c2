package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"awscdk.dev/operator/config"
	"awscdk.dev/operator/internal/admission"

	"github.com/spf13/cobra"
)

// manifestFile is the file that `init --write` writes.
const manifestFile = "cdktsstack.yaml"

// initOptions are the flags of `init`.
type initOptions struct {
	stacks                     []string
	list, production           bool
	output                     string
	write, force               bool
	name, region               string
	credentials, sshKey, https string
	namespace                  string
}

func newInit(o *Options) *cobra.Command {
	var i initOptions
	cmd := &cobra.Command{
		Use: "init [FOLDER]", Short: "Write a manifest for a CDK app in a working copy",
		Long: `Write a manifest for each stack of the CDK app in FOLDER, or in this folder: from its cdk.json and package.json,
the git remote and branch, and the cloud assembly that the last cdk synth left. No code of the app is run unless
--list asks for it. Secrets are neither read nor written: the commands that make them are shown.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return errUsage{fmt.Errorf("init takes one folder, and got %d", len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			folder := "."
			if len(args) == 1 {
				folder = args[0]
			}
			if o.flags.Namespace != nil {
				i.namespace = *o.flags.Namespace
			}
			return o.init(cmd.Context(), folder, i)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&i.stacks, "stack", nil, "only this stack, by its name in CloudFormation or its path in the app; may be repeated")
	f.BoolVar(&i.list, "list", false, "run the project's own cdk first, which runs the app, to learn its stacks")
	f.BoolVar(&i.production, "production", false, "with what a production stack should have: approval of what is destructive, nothing deployed or deleted unasked")
	f.StringVarP(&i.output, "output", "o", "", "the `file` to write; standard output by default")
	f.BoolVar(&i.write, "write", false, "write "+manifestFile+" into the app's folder")
	f.BoolVar(&i.force, "force", false, "write over a file that is there")
	f.StringVar(&i.name, "name", "", "the name of the object; by default that of the stack, in lower case with dashes")
	f.StringVar(&i.region, "region", "", "the AWS region, where the app leaves it open")
	f.StringVar(&i.credentials, "credentials", "aws-credentials", "the `Secret` with the AWS keys")
	f.StringVar(&i.sshKey, "ssh-secret", "git-ssh", "the `Secret` with the key of a repository over ssh")
	f.StringVar(&i.https, "https-secret", "", "the `Secret` with the password of a repository over https; none for a public one")
	return cmd
}

// init reads, composes, checks, and writes: nothing is written that the API
// server would refuse.
func (o *Options) init(ctx context.Context, folder string, i initOptions) error {
	if i.write && i.output != "" {
		return errUsage{errors.New("--write and --output both say where to: give one")}
	}
	a, err := readApp(ctx, folder)
	if err != nil {
		return err
	}
	defer a.close()
	if i.list {
		_, _ = fmt.Fprintln(o.Streams.ErrOut, "running the app, as cdk list does")
		if err := a.runList(ctx); err != nil {
			return err
		}
	}
	m, err := compose(a, i)
	if err != nil {
		return err
	}
	if err := valid(ctx, m.text); err != nil {
		return err
	}
	if i.write {
		i.output = filepath.Join(a.folder, manifestFile)
	}
	if err := o.put(m.text, i.output, i.force); err != nil {
		return err
	}
	for _, note := range append(a.notes, m.notes...) {
		_, _ = fmt.Fprintf(o.Streams.ErrOut, "! %s\n", printable(note))
	}
	o.tellNext(m.secrets, i)
	return nil
}

// tellNext says what has to be there before the manifest is applied.
func (o *Options) tellNext(secrets []string, i initOptions) {
	_, _ = fmt.Fprintln(o.Streams.ErrOut, "\nBefore you apply it, with your own values:")
	for _, command := range secrets {
		_, _ = fmt.Fprintln(o.Streams.ErrOut, "  "+command)
	}
	if i.output != "" {
		_, _ = fmt.Fprintf(o.Streams.ErrOut, "Then:\n  kubectl apply%s -f %s\n", flagNamespace(i.namespace), shellWord(i.output))
	}
}

// valid asks the definition that this program has what it makes of the text.
func valid(ctx context.Context, text string) error {
	v, err := admission.New(config.Definition)
	if err != nil {
		return err
	}
	for document := range strings.SplitSeq(text, "\n---\n") {
		obj, err := admission.Decode([]byte(document))
		if err != nil {
			return fmt.Errorf("make the manifest: %w", err)
		}
		for _, wrong := range v.Check(ctx, obj) {
			return fmt.Errorf("no manifest was written, since the API server would refuse it: %s: %s", wrong.Path, wrong.Message)
		}
	}
	return nil
}

// put writes the manifest to a file, or to standard output for none. A file that
// is there is written over only by force, and is never half written.
func (o *Options) put(text, file string, force bool) error {
	if file == "" {
		_, err := fmt.Fprint(o.Streams.Out, text)
		return err
	}
	if !force {
		out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s is there already, and was left as it is: --force writes over it, -o FILE writes another", file)
		}
		if err != nil {
			return fmt.Errorf("write the manifest: %w", err)
		}
		_, err = out.WriteString(text)
		return errors.Join(err, out.Close())
	}
	fresh, err := os.CreateTemp(filepath.Dir(file), ".kubectl-cdk-*")
	if err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	defer os.Remove(fresh.Name())
	_, err = fresh.WriteString(text)
	if err = errors.Join(err, fresh.Chmod(0o644), fresh.Close()); err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	return os.Rename(fresh.Name(), file)
}
