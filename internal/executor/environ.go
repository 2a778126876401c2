package executor

import (
	"slices"
	"strings"

	"awscdk.dev/operator/internal/run"
)

// passed are the variables of the operator that a run gets too, and
// passedPrefixes those by the beginning of their name. All else stays with
// the operator. A process of this machine also gets PATH.
var (
	passed = []string{
		"LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ",
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
		"http_proxy", "https_proxy", "no_proxy", "all_proxy",
		"SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "AWS_CA_BUNDLE",
		"GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE",
		"NODE_OPTIONS", "CDK_S3_FORCE_PATH_STYLE",
		"AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_STS_REGIONAL_ENDPOINTS",
		"AWS_RETRY_MODE", "AWS_MAX_ATTEMPTS",
	}
	passedPrefixes = []string{"AWS_ENDPOINT_URL", "npm_config_", "NPM_CONFIG_"}
)

func mark(dir run.Dir) string { return run.MarkVariable + "=" + string(dir) }

// environ returns the whole environment of a run's process.
func (l *Local) environ(dir run.Dir, own bool) []string {
	all := run.EnvironOf(l.o.Environ)
	env := make(run.Environ)
	for name, value := range all {
		if l.passes(name, own) {
			env[name] = value
		}
	}
	if own {
		// Without this the SDKs would ask the host for an identity when the
		// run's own credentials are refused.
		env["AWS_EC2_METADATA_DISABLED"] = "true"
	}
	env.Place(run.Surroundings{Dir: dir, NPM: l.data().NPM(), MemoryLimit: l.o.MemoryLimit, Home: all["HOME"]})
	return env.List()
}

// passes says whether a variable of the operator reaches a run; own is true
// when the run has AWS credentials of its own.
func (l *Local) passes(name string, own bool) bool {
	if run.IsIdentity(name) && !slices.Contains(l.o.PassEnv, name) {
		return !own
	}
	return name == "PATH" || Passes(name, l.o.PassEnv)
}

// Passes says whether a variable of the operator reaches runs wherever they
// run: extra names those beside the ones that always do. Keys never go this way.
func Passes(name string, extra []string) bool {
	return !run.IsIdentityKey(name) &&
		(slices.Contains(passed, name) || slices.Contains(extra, name) ||
			slices.ContainsFunc(passedPrefixes, func(p string) bool { return strings.HasPrefix(name, p) }))
}

// withIdentity adds the operator's own keys, if it has any, to the secrets of
// a run that brings none.
func (l *Local) withIdentity(s run.Secrets) run.Secrets {
	if len(s.AWS) > 0 {
		return s
	}
	s.AWS = run.EnvironOf(l.o.Environ).Keys()
	return s
}
