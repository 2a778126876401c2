// Command awscdk-operator deploys AWS CDK apps that CdkTsStack objects
// describe. Its verbs are processes of their own: the manager, and the run of
// one build that the manager starts.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	_ "time/tzdata" // for spec.windows, where the host has no zones
)

// verbs are what the first argument may be; manager when there is none.
var verbs = map[string]func(ctx context.Context, args []string) error{
	"manager": runManager,
	"run":     runRun,
	"crd":     runCRD,
	"probe":   runProbe,
	"version": runVersion,
}

const usage = `usage: awscdk-operator [manager | run | crd | probe | version] [flags]

  manager  watch CdkTsStack objects and deploy them (the default)
  run      carry out one build; the manager calls it
  crd      apply or print the definition of CdkTsStack
  probe    ask addresses until they answer
  version  print the version
`

func main() {
	os.Exit(dispatch(context.Background(), os.Args[1:], os.Stderr))
}

// dispatch calls a verb and returns the exit code: 2 for a wrong call.
func dispatch(ctx context.Context, args []string, stderr io.Writer) int {
	name := "manager"
	if len(args) > 0 && (args[0] == "" || args[0][0] != '-') {
		name, args = args[0], args[1:]
	}
	verb, ok := verbs[name]
	if !ok {
		fmt.Fprintf(stderr, "awscdk-operator: unknown verb %q\n%s", name, usage)
		return 2
	}
	if err := verb(ctx, args); err != nil {
		fmt.Fprintf(stderr, "awscdk-operator %s: %v\n", name, err)
		return 1
	}
	return 0
}
