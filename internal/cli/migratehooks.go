package cli

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"
)

// hookScript is one of the hooks that an object has.
type hookScript struct {
	name, script string
}

func (h hookScript) path() string { return "spec.lifecycleHooks." + h.name }

func hookScripts(obj *v1alpha1.CdkTsStack) []hookScript {
	h := obj.Spec.LifecycleHooks
	if h == nil {
		return nil
	}
	all := []hookScript{
		{"beforeDeploy", h.BeforeDeploy}, {"afterDeploy", h.AfterDeploy}, {"beforeDestroy", h.BeforeDestroy}, {"afterDestroy", h.AfterDestroy},
		{"beforeDriftDetection", h.BeforeDriftDetection}, {"afterDriftDetection", h.AfterDriftDetection},
		{"beforeGitSync", h.BeforeGitSync}, {"afterGitSync", h.AfterGitSync},
	}
	return slices.DeleteFunc(all, func(h hookScript) bool { return strings.TrimSpace(h.script) == "" })
}

// blocks is what the failure of a hook does now, which nothing did before; guard
// tells it of beforeDestroy.
var blocks = map[string]string{
	"beforeDeploy": "when it exits with another code than 0 the stack is not deployed; the earlier operator deployed all the same",
	"afterDeploy":  "when it exits with another code than 0 the deployment is one whose verification failed; the earlier operator took no notice",
}

// readHooks says what of the scripts is different now.
func (c *checked) readHooks() {
	for _, h := range hookScripts(&c.obj) {
		if text := blocks[h.name]; text != "" {
			c.find(note, h.path(), text)
		}
		c.kubectlOf(h)
		c.secretsOf(h)
		c.variablesOf(h)
		for _, s := range purposes {
			if slices.Contains(s.hooks, h.name) && s.in(h.script) && c.fields.Has(s.field) {
				s.suggest(c, h)
			}
		}
	}
}

// decides finds what makes a script do one thing or another.
var decides = regexp.MustCompile(`\b(if|case|while|until|for|select)\b|&&|\|\||^\s*\w+\s*\(\)`)

// exitsWithError finds the end of a script that failed.
var exitsWithError = regexp.MustCompile(`\bexit\s+(["$]|[1-9])|\breturn\s+[1-9]|(^|[;&|]\s*)false\b`)

// commands are the lines of a script that are not comments and not only said.
func commands(script string) []string {
	var all []string
	for line := range strings.SplitSeq(script, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "echo ") || strings.HasPrefix(line, "printf ") {
			continue
		}
		all = append(all, line)
	}
	return all
}

// purpose is how a purpose is known that a field serves now. All patterns must be in
// the script's commands; what is recognised is said as what it looks like.
type purpose struct {
	hooks    []string
	patterns []*regexp.Regexp
	field    string
	suggest  func(*checked, hookScript)
}

func (s purpose) in(script string) bool {
	text := strings.Join(commands(script), "\n")
	return !slices.ContainsFunc(s.patterns, func(p *regexp.Regexp) bool { return !p.MatchString(text) })
}

func patterns(all ...string) (compiled []*regexp.Regexp) {
	for _, p := range all {
		compiled = append(compiled, regexp.MustCompile(p))
	}
	return compiled
}

const (
	fails    = `\bexit\s+(["$]|[1-9])|\breturn\s+[1-9]|\bfalse\b|\(\(`
	asks     = `\b(curl|wget)\b`
	compares = `-(gt|ge|lt|le|eq|ne)\b|[<>]=?|==`
)

var purposes = []purpose{
	{[]string{"beforeDeploy"}, patterns(`\bdate\b[^\n|;)]*\+["']?%-?[HkIuwa]`, compares, fails), "spec.windows", (*checked).suggestWindows},
	{[]string{"beforeDeploy"}, patterns(`(?i)incident|pagerduty|opsgenie|statuspage|alertmanager`, asks, fails), "spec.freeze", says("it looks as if it asks for open incidents. spec.freeze asks the same, holds the finished plan until they are over, and uses no attempt")},
	{[]string{"beforeDeploy"}, patterns(`(?i)annotations?[.\[][^\n]*approv`, fails), "spec.approval", says("it looks as if it waits for an approval in an annotation. spec.approval holds the finished plan for a person, who says kubectl cdk approve, and keeps who did:", "approval:", "  required: Always")},
	{[]string{"beforeDeploy"}, patterns(`\bdescribe-db-(instances|clusters)\b`, `BackupRetention`, fails), "spec.policies", says("it looks as if it asks how long databases of the account keep their backups. spec.policies asks that of the plan's own resources, before it is executed:", "policies:", "  - {name: backups, builtIn: BackupRetention}")},
	{[]string{"beforeDeploy"}, patterns(`\bdescribe-security-groups\b`, `0\.0\.0\.0/0`, fails), "spec.policies", says("it looks as if it asks for open ports in the account. spec.policies asks that of the plan's own resources, before it is executed:", "policies:", "  - {name: ports, builtIn: NoOpenPorts}")},
	{[]string{"afterDeploy"}, patterns(`\bcurl\b[^\n]*(health|http_code|\bready)`, fails), "spec.verification", says("it looks as if it asks whether the application is healthy. spec.verification asks the same, without a build, and with every also afterwards:", "verification:", "  - http: {urlFromOutput: ApplicationUrl, path: /health}")},
	{[]string{"afterDeploy"}, patterns(`\bdescribe-target-health\b`, fails), "spec.verification", says("it looks as if it asks load balancers for the health of their targets. spec.verification asks for those of the stack's own target groups:", "verification:", "  - targetGroups: {minHealthyPercent: 100}")},
	{[]string{"beforeDeploy"}, patterns(`\bkubectl\b[^\n]*\b(wait|get)\b[^\n]*\b(cdk|cdkts|cdktsstacks?)\b`, `(?i)Ready|phase|Succeeded`), "spec.dependsOn", says("it looks as if it waits for another stack. spec.dependsOn waits for it, and uses no attempt")},
}

// says makes a suggestion of a text.
func says(text string, more ...string) func(*checked, hookScript) {
	return func(c *checked, h hookScript) { c.find(hint, h.path(), text, more...) }
}

// kubectlCall is a call of kubectl: the verb, and what follows it.
var kubectlCall = regexp.MustCompile(`\bkubectl\s+(?:(?:-n|--namespace|--context)[ =]\S+\s+)*(get|describe|logs|exec|wait|create|apply|delete|patch|annotate|label|scale|rollout|set|edit|replace|run|expose)\b\s*([^\n|;&)]*)`)

// allowedToHooks is what the role awscdk-operator-hooks lets a script do
// (config/operator/hooks.yaml), but for the object itself.
var allowedToHooks = regexp.MustCompile(`^(?:-\S+\s+)*(configmaps?|cm|events?)\b`)

// kubectlOf tells of calls that hooks may not make.
func (c *checked) kubectlOf(h hookScript) {
	var refused []string
	for _, found := range kubectlCall.FindAllStringSubmatch(strings.Join(commands(h.script), "\n"), -1) {
		verb, what := found[1], strings.TrimSpace(found[2])
		if allowedToHooks.MatchString(what) || c.readsItself(verb, what) {
			continue
		}
		// An option may hold what is secret.
		if words := strings.Fields(what); len(words) > 0 && !strings.HasPrefix(words[0], "-") {
			verb += " " + words[0]
		}
		refused = append(refused, verb)
	}
	slices.Sort(refused)
	if refused = slices.Compact(refused); len(refused) == 0 {
		return
	}
	c.find(look, h.path(), fmt.Sprintf("kubectl had the operator's own rights. Hooks have those of awscdk-operator-hooks now: the own object, ConfigMaps and Events of the namespace. This needs more: kubectl %s. Bind a Role to the ServiceAccount awscdk-operator-hooks (docs/how-to/hooks.md#kubectl)", strings.Join(refused[:min(len(refused), 5)], ", ")))
}

// readsItself says whether a call reads the object of the hook, under any of the
// names by which scripts know it.
func (c *checked) readsItself(verb, what string) bool {
	words := strings.Fields(what)
	if verb != "get" || len(words) < 2 || !slices.Contains([]string{"cdk", "cdkts", "cdktsstack", "cdktsstacks"}, words[0]) {
		return false
	}
	name := strings.Trim(words[1], `"'`)
	return strings.Contains(name, "CDK_STACK_NAME") || strings.Contains(name, "CDK_STACK_RESOURCE_NAME") || name == c.obj.Name || name == c.obj.Spec.StackName
}

// looksSecret finds what has no place in a manifest: keys of AWS, tokens of git
// hosts and of Slack, bearer tokens and passwords that are written out.
var looksSecret = regexp.MustCompile(`\b(AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[pousr]_[A-Za-z0-9]{20,}|\bxox[abprs]-[A-Za-z0-9-]{10,}|hooks\.slack\.com/services/[A-Za-z0-9]|Bearer\s+[A-Za-z0-9._~+/-]{16,}|(?i:(password|passwd|secret|token|api_?key)["']?\s*[=:]\s*["']?[A-Za-z0-9+/_-]{12,})|-----BEGIN [A-Z ]*PRIVATE KEY`)

func (c *checked) secretsOf(h hookScript) {
	if looksSecret.MatchString(h.script) {
		c.find(look, h.path(), "it looks as if a secret is written into it, for all to read who may read the object: put it into a Secret, and name that in spec.hooks.env (docs/how-to/hooks.md#your-own)")
	}
}

// Variables: those that a script reads, and how it gives them a value itself.
var (
	readsVariable   = regexp.MustCompile(`\$\{?([A-Z][A-Z0-9_]{2,})\b`)
	assignsVariable = regexp.MustCompile(`(?m)(?:^|[\s;({])(?:export\s+|local\s+|readonly\s+|declare\s+(?:-\w+\s+)?|read\s+(?:-\w+\s+)*|for\s+)?([A-Z][A-Z0-9_]{2,})(?:\+?=|\s+in\b)|\bread\s+(?:-\w+\s+)*([A-Z][A-Z0-9_]{2,})`)
	// given are those that the operator or bash sets (docs/how-to/hooks.md#variables).
	given = regexp.MustCompile(`^(CDK_.*|AWS_.*|DRIFT_DETECTED|GIT_(CHANGES_DETECTED|CHANGED|REVISION|REPOSITORY|REF)|KUBECONFIG|PATH|HOME|TMPDIR|PWD|OLDPWD|IFS|RANDOM|SECONDS|HOSTNAME|LANG|LC_.*|TZ|BASH.*|LINENO|EPOCH\w+|PIPESTATUS|FUNCNAME|OPTARG|OPTIND|REPLY|UID|EUID|PPID|SHELL|USER|TERM|HTTPS?_PROXY|NO_PROXY|NODE_.*)$`)
)

// variablesOf names what a script needs from outside.
func (c *checked) variablesOf(h hookScript) {
	own := map[string]bool{}
	for _, found := range assignsVariable.FindAllStringSubmatch(h.script, -1) {
		own[found[1]], own[found[2]] = true, true
	}
	if s := c.obj.Spec.Hooks; s != nil {
		if len(s.EnvFrom) > 0 {
			return // which variables those give is not in the manifest
		}
		for _, v := range s.Env {
			own[v.Name] = true
		}
	}
	var needs []string
	for _, found := range readsVariable.FindAllStringSubmatch(h.script, -1) {
		if name := found[1]; !own[name] && !given.MatchString(name) {
			own[name] = true
			needs = append(needs, name)
		}
	}
	if len(needs) == 0 {
		return
	}
	slices.Sort(needs)
	c.find(note, h.path(), fmt.Sprintf("it reads %s: set them on the new operator, too (operator.extraEnv of the chart), or for this object in spec.hooks.env", strings.Join(needs[:min(len(needs), 12)], ", ")))
}
