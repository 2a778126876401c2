// Package prom runs a real Prometheus against whatever serves metrics, the
// way config/monitoring/servicemonitor.yaml would have it scraped, for tests.
//
//	server := prom.Start(t, "127.0.0.1:9115")
//	prom.CheckDashboard(t, server)
//
// It needs Debian's package prometheus (promtool and prometheus, 2.42).
package prom

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// Tool is the path of promtool or prometheus; without it the test fails.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not on PATH: apt-get install prometheus (RUNLEVEL=1 keeps it from being started)", name)
	}
	return path
}

// Config is the path of a file in config/monitoring.
func Config(name string) string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "..", "..", "config", "monitoring", name)
}

// Read reads a YAML or JSON file of config/monitoring.
func Read(t testing.TB, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(Config(name))
	must(t, err)
	must(t, yaml.Unmarshal(data, into))
}

// WriteRules writes the groups of prometheusrule.yaml as a plain file of
// rules, which is what Prometheus and promtool read.
func WriteRules(t testing.TB, path string) {
	t.Helper()
	var rule struct {
		Spec struct {
			Groups []any `json:"groups"`
		} `json:"spec"`
	}
	Read(t, "prometheusrule.yaml", &rule)
	if len(rule.Spec.Groups) == 0 {
		t.Fatal("prometheusrule.yaml has no groups")
	}
	out, err := yaml.Marshal(map[string]any{"groups": rule.Spec.Groups})
	must(t, err)
	must(t, os.WriteFile(path, out, 0o600))
}

// Server is a Prometheus that runs until the test ends.
type Server struct {
	t   testing.TB
	url string
}

// Start runs a Prometheus that scrapes targets (host:port) each second, as
// the ServiceMonitor says, with the rules loaded. It returns when every target
// was scraped.
func Start(t testing.TB, targets ...string) *Server {
	t.Helper()
	dir := t.TempDir()
	WriteRules(t, filepath.Join(dir, "rules.yaml"))
	config, err := yaml.Marshal(map[string]any{
		"global":         map[string]any{"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
		"rule_files":     []string{"rules.yaml"},
		"scrape_configs": []any{scrapeConfig(t, targets)},
	})
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "prometheus.yaml"), config, 0o600))
	address := freeAddress(t)
	s := &Server{t: t, url: "http://" + address}
	s.run(dir, address)
	s.Eventually("every target is scraped", func() error {
		if n, err := s.value(`sum(up)`); err != nil || int(n) != len(targets) {
			return fmt.Errorf("%v of %d targets are up (%w)", n, len(targets), err)
		}
		return nil
	})
	return s
}

// scrapeConfig is what the Prometheus operator makes of the ServiceMonitor:
// the job's name is the value of the job label, and each target has labels of
// its own, the operator's namespace among them.
func scrapeConfig(t testing.TB, targets []string) map[string]any {
	t.Helper()
	var monitor struct {
		Metadata struct{ Namespace string }
		Spec     struct {
			JobLabel  string
			Selector  struct{ MatchLabels map[string]string }
			Endpoints []struct {
				Path        string
				HonorLabels bool
			}
		}
	}
	Read(t, "servicemonitor.yaml", &monitor)
	if len(monitor.Spec.Endpoints) != 1 {
		t.Fatalf("servicemonitor.yaml has %d endpoints, want 1", len(monitor.Spec.Endpoints))
	}
	endpoint := monitor.Spec.Endpoints[0]
	return map[string]any{
		"job_name":     monitor.Spec.Selector.MatchLabels[monitor.Spec.JobLabel],
		"metrics_path": endpoint.Path,
		"honor_labels": endpoint.HonorLabels,
		"static_configs": []any{map[string]any{
			"targets": targets,
			"labels":  map[string]string{"namespace": monitor.Metadata.Namespace, "pod": "awscdk-operator-0", "container": "manager"},
		}},
	}
}

// run starts Prometheus; it ends with the test, and with this process.
func (s *Server) run(dir, address string) {
	s.t.Helper()
	var log bytes.Buffer
	cmd := exec.CommandContext(context.Background(), Tool(s.t, "prometheus"), // the cleanup ends it
		"--config.file=prometheus.yaml", "--storage.tsdb.path=data", "--web.listen-address="+address, "--log.level=warn")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(s.t, cmd.Start())
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if s.t.Failed() {
			s.t.Logf("Prometheus wrote:\n%s", log.String())
		}
	})
}

// Sample is one element of an answer.
type Sample struct {
	Labels map[string]string
	Value  string // as Prometheus writes it; "NaN" among others
}

// Query asks for an expression now.
func (s *Server) Query(expr string) ([]Sample, error) {
	var data struct {
		Result []struct {
			Metric map[string]string `json:"metric"`
			Value  [2]any            `json:"value"`
		} `json:"result"`
	}
	if err := s.Get("/api/v1/query?query="+url.QueryEscape(expr), &data); err != nil {
		return nil, err
	}
	samples := make([]Sample, 0, len(data.Result))
	for _, r := range data.Result {
		value, _ := r.Value[1].(string)
		samples = append(samples, Sample{Labels: r.Metric, Value: value})
	}
	return samples, nil
}

// value is the one number that an expression has.
func (s *Server) value(expr string) (n float64, err error) {
	samples, err := s.Query(expr)
	if err != nil || len(samples) != 1 {
		return 0, fmt.Errorf("%s has %d values, want one (%w)", expr, len(samples), err)
	}
	_, err = fmt.Sscan(samples[0].Value, &n)
	return n, err
}

// Get asks Prometheus' HTTP API; the answer's data goes to into.
func (s *Server) Get(path string, into any) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask Prometheus: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("read the answer of Prometheus: %w", err)
	}
	answer := struct {
		Status, Error string
		Data          any
	}{Data: into}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Status != "success" {
		return fmt.Errorf("%s was answered with %s %s", path, resp.Status, strings.TrimSpace(answer.Error))
	}
	return nil
}

// Eventually repeats a check until it is right, for a minute.
func (s *Server) Eventually(what string, check func() error) {
	s.t.Helper()
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if err = check(); err == nil {
			return
		}
	}
	s.t.Fatalf("after a minute it is not so that %s: %v", what, err)
}

// freeAddress is a port of loopback that is free at the moment.
func freeAddress(t testing.TB) string {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	return l.Addr().String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
