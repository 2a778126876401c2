package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// formats are what --output takes.
var formats = []string{"json", "yaml", "name"}

func outputFlag(cmd *cobra.Command, output *string) {
	cmd.Flags().StringVarP(output, "output", "o", "", "json, yaml or name: for scripts")
	// The flag was made in the line before, so this cannot fail.
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *output != "" && !slices.Contains(formats, *output) {
			return errUsage{fmt.Errorf("--output is json, yaml or name, not %q", *output)}
		}
		return run(cmd, args)
	}
}

// dump writes an object, or a part of it, as the API server has it: also what a
// newer version has put there and this one does not know.
func (o *Options) dump(ctx context.Context, name, format string, part ...string) error {
	c, namespace, err := o.cluster()
	if err != nil {
		return err
	}
	raw := &unstructured.Unstructured{}
	raw.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("CdkTsStack"))
	if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, raw); err != nil {
		return missing(err, namespace, name)
	}
	if format == "name" {
		return o.writeNames(*raw)
	}
	if len(part) == 0 {
		raw.SetManagedFields(nil) // kubectl does not show them either
		return o.write(format, raw.Object)
	}
	value, found, err := unstructured.NestedFieldNoCopy(raw.Object, part...)
	if err == nil && !found {
		err = fmt.Errorf("%s has no %s yet: %s says what it is doing", name, strings.Join(part, "."), "kubectl cdk status "+name+o.given())
	}
	if err != nil {
		return err
	}
	return o.write(format, value)
}

func (o *Options) writeNames(all ...unstructured.Unstructured) error {
	for _, u := range all {
		_, _ = fmt.Fprintf(o.Streams.Out, "cdktsstack.%s/%s\n", v1alpha1.GroupVersion.Group, u.GetName())
	}
	return nil
}

// write writes what was read, for scripts.
func (o *Options) write(format string, value any) error {
	var data []byte
	var err error
	if format == "json" {
		data, err = json.MarshalIndent(value, "", "  ")
		data = append(data, '\n')
	} else {
		data, err = yaml.Marshal(value)
	}
	if err != nil {
		return err
	}
	_, err = o.Streams.Out.Write(data)
	return err
}
