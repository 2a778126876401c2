package decide

import (
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
)

func TestAnAlarmIsKnownByWhatCloudFormationSays(t *testing.T) {
	const arn = "arn:aws:cloudwatch:us-east-1:111122223333:alarm:web-5xx"
	op := &v1alpha1.Operation{Rollback: &v1alpha1.RollbackConfiguration{Triggers: []v1alpha1.RollbackTrigger{{ARN: arn}}}}
	for name, c := range map[string]struct {
		cause *Failure
		want  string
	}{
		"by its ARN":                          {&Failure{ResourceType: "AWS::CloudFormation::Stack", Reason: "Rollback triggered by [" + arn + "]"}, arn},
		"by its name":                         {&Failure{ResourceType: "AWS::CloudFormation::Stack", Reason: "The following Alarms are in ALARM: web-5xx"}, arn},
		"another alarm":                       {&Failure{ResourceType: "AWS::CloudFormation::Stack", Reason: "The following alarms are in ALARM: api"}, ""},
		"a resource that has the same name":   {&Failure{ResourceType: "AWS::SNS::Topic", Reason: "the alarm topic web-5xx exists"}, ""},
		"a stack that says nothing of alarms": {&Failure{ResourceType: "AWS::CloudFormation::Stack", Reason: "Export web-5xx is in use"}, ""},
		"nothing":                             {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := alarmBehind(op, c.cause); got != c.want {
				t.Errorf("the alarm is %q, want %q", got, c.want)
			}
		})
	}
}
