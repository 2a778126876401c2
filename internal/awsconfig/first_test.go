package awsconfig_test

import (
	"errors"
	"testing"

	"awscdk.dev/operator/internal/awsconfig"
)

func TestTheFirstIdentityThatMayIsAsked(t *testing.T) {
	no, away := awsconfig.ErrAccessDenied.New("no"), errors.New("away")
	for name, c := range map[string]struct {
		answers map[string]error
		asked   string
		err     error
	}{
		"the first may":                         {map[string]error{"a": nil, "b": no}, "a", nil},
		"the second may":                        {map[string]error{"a": no, "b": nil}, "b", nil},
		"none may, and the first is named":      {map[string]error{"a": no, "b": awsconfig.ErrCredentials.New("who")}, "a", no},
		"what is no refusal is not asked again": {map[string]error{"a": away, "b": nil}, "a", away},
		"of the second it is its own":           {map[string]error{"a": no, "b": away}, "b", away},
	} {
		t.Run(name, func(t *testing.T) {
			asked, err := awsconfig.First([]string{"a", "b"}, func(who string) error { return c.answers[who] })
			if asked != c.asked || err != c.err {
				t.Errorf("asked %q: %v, want %q: %v", asked, err, c.asked, c.err)
			}
		})
	}
}
