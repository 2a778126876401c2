// Command localaws serves a local AWS on one address until it is told to stop.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"awscdk.dev/operator/demo/localaws"
)

type options struct {
	addr, account, credentials, issuers, readyFile string
	speed                                          float64
	minute                                         time.Duration
	quiet                                          bool
}

func main() {
	var o options
	flag.StringVar(&o.addr, "addr", "127.0.0.1:4566", "address to listen on; port 0 takes a free one")
	flag.StringVar(&o.account, "account", "123456789012", "account of access keys that --credentials does not name")
	flag.StringVar(&o.credentials, "credentials", "", `JSON file {"access key": "account"}; then no other keys are accepted`)
	flag.StringVar(&o.issuers, "issuers", "", `JSON file {"https://issuer": JWKS} with what OIDC issuers publish of their keys`)
	flag.StringVar(&o.readyFile, "ready-file", "", "file to write the URL to once requests are served")
	flag.Float64Var(&o.speed, "speed", 1, "1: a resource takes 10 to 200 ms; 2: half of that; 0: no time")
	flag.DurationVar(&o.minute, "minute", time.Minute, "how long a minute of the monitoring time of a stack operation lasts")
	flag.BoolVar(&o.quiet, "quiet", false, "don't log refused calls to stderr")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "localaws:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", o.addr)
	if err != nil {
		return err
	}
	url := "http://" + listener.Addr().String()
	config := localaws.Config{Account: o.account, Speed: o.speed, Minute: o.minute, URL: url, Now: time.Now}
	if !o.quiet {
		config.Log = os.Stderr
	}
	if err := readJSON(o.credentials, &config.Credentials); err != nil {
		return fmt.Errorf("read credentials: %w", err)
	}
	var issuers map[string]json.RawMessage
	if err := readJSON(o.issuers, &issuers); err != nil {
		return fmt.Errorf("read the keys of issuers: %w", err)
	}
	aws := localaws.New(config)
	defer aws.Close()
	for issuer, keys := range issuers {
		aws.Cloud.PublishKeys(issuer, keys)
	}
	server := &http.Server{Handler: aws, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	fmt.Println(url)
	if err := announce(o.readyFile, url); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := server.Shutdown(limit); errors.Is(err, context.DeadlineExceeded) {
		return server.Close()
	}
	return nil
}

// readJSON reads a file, if one is named.
func readJSON(path string, into any) error {
	if path == "" {
		return nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// announce writes the URL so that a reader sees all of it or nothing.
func announce(path, url string) error {
	if path == "" {
		return nil
	}
	temporary := path + ".tmp"
	if err := os.WriteFile(temporary, []byte(url+"\n"), 0o600); err != nil {
		return fmt.Errorf("write ready file: %w", err)
	}
	return os.Rename(temporary, path)
}
