// Command scripted stands in for the operator in an image of runs: it carries out the scripts that every
// executor is tested with.
package main

import (
	"fmt"
	"os"
	"time"

	"awscdk.dev/operator/internal/executor/executortest"
)

func main() {
	executortest.Main(time.Now)
	fmt.Fprintln(os.Stderr, "usage: scripted run ...")
	os.Exit(2)
}
