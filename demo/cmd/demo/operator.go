package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// operatorLimit bounds the operator's start; it should need a second.
const operatorLimit = time.Minute

// startOperator runs the operator as an installation would, except for checks every few seconds
// instead of every few minutes.
func (s *stage) startOperator(ctx context.Context) error {
	return s.during("awscdk-operator manager", func() (string, error) {
		home := filepath.Join(s.paths.state, "operator")
		if err := os.MkdirAll(home, 0o700); err != nil {
			return "", err
		}
		free, err := freeAddresses(3)
		if err != nil {
			return "", err
		}
		metrics, health, webhooks := free[0], free[1], free[2]
		environment := cleanEnvironment(append(cloudEnvironment(s.endpoint, filepath.Join(home, "cdk")),
			"KUBECONFIG="+s.plane.Kubeconfig(),
			"GIT_SYNC_CHECK_CRON=@every 3s",
			"DRIFT_CHECK_CRON=@every 5s",
		)...)
		data := filepath.Join(home, "data")
		s.operator, err = startChild("the operator", filepath.Join(s.paths.state, "operator.log"), environment, s.paths.operator,
			"manager", "--data-dir", data,
			"--metrics-bind-address", metrics, "--health-probe-bind-address", health, "--webhook-bind-address", webhooks)
		if err != nil {
			return "", err
		}
		s.stops = append(s.stops, func(ctx context.Context) error {
			// Builds outlive a manager, for the next one to take over; here there is none.
			return errors.Join(s.operator.stop(ctx), endRuns(data))
		})
		s.metrics = metrics
		return "metrics at http://" + metrics + "/metrics", within(ctx, operatorLimit, "ready", func(ctx context.Context) error {
			return s.awaitOperator(ctx, "http://"+health+"/readyz")
		})
	})
}

// freeAddresses are loopback addresses that nobody listened on a moment ago.
func freeAddresses(count int) ([]string, error) {
	var free []string
	for range count {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close() // when all are chosen, so that they differ
		free = append(free, listener.Addr().String())
	}
	return free, nil
}

// awaitOperator polls the operator's readiness.
func (s *stage) awaitOperator(ctx context.Context, url string) error {
	client := &http.Client{Timeout: 2 * time.Second}
	for {
		if err := s.operator.alive(); err != nil {
			return err
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if response, err := client.Do(request); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}
