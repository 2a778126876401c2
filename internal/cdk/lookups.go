package cdk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"awscdk.dev/operator/internal/problem"
)

const (
	// maxLookUps is how often in a row an app may ask AWS for what it did not
	// ask for before. The CLI runs the app again after each answer, and would
	// for ever; few apps need more than three rounds.
	maxLookUps = 20
	// lookUpPoll is shorter than any round.
	lookUpPoll = 100 * time.Millisecond
)

// errLookUps is an app whose every look-up leads to the next.
var errLookUps = errors.New("the look-ups do not end")

// boundLookUps gives a context that ends when the app has been run again for a
// look-up too often. The CLI keeps the answers of each round in
// cdk.context.json before it begins the next.
func (s *synthesis) boundLookUps(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		file := filepath.Join(s.Dir, "cdk.context.json")
		rounds, last := 0, modified(file)
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(lookUpPoll):
			}
			now := modified(file)
			if now.Equal(last) {
				continue
			}
			last = now
			if rounds++; rounds >= maxLookUps {
				cancel(endlessLookUps(s.out))
				return
			}
		}
	}()
	return ctx, func() { cancel(nil) }
}

func modified(file string) time.Time {
	info, err := os.Stat(file)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// endlessLookUps names what the app, whose assembly is in output, asked for
// last.
func endlessLookUps(output string) error {
	var m assemblyManifest
	last := ""
	// The next round may be writing it just now.
	if readJSON(output, "manifest.json", &m) == nil && len(m.Missing) > 0 {
		last = ", at last for " + asked(m.Missing)
	}
	p := stalls(ErrSynthFailed,
		"The app has asked for a look-up %d times in a row, each time for something else%s, and was stopped. Let no look-up depend on the answer to another, nor on what changes from run to run, or commit cdk.context.json with the answers.",
		maxLookUps, last)
	p.Err = errLookUps
	return p
}

// explainedElsewhere tells whether the look-ups that failed are those of other
// stacks, as far as can be told: the CDK attaches the reason of each as an
// error to the stack that asked. By hand they do not keep this one from being
// deployed either.
func (a *Assembly) explainedElsewhere(s *Stack) bool {
	mine, others := s.withUpstream(), 0
	for _, other := range a.stacks {
		if !slices.Contains(mine, other) {
			for _, annotation := range other.Annotations {
				if annotation.Level == LevelError {
					others++
				}
			}
		}
	}
	return others >= len(a.missing)
}

// passing is what AWS SDKs and the CLI say when a look-up may succeed later.
var passing = []string{
	"ECONNREFUSED", "ECONNRESET", "ENOTFOUND", "EAI_AGAIN", "ETIMEDOUT", "TimeoutError", "socket hang up",
	"Throttling", "Rate exceeded", "TooManyRequests", "ServiceUnavailable", "InternalError",
}

// failedLookUps says which look-ups gave no answer, and why. What does not
// exist today may exist tomorrow, so that this is not for ever.
func (s *Stack) failedLookUps(reasons []string) error {
	asked := asked(s.assembly.missing)
	if len(reasons) == 0 {
		return stalls(ErrSynthFailed, "The app still asks for context after the CDK looked it up: %s. Let no look-up depend on what changes from run to run, or commit cdk.context.json with the answers.", asked)
	}
	text := some(reasons)
	p := ErrSynthFailed.New("%s cannot be deployed, since look-ups of the app failed:\n%s\nThe app asked for %s. Check what it looks for, in the account and region of the stack, or commit cdk.context.json with the answer.", s.StackName, text, asked)
	switch {
	case mentions(text, foreign):
		p = ErrCredentialsInvalid.New("%s", p.Message).With(problem.Retries)
	case mentions(text, refused):
		p = ErrCredentialsInvalid.New("%s", p.Message)
	case mentions(text, passing):
		p.Outlook = problem.Waits
	}
	p.Message = problem.Cut(p.Message, problem.MaxMessage)
	return p
}

// asked names the context that the app has asked for and not got.
func asked(all []missingContext) string {
	var keys []string
	for _, missing := range all {
		keys = append(keys, fmt.Sprintf("%s (%s)", problem.Cut(missing.Key, 200), missing.Provider))
	}
	return list(keys, 8)
}
