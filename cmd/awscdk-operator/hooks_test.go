package main

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHooksGetWhatUsersSetForThemAndNothingOfTheOperators(t *testing.T) {
	env, secrets := hookEnv([]string{
		"INCIDENT_API_URL=https://incidents.example", "INCIDENT_API_TOKEN=t0ken", "SLACK_WEBHOOK_URL=https://hooks.example/x",
		"MONITORING_API_URL=https://monitoring.example", "TEAM=platform=core", "REPORT_PORT_NAME=x", "SMTP_PORT=25", "GOOGLE_CHAT_SPACE=a", "GOMAXPROCS=2",
		"AWS_SECRET_ACCESS_KEY=never", "AWS_WEB_IDENTITY_TOKEN_FILE=/var/run/token", "KUBERNETES_SERVICE_HOST=10.0.0.1",
		"WEB_SERVICE_HOST=10.0.0.2", "WEB_PORT=tcp://10.0.0.2:80", "WEB_PORT_80_TCP_ADDR=10.0.0.2",
		"DEBUG_MODE=true", "PATH=/bin", "HOME=/root", "LD_PRELOAD=/evil.so", "BASH_ENV=/evil", "KUBECONFIG=/root/.kube/config",
	})
	want := map[string]string{
		"INCIDENT_API_URL": "https://incidents.example", "INCIDENT_API_TOKEN": "t0ken", "SLACK_WEBHOOK_URL": "https://hooks.example/x",
		"MONITORING_API_URL": "https://monitoring.example", "TEAM": "platform=core", "REPORT_PORT_NAME": "x", "SMTP_PORT": "25", "GOOGLE_CHAT_SPACE": "a",
	}
	if diff := cmp.Diff(want, env); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
	if !slices.Equal(secrets, []string{"INCIDENT_API_TOKEN", "SLACK_WEBHOOK_URL"}) {
		t.Errorf("secrets %v", secrets)
	}
}
