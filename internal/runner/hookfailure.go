package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"regexp"
	"strings"
	"time"

	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/proc"
	"awscdk.dev/operator/internal/run"
)

// explainHook makes of a hook's end the failure that a person needs. The last
// line of its output comes first: it says why, and tables and events show no
// more than the beginning of a message.
func explainHook(ctx context.Context, s *Session, shown string, limit time.Duration, err error) (decide.HookResult, error) {
	h := s.Request.Hook
	f := hookFailed(h.Name).Because(err, "")
	var result decide.HookResult
	exit, exited := errors.AsType[*proc.ExitError](err)
	switch {
	case errors.Is(context.Cause(ctx), errHookTimeout):
		f.Message = fmt.Sprintf("%s took longer than %s and was ended; raise %s or make it faster", h.Name, limit, cmp.Or(h.TimeoutField, "spec.hooks.timeout"))
	case ctx.Err() != nil:
		return result, context.Cause(ctx)
	case exited && exit.Code >= 0:
		code := int32(exit.Code)
		result.ExitCode = &code
		f.Message = fmt.Sprintf("%s exited with code %d%s", h.Name, code, missingTool(shown))
	case exited:
		f.Message = fmt.Sprintf("%s was ended by a signal (signal: %s)", h.Name, exit.Signal)
	default:
		f.Message = fmt.Sprintf("%s could not be run: %v", h.Name, err)
	}
	f.Message += lastFirst(nameObject(shown, s.Request))
	return result, f
}

// lastFirst shows the last line of an output, and then those before it.
func lastFirst(shown string) string {
	shown = strings.TrimSpace(shown)
	at := strings.LastIndex(shown, "\n")
	before := strings.TrimSpace(shown[:max(at, 0)])
	switch {
	case shown == "":
		return ""
	case before == "":
		return ": " + shown
	}
	return fmt.Sprintf(": %s\nbefore that:\n%s", shown[at+1:], before)
}

// nameObject puts the object's name, and its namespace, into kubectl commands
// that name the object by its stack. Scripts in circulation print them as hints
// ("kubectl annotate cdk $CDK_STACK_NAME …"). In a hook they work, outside of it
// there is no object of that name.
func nameObject(shown string, r run.Request) string {
	if r.Name == r.StackName {
		return shown
	}
	const kinds = `cdktsstacks\.awscdk\.dev|cdktsstacks|cdktsstack|cdkts|cdk`
	command := regexp.MustCompile(`\b(kubectl\s[^\n|;&]*?\b(?:` + kinds + `)[ /])` + regexp.QuoteMeta(r.StackName) + `(\s|$|['"])`)
	lines := strings.Split(shown, "\n")
	for i, line := range lines {
		name := r.Name
		if !namespaced.MatchString(line) {
			name += " -n " + r.Namespace
		}
		lines[i] = command.ReplaceAllString(line, "${1}"+name+"${2}")
	}
	return strings.Join(lines, "\n")
}

// namespaced says whether a command names a namespace.
var namespaced = regexp.MustCompile(`\s(-n|--namespace)\b`)

// notFound is how bash says that a command is not on PATH.
var notFound = regexp.MustCompile(`line \d+: ([A-Za-z0-9._+-]+): command not found`)

// missingTool names a tool that the script called and PATH does not have.
func missingTool(shown string) string {
	m := notFound.FindStringSubmatch(shown)
	if m == nil {
		return ""
	}
	return "; " + proc.NotOnPath(m[1])
}

// lastLines gives the last lines of an output that holds no secrets, oldest
// first, without what tools print whatever they do.
func lastLines(text string) string {
	lines := strings.Split(proc.WithoutNoise(text), "\n")
	lines = lines[max(0, len(lines)-shownLines):]
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, "\r \t")
	}
	return problem.CutStart(strings.Join(lines, "\n"), shownBytes)
}
