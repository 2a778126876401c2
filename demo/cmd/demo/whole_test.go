package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/test/monitoring/prom"
)

// The whole demo, as `make demo` plays it, while a real Prometheus looks on:
// every panel of the dashboard shows something.
func TestTheDemoPlaysAndPrometheusSeesIt(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes: the real npm and cdk")
	}
	var out bytes.Buffer
	s := &stage{
		screen: &screen{out: &out, width: func() int { return 80 }, began: time.Now()},
		paths:  paths{operator: buildOperator(t), localAWS: awstest.Binary(t), app: "../../app", crds: "../../../config/crd", hooks: "../../../config/operator/hooks.yaml", state: t.TempDir()},
	}
	if err := complete(&s.paths); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the demo told:\n%s", out.String())
		}
	})
	if err := s.set(t.Context()); err != nil {
		t.Fatal(err)
	}
	server := prom.Start(t, s.metrics)
	story, err := tell(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	prom.CheckDashboard(t, server)
	for _, c := range []cast{webApp, shared} {
		if err := s.destroy(t.Context(), c); err != nil {
			t.Error(err)
		}
	}
	s.curtain(story, false)
	// What a visitor sees of the plan is what the plugin says of it.
	for _, part := range []string{"$ kubectl cdk plan web-app", "The plan waits for an approval.", "ITS DATA GOES WITH IT", "kubectl cdk approve web-app --digest", "approved by admin"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("the demo does not tell %q", part)
		}
	}
}

func buildOperator(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "awscdk-operator")
	cmd := exec.Command("go", "build", "-o", file, "./cmd/awscdk-operator")
	cmd.Dir, cmd.Env = "../../..", append(os.Environ(), "GOWORK=off")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build ./cmd/awscdk-operator: %v\n%s", err, text)
	}
	return file
}
