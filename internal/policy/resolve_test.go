package policy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/policy"
)

// ofTemplate judges the one resource of a template by a rule that is never met, and
// gives what the rule says of the property It.
func ofTemplate(template string) (string, error) {
	var c policy.Compiler
	set, err := c.Compile([]policy.Source{{Name: "t", Files: map[string]string{
		"a": `rules: [{name: r, resources: ["*"], expression: "false", messageExpression: "asText(resource.properties.?It) + (known(resource.properties.?It) ? '' : '?')"}]`,
	}}})
	if err != nil {
		return "", err
	}
	plan := policy.Plan{Template: []byte(template), Creates: true, StackName: "Web", Region: "cn-north-1", Changes: []policy.Change{{LogicalID: "R", Type: "A::B::C", Action: v1alpha1.ChangeAdd}}}
	found, err := set.Evaluate(context.Background(), plan)
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("%d findings, %w", len(found), err)
	}
	return found[0].Message, nil
}

func TestWhatCanBeToldOfATemplate(t *testing.T) {
	for value, want := range map[string]string{
		`"plain"`:                   "plain",
		`{"Ref": "AWS::Region"}`:    "cn-north-1",
		`{"Ref": "AWS::StackName"}`: "Web",
		`{"Ref": "AWS::AccountId"}`: "?",
		`{"Ref": "Other"}`:          "?",
		`{"Fn::Join": ["-", ["a", {"Ref": "AWS::Region"}]]}`:            "a-cn-north-1",
		`{"Fn::Join": ["-", ["a", {"Ref": "Other"}]]}`:                  "?",
		`{"Fn::Join": ["", {"Ref": "List"}]}`:                           "xy",
		`{"Fn::Sub": "${AWS::Partition}:${!Literal}:${Number}"}`:        "aws-cn:${Literal}:3",
		`{"Fn::Sub": ["${A}${B}", {"A": "a", "B": {"Ref": "Number"}}]}`: "a3",
		`{"Fn::Sub": "${Other.Arn}"}`:                                   "?",
		`{"Fn::Sub": "${open"}`:                                         "?",
		`{"Fn::If": ["Yes", {"Ref": "Number"}, "no"]}`:                  "3",
		`{"Fn::If": ["Unknown", "a", "b"]}`:                             "?",
		`{"Fn::If": ["Itself", "a", "b"]}`:                              "?",
		`{"Fn::If": ["C60", "a", "b"]}`:                                 "a",
		`{"Ref": "AWS::NoValue"}`:                                       "",
		`{"Fn::GetAtt": ["Other", "Arn"]}`:                              "?",
		`"{{resolve:ssm:/a}}"`:                                          "?",
	} {
		conditions := map[string]any{
			"Yes": json.RawMessage(`{"Fn::Equals": [{"Ref": "Number"}, "3"]}`), "Itself": json.RawMessage(`{"Fn::Not": [{"Condition": "Itself"}]}`),
			"Unknown": json.RawMessage(`{"Fn::Equals": [{"Ref": "Ssm"}, "3"]}`), "C0": json.RawMessage(`{"Fn::Equals": ["a", "a"]}`),
		}
		// Each names the one before twice: evaluated anew each time, the last would never end.
		for i := range 60 {
			conditions[fmt.Sprint("C", i+1)] = json.RawMessage(fmt.Sprintf(`{"Fn::And": [{"Condition": "C%[1]d"}, {"Condition": "C%[1]d"}]}`, i))
		}
		all, err := json.Marshal(map[string]any{
			"Parameters": json.RawMessage(`{"Number": {"Type": "Number", "Default": 3}, "List": {"Type": "CommaDelimitedList", "Default": "x, y"}, "Ssm": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "3"}}`),
			"Conditions": conditions, "Resources": json.RawMessage(`{"R": {"Type": "A::B::C", "Properties": {"It": ` + value + `}}}`),
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ofTemplate(string(all)); err != nil || got != want {
			t.Errorf("%s is %q, want %q, %v", value, got, want, err)
		}
	}
}

func TestATemplateThatIsNestedTooDeeplyIsNotJudged(t *testing.T) {
	deep := strings.Repeat(`{"Fn::If": ["Yes", `, 1500) + `"a"` + strings.Repeat(`, "b"]}`, 1500)
	_, err := ofTemplate(`{"Conditions": {"Yes": {"Fn::Equals": ["a", "a"]}}, "Resources": {"R": {"Type": "A::B::C", "Properties": {"It": ` + deep + `}}}}`)
	if err == nil || !strings.Contains(err.Error(), "nested too deeply") {
		t.Errorf("it gives %v", err)
	}
}

// FuzzResolve holds that whatever a template has, it is judged or refused, and
// soon.
func FuzzResolve(f *testing.F) {
	for _, text := range []string{
		`{"Resources":{"R":{"Properties":{"It":{"Fn::If":["C",{"Ref":"P"},{"Ref":"AWS::NoValue"}]}}}},"Conditions":{"C":{"Fn::Or":[{"Condition":"C"},{"Fn::Equals":["a",{"Fn::Sub":["${A}${AWS::Region}",{"A":"b"}]}]}]}},"Parameters":{"P":{"Default":1}}}`,
		`{"Resources":{"R":{"Properties":{"It":{"Fn::Join":["",["a",["b"]]]}}}}}`, `{"Resources":[]}`, `[]`, `{"Resources":{"R":{"Properties":[{"Ref":1}]}}}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = ofTemplate(text)
	})
}
