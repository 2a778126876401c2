// Command possible says whether this host lets a cluster run on it: nothing and exit code 0, or why not
// and exit code 1. It tries and leaves nothing behind.
package main

import (
	"os"

	"awscdk.dev/operator/test/cluster/enclave"
)

func main() { os.Exit(enclave.Probe()) }
