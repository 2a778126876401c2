package main

import (
	"strings"
	"testing"
)

func TestEachShardHasALeaseOfItsOwn(t *testing.T) {
	none := func(string) string { return "" }
	for flag, want := range map[string]string{"--shard=": "awscdk-operator", "--shard=blue": "awscdk-operator-blue"} {
		s, err := parseSettings([]string{flag}, none)
		if err != nil || s.lease() != want {
			t.Errorf("%s: the lease is %q, %v, want %q", flag, s.lease(), err, want)
		}
	}
	if _, err := parseSettings([]string{"--shard=Blue/1"}, none); err == nil || !strings.Contains(err.Error(), "shard") {
		t.Errorf("a shard that no label can name is taken: %v", err)
	}
}
