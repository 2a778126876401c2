package main

import (
	"fmt"
	"testing"
)

func TestWhereCausesMayBeLookedForIsSaidByAFlag(t *testing.T) {
	for args, want := range map[string]string{
		"":                                "[Hooks CloudTrail Logs Tasks]",
		"--cause-sources=All":             "[Hooks CloudTrail Logs Tasks]",
		"--cause-sources=None":            "[]",
		"--cause-sources=Hooks, Tasks":    "[Hooks Tasks]",
		"--cause-sources=Hooks,X-Ray":     `invalid value "Hooks,X-Ray" for flag -cause-sources: it has "X-Ray", want Hooks, CloudTrail, Logs or Tasks, separated by commas, or All or None`,
		"--cause-sources=Logs,CloudTrail": "[Logs CloudTrail]",
	} {
		var all []string
		if args != "" {
			all = []string{args}
		}
		s, err := parseSettings(all, func(string) string { return "" })
		got := fmt.Sprint(s.decide.CauseSources)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", args, got, want)
		}
	}
}
