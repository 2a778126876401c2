package executor

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"awscdk.dev/operator/internal/run"
)

// passed are the variables of the operator that a run gets too, and
// passedPrefixes those by the beginning of their name. All else stays with
// the operator.
var (
	passed = []string{
		"PATH", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ",
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
		"http_proxy", "https_proxy", "no_proxy", "all_proxy",
		"SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "AWS_CA_BUNDLE",
		"GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE",
		"NODE_OPTIONS", "CDK_S3_FORCE_PATH_STYLE",
		"AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_STS_REGIONAL_ENDPOINTS",
		"AWS_RETRY_MODE", "AWS_MAX_ATTEMPTS",
	}
	passedPrefixes = []string{"AWS_ENDPOINT_URL", "npm_config_", "NPM_CONFIG_"}

	// identity are the variables by which the SDKs find the identity of the
	// process. A run with credentials of its own gets none of them.
	identity = []string{
		"AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_SESSION_NAME",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
		"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_PROFILE",
		"AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_DISABLED",
	}

	// identityKeys are the operator's own keys. They go the way of secrets,
	// not into the environment of the run.
	identityKeys = []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN"}
)

// markName names the variable that all processes of a run carry.
const markName = "AWSCDK_OPERATOR_RUN"

func mark(dir run.Dir) string { return markName + "=" + string(dir) }

// environ returns the whole environment of a run's process.
func (l *Local) environ(dir run.Dir, own bool) []string {
	env := make(map[string]string)
	for _, entry := range l.o.Environ {
		name, value, _ := strings.Cut(entry, "=")
		if l.passes(name, own) {
			env[name] = value
		}
	}
	env["HOME"] = dir.Home()
	env["TMPDIR"] = dir.Temp()
	env["npm_config_cache"] = l.data().NPM()
	delete(env, "NPM_CONFIG_CACHE")
	l.offerNpmrc(env)
	if own {
		// Without this the SDKs would ask the host for an identity when the
		// run's own credentials are refused.
		env["AWS_EC2_METADATA_DISABLED"] = "true"
	}
	if limit := l.o.MemoryLimit; limit > 0 && !strings.Contains(env["NODE_OPTIONS"], "max-old-space-size") {
		// Node says "heap out of memory", with a stack, before the run is ended.
		env["NODE_OPTIONS"] = strings.TrimSpace(fmt.Sprintf("%s --max-old-space-size=%d", env["NODE_OPTIONS"], max(limit*3/4>>20, 64)))
	}
	env[markName] = string(dir)
	list := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}

// offerNpmrc lets npm read the operator's own .npmrc, which is where a private
// registry is named, although HOME is the run's.
func (l *Local) offerNpmrc(env map[string]string) {
	const name = "npm_config_userconfig"
	if env[name] != "" || env["NPM_CONFIG_USERCONFIG"] != "" {
		return
	}
	for _, entry := range l.o.Environ {
		home, ok := strings.CutPrefix(entry, "HOME=")
		if !ok || home == "" {
			continue
		}
		if path := filepath.Join(home, ".npmrc"); isFile(path) {
			env[name] = path
		}
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// passes says whether a variable of the operator reaches a run; own is true
// when the run has AWS credentials of its own.
func (l *Local) passes(name string, own bool) bool {
	if slices.Contains(identityKeys, name) {
		return false
	}
	if slices.Contains(passed, name) || slices.Contains(l.o.PassEnv, name) {
		return true
	}
	if slices.Contains(identity, name) {
		return !own
	}
	return slices.ContainsFunc(passedPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// withIdentity adds the operator's own keys, if it has any, to the secrets of
// a run that brings none.
func (l *Local) withIdentity(s run.Secrets) run.Secrets {
	if len(s.AWS) > 0 {
		return s
	}
	keys := make(map[string]string)
	for _, entry := range l.o.Environ {
		if name, value, _ := strings.Cut(entry, "="); slices.Contains(identityKeys, name) && value != "" {
			keys[name] = value
		}
	}
	s.AWS = keys
	return s
}
