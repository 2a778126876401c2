package cdk

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"
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
				cancel(endlessLookUps(s.Output))
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
	asked := ""
	// The next round may be writing it just now.
	if readJSON(output, "manifest.json", &m) == nil && len(m.Missing) > 0 {
		asked = ", at last for " + m.asked()
	}
	p := stalls(ErrSynthFailed,
		"The app has asked for a look-up %d times in a row, each time for something else%s, and was stopped. Let no look-up depend on the answer to another, nor on what changes from run to run, or commit cdk.context.json with the answers.",
		maxLookUps, asked)
	p.Err = errLookUps
	return p
}
