package cli

import (
	"context"
	"fmt"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// listing is what list was asked for.
type listing struct {
	all, watch       bool
	selector, output string
	timeout          time.Duration
}

func newList(o *Options) *cobra.Command {
	var l listing
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the stacks, a line each", Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.list(cmd.Context(), l) },
	}
	cmd.Flags().BoolVarP(&l.all, "all-namespaces", "A", false, "those of all namespaces")
	cmd.Flags().StringVarP(&l.selector, "selector", "l", "", "only those with these labels")
	watchFlag(cmd, &l.watch, &l.output, "cdk", "show it anew while it changes")
	outputFlag(cmd, &l.output)
	timeoutFlag(cmd, &l.timeout)
	return cmd
}

func (o *Options) list(ctx context.Context, l listing) error {
	found, err := o.find(ctx, l)
	switch {
	case err != nil:
		return err
	case l.output == "name":
		return o.writeNames(found.Items...)
	case l.output != "":
		for i := range found.Items {
			found.Items[i].SetManagedFields(nil)
		}
		return o.write(l.output, found.UnstructuredContent())
	case l.watch:
		return o.watchList(ctx, l)
	}
	stacks, err := typed(found)
	if err != nil {
		return err
	}
	if len(stacks) == 0 {
		_, _ = fmt.Fprintln(o.Streams.ErrOut, "no CdkTsStack is here; -A looks in all namespaces")
		return nil
	}
	showList(o.listPainter(l), stacks, l.all, o.Now())
	return nil
}

// listPainter names the namespace of each object where there may be several.
func (o *Options) listPainter(l listing) painter {
	p := o.painter()
	if l.all {
		p.flags, p.namespaced = o.givenCluster(), true
	}
	return p
}

// find reads the objects that are asked for, by name, as the API server has them.
func (o *Options) find(ctx context.Context, l listing) (*unstructured.UnstructuredList, error) {
	c, namespace, err := o.cluster()
	if err != nil {
		return nil, err
	}
	options := &client.ListOptions{Namespace: namespace}
	if l.all {
		options.Namespace = ""
	}
	if l.selector != "" {
		parsed, err := labels.Parse(l.selector)
		if err != nil {
			return nil, errUsage{err}
		}
		options.LabelSelector = parsed
	}
	found := &unstructured.UnstructuredList{}
	found.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("CdkTsStackList"))
	if err := c.List(ctx, found, options); err != nil {
		return nil, fmt.Errorf("list the CdkTsStacks: %w", err)
	}
	return found, nil
}

// typed leaves out what this version does not know.
func typed(found *unstructured.UnstructuredList) ([]v1alpha1.CdkTsStack, error) {
	stacks := make([]v1alpha1.CdkTsStack, len(found.Items))
	for i := range found.Items {
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(found.Items[i].Object, &stacks[i]); err != nil {
			return nil, fmt.Errorf("read the CdkTsStack %s: %w", found.Items[i].GetName(), err)
		}
	}
	return stacks, nil
}

// watchList shows the list anew while it changes.
func (o *Options) watchList(ctx context.Context, l listing) error {
	s, start, first, failed := &screen{p: o.listPainter(l)}, o.Now(), true, 0
	for {
		found, err := o.find(ctx, l)
		if ctx.Err() != nil {
			return why(ctx)
		}
		if failed++; err != nil && (first || failed > patience) {
			return err
		}
		if err == nil {
			stacks, err := typed(found)
			if err != nil {
				return err
			}
			s.show(func(p painter, now time.Time) { showList(p, stacks, l.all, now) }, o.Now(), start)
			first, failed = false, 0
		}
		if !sleep(ctx, watchPeriod) {
			return why(ctx)
		}
	}
}
