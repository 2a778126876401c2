package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"awscdk.dev/operator/internal/run"

	"k8s.io/client-go/rest"
)

// ours are the variables of the operator that are no business of hooks: its
// own settings, what makes its process, and who it is.
var (
	ours = []string{
		"DEBUG_MODE", "DRIFT_CHECK_CRON", "GIT_SYNC_CHECK_CRON", "METRICS_PREFIX", "WATCH_NAMESPACES",
		"KUBECONFIG", "PATH", "HOME", "PWD", "OLDPWD", "SHLVL", "HOSTNAME", "TERM", "USER", "LOGNAME", "SHELL", "MAIL", "_",
		"TMPDIR", "BASH_ENV", "ENV", "IFS", "SHELLOPTS", "BASHOPTS", "NODE_OPTIONS", "SSH_AUTH_SOCK",
		"GOMAXPROCS", "GOMEMLIMIT", "GOGC", "GODEBUG", "GOTRACEBACK", "GOROOT", "GOPATH", "GOCACHE", "GOFLAGS",
	}
	oursPrefixes = []string{"AWS_", "CDK_DEFAULT_", "AWSCDK_", "KUBERNETES_", "POD_", "LD_", "BASH_FUNC_"}
	// serviceLink is what Kubernetes sets for every Service of the namespace,
	// as NAME=value.
	serviceLink = regexp.MustCompile(`^[A-Z0-9_]+(_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)=|^[A-Z0-9_]+_PORT=(tcp|udp|sctp)://`)
	// secretName is what the name of a secret looks like.
	secretName = regexp.MustCompile(`(?i)token|secret|passw|credential|private|api_?key|webhook|auth|_key$|^key$|dsn`)
)

// hookEnv picks the variables that users set on the operator for their hook
// scripts, and names those whose values look like secrets. They reach hooks
// only: no npm script and no CDK app sees them.
func hookEnv(environ []string) (env map[string]string, secrets []string) {
	env = map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if name == "" || isOurs(name) || serviceLink.MatchString(entry) {
			continue
		}
		env[name] = value
		if secretName.MatchString(name) {
			secrets = append(secrets, name)
		}
	}
	slices.Sort(secrets)
	return env, secrets
}

func isOurs(name string) bool {
	return slices.Contains(ours, name) ||
		slices.ContainsFunc(oursPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// kubernetes is how hooks reach the API server that the operator speaks to.
func kubernetes(config *rest.Config) (run.Kubernetes, error) {
	loaded := rest.CopyConfig(config)
	if err := rest.LoadTLSFiles(loaded); err != nil {
		return run.Kubernetes{}, fmt.Errorf("read the API server's certificate: %w", err)
	}
	host := loaded.Host
	if !strings.Contains(host, "://") {
		host = "https://" + host
	}
	return run.Kubernetes{Server: host, CA: loaded.CAData}, nil
}
