package run

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// MarkVariable is the variable that all processes of a run carry.
const MarkVariable = "AWSCDK_OPERATOR_RUN"

var (
	// identityVariables are those by which the SDKs find the identity of the
	// process. A run with credentials of its own gets none of them.
	identityVariables = []string{
		"AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_SESSION_NAME",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
		"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_PROFILE",
		"AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_DISABLED",
	}

	// identityKeys are keys of AWS. They go the way of secrets, not into the
	// environment of a run.
	identityKeys = []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN"}
)

// IsIdentity says whether an environment variable tells the SDKs which
// identity the process has, without being a secret itself.
func IsIdentity(name string) bool { return slices.Contains(identityVariables, name) }

// IsIdentityKey says whether an environment variable is a key of AWS.
func IsIdentityKey(name string) bool { return slices.Contains(identityKeys, name) }

// Environ is an environment by name.
type Environ map[string]string

// EnvironOf reads what os.Environ gives; of a name that is there twice, the
// last one counts.
func EnvironOf(entries []string) Environ {
	env := make(Environ, len(entries))
	for _, entry := range entries {
		if name, value, ok := strings.Cut(entry, "="); ok {
			env[name] = value
		}
	}
	return env
}

// List writes the environment as processes take it, sorted.
func (e Environ) List() []string {
	list := make([]string, 0, len(e))
	for _, name := range slices.Sorted(maps.Keys(e)) {
		list = append(list, name+"="+e[name])
	}
	return list
}

// Keys are the keys of AWS in the environment.
func (e Environ) Keys() map[string]string {
	keys := make(map[string]string)
	for _, name := range identityKeys {
		if value := e[name]; value != "" {
			keys[name] = value
		}
	}
	return keys
}

// Conceal takes all out of the environment by which the SDKs would find an
// identity, and keeps them from asking the host for one.
func (e Environ) Conceal() {
	for _, name := range slices.Concat(identityVariables, identityKeys) {
		delete(e, name)
	}
	e["AWS_EC2_METADATA_DISABLED"] = "true"
}

// Surroundings say where a run is carried out.
type Surroundings struct {
	Dir Dir
	// NPM is npm's cache.
	NPM string
	// MemoryLimit bounds all processes of the run together, in bytes; 0 is none.
	MemoryLimit int64
	// Home is the HOME of who starts the run: its .npmrc is where a private
	// registry is named.
	Home string
}

// Place puts a run's process where it belongs.
func (e Environ) Place(s Surroundings) {
	e["HOME"], e["TMPDIR"] = s.Dir.Home(), s.Dir.Temp()
	e["npm_config_cache"] = s.NPM
	delete(e, "NPM_CONFIG_CACHE")
	const userconfig = "npm_config_userconfig"
	if path := filepath.Join(s.Home, ".npmrc"); s.Home != "" && e[userconfig] == "" && e["NPM_CONFIG_USERCONFIG"] == "" && isFile(path) {
		e[userconfig] = path
	}
	if s.MemoryLimit > 0 && !strings.Contains(e["NODE_OPTIONS"], "max-old-space-size") {
		// Node says "heap out of memory", with a stack, before the run is ended.
		e["NODE_OPTIONS"] = strings.TrimSpace(fmt.Sprintf("%s --max-old-space-size=%d", e["NODE_OPTIONS"], max(s.MemoryLimit*3/4>>20, 64)))
	}
	e[MarkVariable] = string(s.Dir)
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
