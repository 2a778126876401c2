package main

import (
	"flag"
	"fmt"
	"slices"

	"awscdk.dev/operator/api/v1alpha1"
)

// causeFlags are about where the causes of failures are looked for.
func (s *settings) causeFlags(f *flag.FlagSet, getenv func(string) string) error {
	const variable = "AWSCDK_OPERATOR_CAUSE_SOURCES"
	set := func(text string) (err error) {
		s.decide.CauseSources, err = parseSources(text)
		return err
	}
	f.Func("cause-sources", "where AWS is asked for the causes of a failure, of Hooks, CloudTrail, Logs and Tasks, separated by commas; All, the default, or None ("+variable+")", set)
	if err := set(or(getenv(variable), "All")); err != nil {
		return fmt.Errorf("%s: %w", variable, err)
	}
	return nil
}

// parseSources reads where causes of failures may be looked for.
func parseSources(text string) ([]v1alpha1.CauseSource, error) {
	known := []v1alpha1.CauseSource{v1alpha1.CauseHooks, v1alpha1.CauseCloudTrail, v1alpha1.CauseLogs, v1alpha1.CauseTasks}
	switch text {
	case "All":
		return known, nil
	case "None":
		return nil, nil
	}
	var sources []v1alpha1.CauseSource
	for _, name := range list(text) {
		s := v1alpha1.CauseSource(name)
		if !slices.Contains(known, s) {
			return nil, fmt.Errorf("it has %q, want Hooks, CloudTrail, Logs or Tasks, separated by commas, or All or None", name)
		}
		sources = append(sources, s)
	}
	return sources, nil
}
