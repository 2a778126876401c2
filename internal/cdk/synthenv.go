package cdk

import (
	"path/filepath"
	"slices"
	"strings"
)

// contextArguments turns context values into arguments of the CLI. Each is one
// word that begins with --context=, so that no value can be taken for an option.
func contextArguments(values []string) []string {
	args := make([]string, 0, len(values))
	for _, value := range values {
		args = append(args, "--context="+value)
	}
	return args
}

// identity are the variables that say who the process is to AWS.
var identity = []string{
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE",
	"AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
	"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
	"AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE",
}

// environment is what the CLI and the app see.
func (s *synthesis) environment(w ways) environ {
	env := withoutSecrets(s.Env)
	static := s.Credentials["AWS_ACCESS_KEY_ID"] != ""
	for _, entry := range s.Env {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "AWS_") && !(static && slices.Contains(identity, name)) {
			env = append(env, entry)
		}
	}
	for name, value := range s.Credentials {
		env = env.set(name, value)
	}
	if static {
		env = env.set("AWS_EC2_METADATA_DISABLED", "true")
	}
	env = env.set("CI", "true").set("NO_COLOR", "1").unset("FORCE_COLOR")
	env = env.with(s.Variables)
	env = env.set("AWS_REGION", s.Region).set("AWS_DEFAULT_REGION", s.Region).set("CDK_DEFAULT_REGION", s.Region).
		set("CDK_HOME", filepath.Join(s.StateDir, "cdk")).
		set("CDK_DISABLE_CLI_TELEMETRY", "true").
		set("PATH", filepath.Join(s.StateDir, "bin")+":"+env.get("PATH"))
	env = s.tools.Apply(env)
	if s.Account != "" {
		env = env.set("CDK_DEFAULT_ACCOUNT", s.Account)
	}
	if w.entry != "" {
		env = env.set("TS_NODE_TRANSPILE_ONLY", "true")
	}
	if w.plugin != "" {
		env = env.set("CDK_VALIDATION", "false")
	}
	return withoutCompileCache(env)
}

// withoutCompileCache switches off what ts-node keeps of compiled code
// (v8-compile-cache): it goes by the path of the checkout, which no two runs
// share, so that making it is in vain. Node.js's own (NODE_COMPILE_CACHE) does
// so, too, and is not switched on.
func withoutCompileCache(env environ) environ { return env.offer("DISABLE_V8_COMPILE_CACHE", "1") }
