package main

import (
	"testing"

	"awscdk.dev/operator/internal/controller"
)

func TestNoPodGetsTheOperatorsIdentityUnlessSomebodySaysSo(t *testing.T) {
	for name, c := range map[string]struct {
		text, executor string
		want           controller.OwnIdentity
	}{
		"runs of the manager's machine": {"", executorLocal, controller.OwnIdentityAll},
		"runs in pods":                  {"", executorJob, controller.OwnIdentityRoles},
		"pods, and somebody said so":    {"All", executorJob, controller.OwnIdentityAll},
		"nobody":                        {"None", executorLocal, controller.OwnIdentityNone},
		"a word that is none of them":   {"all", executorLocal, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseIdentity(c.text, c.executor)
			if got != c.want || (err != nil) != (c.want == "") {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}
