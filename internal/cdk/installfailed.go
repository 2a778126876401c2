package cdk

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/proc"
)

// outage is what package managers print when the registry cannot be reached
// or is not well: system error codes and HTTP 429 and 5xx.
var outage = []string{
	"ECONNREFUSED", "ECONNRESET", "ENOTFOUND", "EAI_AGAIN", "ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH",
	"ERR_SOCKET_TIMEOUT", "EIDLETIMEOUT", "FETCH_ERROR", "socket hang up", "network timeout", "E429", "E500",
	"E502", "E503", "E504", "ERR_PNPM_META_FETCH_FAIL", "RequestError", "trouble with your network",
}

// untrusted is what they print when they do not know who made the registry's
// certificate. That does not pass by itself.
var untrusted = []string{"SELF_SIGNED_CERT_IN_CHAIN", "UNABLE_TO_GET_ISSUER_CERT"}

// notFound is what npm and pnpm print when the registry answers 404. It is
// never said to stall: a valid token or some minutes may be all that is missing.
var notFound = []string{"code E404", "ERR_PNPM_FETCH_404"}

// explain turns a failed install into what a person needs.
func (i installer) explain(ctx context.Context, tail string, err error) error {
	failed := ErrInstallFailed.Because(err, "")
	last := lastLines(tail, 1400)
	exit, ran := errors.AsType[*proc.ExitError](err)
	switch {
	case context.Cause(ctx) != nil:
		failed.Message = fmt.Sprintf("%s was stopped (%v) before the dependencies were installed. Its last output:\n%s", i.manager, context.Cause(ctx), last)
	case !ran:
		failed.Message = fmt.Sprintf("%s could not be started: %v", i.manager, err)
	case unauthorized.MatchString(tail):
		failed.Message = fmt.Sprintf("%s The end of %s's output:\n%s", i.credentialsAdvice(unauthorized.FindString(tail)), i.manager, last)
	case mentions(tail, outage) || mentions(tail, untrusted):
		if !mentions(tail, untrusted) {
			failed.Outlook = problem.Waits
		}
		failed.Message = fmt.Sprintf("The package registry could not be reached, so the dependencies could not be installed; it will be tried again. Check the registry, the proxy and the network policy. The end of %s's output:\n%s", i.manager, last)
	case mentions(tail, notFound):
		failed.Message = fmt.Sprintf("The package registry answered that a package or version does not exist (404), so the dependencies could not be installed; it will be tried again. Registries answer so, too, when the token for a private package is missing or has expired, and shortly after a version was published. Check the package's name and version, and the token (docs/how-to/private-registries.md). The end of %s's output:\n%s", i.manager, last)
	default:
		// A script that failed may succeed next time, a lock file that does
		// not fit will not: only what is known to stall is said to.
		outdated := mentions(tail, outdatedLock)
		if outdated || mentions(tail, []string{"ERESOLVE", "EBADENGINE"}) {
			failed.Outlook = problem.Stalls
		}
		hint := "Try it in a fresh clone and commit what it needs."
		if outdated || mentions(tail, []string{"can only install packages when"}) {
			hint = fmt.Sprintf("package.json and the lock file do not fit together: run `%s install` and commit the lock file (package-lock.json, pnpm-lock.yaml or yarn.lock).", i.manager)
		}
		failed.Message = fmt.Sprintf("%s failed (%v) in %s. %s The end of its output:\n%s", i.manager, exit, i.where(), hint, last)
	}
	failed.Message = problem.Cut(failed.Message, problem.MaxMessage)
	return failed
}

// outdatedLock is what package managers say of a lock file that does not fit
// package.json; the usage text of npm that follows hides it from people.
var outdatedLock = []string{"EUSAGE", "ERR_PNPM_OUTDATED_LOCKFILE", "YN0028", "needs to be updated"}

// where is the install's folder as the user knows it.
func (i installer) where() string {
	rel, err := filepath.Rel(i.Root, i.dir)
	if err != nil || rel == "." {
		return "the repository's root"
	}
	return rel
}
