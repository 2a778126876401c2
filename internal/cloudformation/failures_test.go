package cloudformation

import (
	"slices"
	"testing"
)

func TestAlarmsAreReadOutOfReasons(t *testing.T) {
	const arn = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:"
	for reason, want := range map[string][]string{
		"Rollback triggered by alarm " + arn + "Errors of web in state ALARM. ":                        {"Errors of web"},
		"Rollback triggers were invoked: [" + arn + "One, " + arn + "Two words]":                       {"One", "Two words"},
		"Rollback trigger arn:aws-us-gov:cloudwatch:us-gov-west-1:123456789012:alarm:A does not exist": {"A"},
		arn + "Errors":                       {"Errors"},
		"the alarm Errors is in state ALARM": nil,
	} {
		if got := alarmsIn(reason); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", reason, got, want)
		}
	}
}
