package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// How long an address is tried, and how long one try may take. A Service leads
// to a new pod some seconds after that is ready.
const (
	probePatience = time.Minute
	probeTry      = 5 * time.Second
	probePause    = time.Second
)

// runProbe asks each address until it answers 200 OK, for a minute in all, and
// prints what it found. `helm test` calls it: the manager's image has no curl.
func runProbe(ctx context.Context, args []string) error {
	return probeTo(ctx, os.Stdout, args, probePatience)
}

func probeTo(ctx context.Context, out io.Writer, addresses []string, patience time.Duration) error {
	if len(addresses) == 0 {
		return errors.New("want one address or more, such as http://awscdk-operator:8081/healthz")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, address := range addresses {
		if err := untilOK(ctx, address); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s ok\n", address)
	}
	return nil
}

func untilOK(ctx context.Context, address string) error {
	for {
		err := askOnce(ctx, address)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(probePause):
		}
	}
}

func askOnce(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTry)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", address, err)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	n, err := io.Copy(io.Discard, answer.Body)
	switch {
	case err != nil:
		return fmt.Errorf("read %s: %w", address, err)
	case answer.StatusCode != http.StatusOK:
		return fmt.Errorf("%s answered %s", address, answer.Status)
	case n == 0:
		return fmt.Errorf("%s answered nothing", address)
	}
	return nil
}
