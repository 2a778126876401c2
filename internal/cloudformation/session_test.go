package cloudformation

import (
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/awsconfig/awstest"
)

// Two stacks of one app may name one role and ask for sessions that differ.
func TestStacksThatDifferHaveSessionsOfTheirOwn(t *testing.T) {
	aws := awstest.Start(t)
	role := aws.Role(t, "deploy", awstest.TaggedTrust("team", "platform"))
	clients := NewClients(Options{Now: time.Now, Rate: 1000, Burst: 1000})
	for _, c := range []struct {
		name, team string
		assumed    bool
	}{
		{"the tag that the role wants", "platform", true},
		{"another tag", "payments", false},
		{"no tag", "", false},
		{"the right one again", "platform", true},
	} {
		target := Target{Credentials: testKeys, Region: awstest.Region, Role: awsconfig.Role{ARN: role}}
		if c.team != "" {
			target.Role.Session = &v1alpha1.RoleSession{Tags: []v1alpha1.SessionTag{{Key: "team", Value: c.team}}}
		}
		if seen := clients.For(target).Stack(t.Context(), "app"); seen.Err != nil {
			t.Fatal(seen.Err)
		}
		calls := aws.Calls(t, "DescribeStacks")
		// Where the role is denied to a user's keys of its own account, they
		// stand in for it, as with the CLI.
		if by := calls[len(calls)-1].AccessKey; strings.HasPrefix(by, "ASIA") != c.assumed {
			t.Errorf("%s: the stack was read by %s", c.name, by)
		}
	}
}
