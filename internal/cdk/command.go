package cdk

import (
	"context"
	"errors"
	"io"
	"syscall"

	"awscdk.dev/operator/internal/proc"
	"awscdk.dev/operator/internal/redact"
)

// Command is a tool of the project: user code, whose output goes to Log line
// by line, and whose end is kept for errors.
type Command struct {
	proc.Command
	// Log gets whole lines, each with its newline, as they come; it may be nil.
	Log io.Writer
	// Redact takes secrets out of the tail; it may be nil.
	Redact *redact.Redactor
}

// Run runs the command as proc.Command does. It returns the end of its output,
// without what every such tool prints.
func (c Command) Run(ctx context.Context) (string, error) {
	tail := newTail(c.Log, c.Redact)
	c.Out = tail
	err := c.Command.Run(ctx)
	tail.flush()
	if errors.Is(err, syscall.E2BIG) {
		err = errTooLargeVariables
	}
	return proc.WithoutNoise(tail.kept.String()), err
}

// errTooLargeVariables is what the kernel says of an environment that it does
// not take, in words that help.
var errTooLargeVariables = errors.New("the variables of spec.build or the context are too large for one process (128 KiB each, about 2 MiB together): keep large values in files")
