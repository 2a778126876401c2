package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"awscdk.dev/operator/internal/controller"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/policy"
	"awscdk.dev/operator/internal/preflight"

	"github.com/robfig/cron/v3"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// settings are the manager's, from the environment that users of the earlier
// operator set and from flags, which win.
type settings struct {
	debug               bool
	decide              decide.Settings
	metricsPrefix       string
	account             string
	metricsAddr         string
	healthAddr          string
	profileAddr         string
	data                string
	maxRuns             int
	maxRunsPerNamespace int
	runMemory           int64
	passEnv             []string
	leaderElect         bool
	shard               string
	leaderNamespace     string
	watch               string
	sshKey              string
	knownHosts          string
	identity            controller.OwnIdentity
	internalChecks      []netip.Prefix
	sshSecret           types.NamespacedName
	namespace           string
	planPolicies        bool
	builtInPolicies     []policy.Source
	webhooks            webhookSettings
	runs                runSettings
}

func parseSettings(args []string, getenv func(string) string) (settings, error) {
	var s settings
	var drift, gitSync, passEnv, memory string
	debug, err := parseBool("DEBUG_MODE", getenv("DEBUG_MODE"))
	if err != nil {
		return s, err
	}
	f := flag.NewFlagSet("manager", flag.ContinueOnError)
	f.BoolVar(&s.debug, "debug", debug, "log more (DEBUG_MODE)")
	f.StringVar(&drift, "drift-check-cron", or(getenv("DRIFT_CHECK_CRON"), "*/10 * * * *"), "when drift is looked for (DRIFT_CHECK_CRON)")
	f.StringVar(&gitSync, "git-sync-check-cron", or(getenv("GIT_SYNC_CHECK_CRON"), "*/5 * * * *"), "when repositories are looked at (GIT_SYNC_CHECK_CRON)")
	f.StringVar(&s.metricsPrefix, "metrics-prefix", getenv("METRICS_PREFIX"), "prefix of the metrics, cdktsstack by default (METRICS_PREFIX)")
	f.StringVar(&s.account, "cdk-default-account", getenv("CDK_DEFAULT_ACCOUNT"), "account given to CDK apps; by default that of the credentials (CDK_DEFAULT_ACCOUNT)")
	f.StringVar(&s.metricsAddr, "metrics-bind-address", ":9115", "where /metrics and /metrics/hooks are served, 0 for nowhere")
	f.StringVar(&s.healthAddr, "health-probe-bind-address", ":8081", "where /healthz and /readyz are served, 0 for nowhere")
	f.StringVar(&s.profileAddr, "pprof-bind-address", "0", "where /debug/pprof is served, 0 for nowhere: on loopback only, since it tells what the operator does")
	f.StringVar(&s.data, "data-dir", dataDir(getenv), "`folder` of runs, git mirrors and caches (AWSCDK_OPERATOR_DATA)")
	f.IntVar(&s.maxRuns, "max-runs", 0, "builds and hooks that run at once; 0 for one more than the number of processors, at least 3, or 50 with --executor Job")
	f.IntVar(&s.maxRunsPerNamespace, "max-runs-per-namespace", 0, "how many of them one namespace may have; 0 for all but one, or all where one namespace is watched")
	f.StringVar(&memory, "run-memory", "", "memory of one build with all that it starts, for example 4Gi; none by default; with --executor Job it is spec.runner.resources")
	f.StringVar(&passEnv, "pass-env", getenv("AWSCDK_OPERATOR_PASS_ENV"), "names of variables of the operator that builds get too, separated by commas")
	f.BoolVar(&s.leaderElect, "leader-elect", false, "let one of several managers work at a time")
	f.StringVar(&s.shard, "shard", getenv("AWSCDK_OPERATOR_SHARD"), "`name` of the shard: take the objects whose label awscdk.dev/shard has that value; by default those without the label (AWSCDK_OPERATOR_SHARD)")
	f.StringVar(&s.leaderNamespace, "leader-election-namespace", getenv("POD_NAMESPACE"), "`namespace` of the lease; that of the pod by default")
	identity := f.String("operator-identity", getenv("AWSCDK_OPERATOR_IDENTITY"), "what objects that name no credentials may use the operator's own AWS identity for: All, Roles (to assume spec.roleARN) or None; by default All, and Roles with --executor Job (AWSCDK_OPERATOR_IDENTITY)")
	internal := f.String("allow-internal-checks", getenv("AWSCDK_OPERATOR_ALLOW_INTERNAL_CHECKS"), "`networks` of the cluster and of private networks that endpoints of spec.freeze and spec.verification may be in, separated by commas; none by default (AWSCDK_OPERATOR_ALLOW_INTERNAL_CHECKS)")
	if err := s.policyFlags(f, getenv); err != nil {
		return s, err
	}
	f.StringVar(&s.watch, "watch-namespaces", getenv("WATCH_NAMESPACES"), "namespaces to look after, separated by commas; all by default")
	s.namespace = or(getenv("POD_NAMESPACE"), operatorNamespace)
	s.sshFlags(f, getenv)
	s.runs.flags(f)
	webhooks := f.String("webhook-bind-address", ":9292", "where webhooks of git hosts are received, 0 for nowhere")
	webhookSecret := f.String("webhook-secret", or(getenv("AWSCDK_OPERATOR_WEBHOOK_SECRET"), "awscdk-operator-webhook"), "`name` of the Secret, in the operator's namespace, that webhooks are checked with (AWSCDK_OPERATOR_WEBHOOK_SECRET)")
	proxies := f.String("webhook-trusted-proxies", getenv("AWSCDK_OPERATOR_WEBHOOK_TRUSTED_PROXIES"), "`networks` of proxies before the receiver of webhooks, separated by commas (AWSCDK_OPERATOR_WEBHOOK_TRUSTED_PROXIES)")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	if s.webhooks, err = parseWebhooks(*webhooks, *webhookSecret, *proxies, getenv("POD_NAMESPACE")); err != nil {
		return s, err
	}
	if s.identity, err = parseIdentity(*identity, s.runs.executor); err != nil {
		return s, err
	}
	if f.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if err := s.runs.read(); err != nil {
		return s, err
	}
	if s.shard != "" && len(validation.IsDNS1123Label(s.shard)) > 0 {
		return s, fmt.Errorf("shard is %q, want at most 63 of a-z, 0-9 and '-', with a letter or digit at both ends", s.shard)
	}
	s.passEnv = list(passEnv)
	if s.maxRunsPerNamespace == 0 && len(list(s.watch)) == 1 {
		s.maxRunsPerNamespace = math.MaxInt
	}
	return s, s.parse(drift, gitSync, memory, *internal)
}

// sshFlags are about the key for repositories that name no Secret.
func (s *settings) sshFlags(f *flag.FlagSet, getenv func(string) string) {
	s.sshSecret.Namespace = s.namespace
	f.StringVar(&s.sshSecret.Name, "ssh-key-secret", or(getenv("AWSCDK_OPERATOR_SSH_KEY_SECRET"), "awscdk-operator-ssh-key"), "`name` of the Secret, in the operator's namespace, with the key for ssh repositories that name no Secret (AWSCDK_OPERATOR_SSH_KEY_SECRET)")
	f.StringVar(&s.sshKey, "ssh-key-file", "", "private key that takes the place of that Secret")
	f.StringVar(&s.knownHosts, "known-hosts-file", "", "known hosts that take the place of the Secret's")
}

func (s *settings) parse(drift, gitSync, memory, internal string) (err error) {
	if s.internalChecks, err = parseNetworks("allow-internal-checks", internal); err != nil {
		return err
	}
	if s.decide.Drift, err = schedule("DRIFT_CHECK_CRON", drift); err != nil {
		return err
	}
	if s.decide.GitSync, err = schedule("GIT_SYNC_CHECK_CRON", gitSync); err != nil {
		return err
	}
	s.runMemory, err = parseSize(memory)
	return err
}

// parseIdentity reads what the operator's own AWS identity serves for. Where runs are
// pods, none of them gets it unless somebody has said so.
func parseIdentity(text, executor string) (controller.OwnIdentity, error) {
	switch {
	case text == "" && executor == executorJob:
		return controller.OwnIdentityRoles, nil
	case text == "":
		return controller.OwnIdentityAll, nil
	}
	switch of := controller.OwnIdentity(text); of {
	case controller.OwnIdentityAll, controller.OwnIdentityRoles, controller.OwnIdentityNone:
		return of, nil
	}
	return "", fmt.Errorf("operator-identity is %q, want All, Roles or None", text)
}

// schedule reads a cron expression of five fields, or a descriptor such as
// "@every 30s".
func schedule(name, spec string) (decide.Schedule, error) {
	parsed, err := cron.ParseStandard(spec)
	if err != nil {
		return nil, fmt.Errorf("%s %q is not a cron expression such as */10 * * * *: %w", name, spec, err)
	}
	return parsed, nil
}

// gitDefaults are the operator-wide ssh key and known hosts. A file that cannot
// be used is an error; the Secret may still come, or be put right.
func (s *settings) gitDefaults(live client.Reader) (*controller.GitDefaults, error) {
	files := &controller.GitDefaults{KeyFile: s.sshKey, KnownHostsFile: s.knownHosts, Now: time.Now}
	if _, err := files.Get(context.Background()); err != nil {
		return nil, err
	}
	return &controller.GitDefaults{
		KeyFile: s.sshKey, KnownHostsFile: s.knownHosts, Secret: s.sshSecret, Live: live, Now: time.Now,
	}, nil
}

// operatorNamespace is where the operator is when nothing tells it otherwise.
const operatorNamespace = "awscdk-operator-system"

// lease is the name of the one that managers of the same shard share.
func (s *settings) lease() string {
	if s.shard == "" {
		return preflight.LeaseName
	}
	return preflight.LeaseName + "-" + s.shard
}

func (s *settings) policyFlags(f *flag.FlagSet, getenv func(string) string) error {
	builtIn := func(names string) (err error) {
		s.builtInPolicies, err = controller.ParseBuiltInPolicies(list(names))
		return err
	}
	if err := builtIn(getenv("AWSCDK_OPERATOR_BUILT_IN_POLICIES")); err != nil {
		return fmt.Errorf("AWSCDK_OPERATOR_BUILT_IN_POLICIES: %w", err)
	}
	f.Func("built-in-policies", "`names` of built-in policies that hold the plans of all objects, separated by commas, each with =Warn behind it if it is to warn only; none by default (AWSCDK_OPERATOR_BUILT_IN_POLICIES)", builtIn)
	on, err := parseBool("AWSCDK_OPERATOR_PLAN_POLICIES", getenv("AWSCDK_OPERATOR_PLAN_POLICIES"))
	f.BoolVar(&s.planPolicies, "plan-policies", on, "hold the plans of all objects to the rules in ConfigMaps of the operator's namespace with the label awscdk.dev/plan-policy=true (AWSCDK_OPERATOR_PLAN_POLICIES)")
	return err
}

// policyNamespace is where policies for all objects are, "" without such.
func (s *settings) policyNamespace() string {
	if !s.planPolicies {
		return ""
	}
	return s.namespace
}

// cached is how the cache holds objects.
func (s *settings) cached() map[client.Object]cache.ByObject {
	all := controller.CacheObjects(s.shard)
	maps.Copy(all, s.runs.cached())
	return all
}

// namespaces limits the cache, nil for all namespaces.
func (s *settings) namespaces() map[string]cache.Config {
	var limited map[string]cache.Config
	for _, name := range list(s.watch) {
		if limited == nil {
			limited = map[string]cache.Config{}
		}
		limited[name] = cache.Config{}
	}
	return limited
}

// parseNetworks reads networks of a flag.
func parseNetworks(flag, text string) (all []netip.Prefix, err error) {
	for _, one := range list(text) {
		prefix, err := netip.ParsePrefix(one)
		if err != nil {
			return nil, fmt.Errorf("%s: %q is not a network such as 10.0.0.0/8", flag, one)
		}
		all = append(all, prefix)
	}
	return all, nil
}

func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

func parseBool(name, value string) (bool, error) {
	if value == "" {
		return false, nil
	}
	on, err := strconv.ParseBool(value)
	if err != nil {
		return false, fmt.Errorf("%s is %q, want true or false", name, value)
	}
	return on, nil
}
