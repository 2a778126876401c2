package cdk

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/proc"
)

// refused is what AWS SDKs print when credentials are no good, and foreign what
// the CLI prints when there are none, or none for the account of the app.
var (
	refused = []string{
		"InvalidClientTokenId", "UnrecognizedClientException", "ExpiredToken", "SignatureDoesNotMatch", "InvalidAccessKeyId",
		"security token included in the request",
	}
	foreign = []string{"Need to perform AWS calls for account", "Unable to resolve AWS account to use"}
)

// explain turns a failed synthesis into what a person needs.
func (s *synthesis) explain(ctx context.Context, tail string, err error) error {
	if endless, ok := errors.AsType[*problem.Problem](context.Cause(ctx)); ok && errors.Is(endless, errLookUps) {
		return endless
	}
	failed := ErrSynthFailed.Because(err, "")
	text := strings.NewReplacer(strings.TrimSuffix(s.Root, "/")+"/", "", s.Output, "cdk.out").Replace(excerpt(tail))
	switch {
	case context.Cause(ctx) != nil:
		failed.Message = fmt.Sprintf("The synthesis was stopped: %v.", context.Cause(ctx))
	case mentions(tail, []string{"heap out of memory"}) || killed(err):
		failed.Message = fmt.Sprintf("The app ran out of memory (%v). Give the runner more, or set NODE_OPTIONS=--max-old-space-size.\n%s", err, text)
	case mentions(tail, refused) || mentions(tail, foreign):
		failed = ErrCredentialsInvalid.Because(err, "")
		if mentions(tail, foreign) {
			failed.Outlook = problem.Retries
		}
		failed.Message = "AWS refused the credentials during synthesis, or there are none for what the app looks up. Check the Secret and its permissions.\n" + text
	case lacking(tail, text) != "":
		failed = ErrNotSupported.Because(err, "")
		failed.Message = lacking(tail, text) + "\n" + text
	case s.misplaced() != nil:
		return s.misplaced()
	default:
		if compilerError.MatchString(tail) {
			failed.Outlook = problem.Stalls
		}
		failed.Message = fmt.Sprintf("cdk synth failed (%v):\n%s", err, text)
	}
	failed.Message = problem.Cut(failed.Message, problem.MaxMessage)
	return failed
}

// misplaced tells where the assembly is when it is not where it was expected.
func (s *synthesis) misplaced() *problem.Problem {
	if isFile(filepath.Join(s.out, "manifest.json")) {
		return nil
	}
	for _, pattern := range []string{"*", "*/*"} {
		found, _ := filepath.Glob(filepath.Join(quoted(s.Dir), pattern, "manifest.json"))
		for _, file := range found {
			dir := filepath.Dir(file)
			var m assemblyManifest
			if readJSON(dir, "manifest.json", &m) != nil || len(m.Artifacts) == 0 {
				continue
			}
			name := strings.TrimPrefix(dir, s.Dir+"/")
			return stalls(ErrSynthFailed, `The app writes its cloud assembly to %q, and the CDK reads it from %q. Remove outdir from new App(…), or set "output": %q in cdk.json.`, name, strings.TrimPrefix(s.out, s.Dir+"/"), name)
		}
	}
	return nil
}

// quoted is a path as a pattern that matches it alone.
func quoted(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

var (
	// compilerError is a diagnostic of the TypeScript compiler.
	compilerError = regexp.MustCompile(`error TS\d+:`)
	// location is the line that Node.js prints before the line of code at
	// which an error was thrown.
	location = regexp.MustCompile(`^(/|file://|[A-Za-z]:\\)\S.*:\d+$`)
	// thrown is the first line of an error.
	thrown = regexp.MustCompile(`^(\[?\w*(Error|Exception)\b|\w*Error:|❌|‼|Unable to compile)|error TS\d+:`)
	// frame is a line of a stack trace that is not of the user's own code.
	frame = regexp.MustCompile(`^\s+at .*(node_modules/|node:|\(internal/)`)
)

// excerpt picks from the end of an output what tells about the error: from
// where it was thrown, without the frames of libraries.
func excerpt(tail string) string {
	lines := strings.Split(tail, "\n")
	start := slices.IndexFunc(lines, func(line string) bool {
		return location.MatchString(line) && !strings.Contains(line, "node_modules/")
	})
	if start < 0 {
		start = slices.IndexFunc(lines, thrown.MatchString)
	}
	if start < 0 {
		return lastLines(tail, 1600)
	}
	var kept []string
	for _, line := range lines[start:] {
		if strings.TrimSpace(line) != "" && !frame.MatchString(line) {
			kept = append(kept, line)
		}
	}
	return problem.Cut(strings.Join(kept, "\n"), 1600)
}

// killed tells whether a process ended by SIGKILL, itself or its child, as
// the kernel does to one that takes too much memory.
func killed(err error) bool {
	exit, ok := errors.AsType[*proc.ExitError](err)
	return ok && (exit.Code == 137 || exit.Signal == syscall.SIGKILL)
}
