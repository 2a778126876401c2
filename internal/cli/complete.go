package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// completeNames proposes the names of objects, as long as a person may wait.
func (o *Options) completeNames(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, stop := context.WithTimeout(cmd.Context(), 3*time.Second)
	defer stop()
	found, err := o.find(ctx, listing{})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for i := range found.Items {
		if name := found.Items[i].GetName(); strings.HasPrefix(name, begun) {
			names = append(names, name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// plugin is the program that kubectl asks for completions of `kubectl cdk`, by
// its name on the PATH.
const plugin = `#!/bin/sh
exec kubectl cdk __complete "$@"
`

func newCompletion() *cobra.Command {
	return &cobra.Command{
		Use: "completion", Short: "Write the program that kubectl asks for completions", Args: none,
		Long: `Write the program that kubectl asks for completions. It must be on the PATH as kubectl_complete-cdk:

  kubectl cdk completion > ~/.local/bin/kubectl_complete-cdk && chmod +x ~/.local/bin/kubectl_complete-cdk

The shell then completes kubectl cdk wherever it completes kubectl.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(cmd.OutOrStdout(), plugin)
			return err
		},
	}
}
