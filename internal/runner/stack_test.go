package runner

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/cdk"
)

func TestThePlanHoldsTheSessionsThatTheAppAsksFor(t *testing.T) {
	stack, err := stackOf(cdk.Resolved{
		DeployRoleOptions: []byte(`{"Tags":[{"Key":"team","Value":"a"}]}`),
		LookupRoleOptions: []byte(`{"ExternalId":"x"}`),
	}, cdk.Synthesized{})
	if err != nil {
		t.Fatal(err)
	}
	want := v1alpha1.Plan{
		DeployRoleSession: &v1alpha1.RoleSession{Tags: []v1alpha1.SessionTag{{Key: "team", Value: "a"}}},
		LookupRoleSession: &v1alpha1.RoleSession{ExternalID: "x"},
	}
	if diff := cmp.Diff(want, stack.Plan); diff != "" {
		t.Error(diff)
	}
	if _, err := stackOf(cdk.Resolved{LookupRoleOptions: []byte(`{"TokenCode":"1"}`)}, cdk.Synthesized{}); !errors.Is(err, awsconfig.ErrUnsupported) {
		t.Errorf("an option that cannot be given: %v", err)
	}
}

func TestTheTagsOfTheSettingsReplaceThoseOfTheApp(t *testing.T) {
	ofApp, ofSettings := map[string]string{"team": "a", "stage": "prod"}, map[string]string{"team": "b"}
	for name, c := range map[string]struct{ settings, want map[string]string }{
		"there are some": {ofSettings, ofSettings},
		"there are none": {nil, ofApp},
	} {
		stack, err := stackOf(cdk.Resolved{Tags: ofApp}, cdk.Synthesized{Tags: c.settings})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, stack.Plan.Tags); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}
