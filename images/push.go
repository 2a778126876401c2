package main

import (
	"context"
	"errors"
	"io"
)

func runPush(_ context.Context, _ []string, _, _ io.Writer) error { return errors.New("not yet") }
