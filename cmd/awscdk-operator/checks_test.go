package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestInternalChecksAreNetworks(t *testing.T) {
	none := func(string) string { return "" }
	for flag, want := range map[string]string{
		"--allow-internal-checks=": "[]", "--allow-internal-checks=10.0.0.0/8, fd12::/16": "[10.0.0.0/8 fd12::/16]",
	} {
		s, err := parseSettings([]string{flag}, none)
		if got := fmt.Sprint(s.internalChecks); err != nil || got != want {
			t.Errorf("%s gives %s, %v", flag, got, err)
		}
	}
	s, err := parseSettings(nil, func(name string) string {
		if name == "AWSCDK_OPERATOR_ALLOW_INTERNAL_CHECKS" {
			return "172.20.0.0/16"
		}
		return ""
	})
	if got := fmt.Sprint(s.internalChecks); err != nil || got != "[172.20.0.0/16]" {
		t.Errorf("the variable gives %s, %v", got, err)
	}
	for _, wrong := range []string{"10.0.0.1", "alertmanager.monitoring.svc", "10.0.0.0/33"} {
		if _, err := parseSettings([]string{"--allow-internal-checks=" + wrong}, none); err == nil || !strings.Contains(err.Error(), "is not a network such as 10.0.0.0/8") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}
