package cfn

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// bench is a scope with a bit of everything to refer to.
func bench() *scope {
	s := &scope{
		place: cloud.Place{Account: "123456789012", Region: "eu-central-1"}, stackName: "st", stackID: "arn:st",
		notify:     []string{"arn:n"},
		params:     map[string]any{"P": "pv", "L": []any{"a", "b"}},
		conditions: map[string]bool{"Yes": true, "No": false},
		template: &Template{
			Resources:  map[string]*Definition{"R": {Type: "AWS::SNS::Topic"}},
			Mappings:   map[string]any{"M": map[string]any{"eu-central-1": map[string]any{"ami": "ami-1"}}},
			Conditions: map[string]any{},
		},
		imports: map[string]bool{},
	}
	s.ref = func(logical string) (any, error) { return "id-of-" + logical, nil }
	s.att = func(logical, name string) (any, error) { return logical + "'s " + name, nil }
	s.export = func(name string) (string, error) {
		if name == "there" {
			return "exported", nil
		}
		return "", wire.Invalid("No export named %s found", name)
	}
	s.ssm = func(name string) (string, error) { return "ssm:" + name, nil }
	return s
}

func TestIntrinsicFunctionsGiveWhatTheyGiveInAWS(t *testing.T) {
	cases := map[string]struct{ in, want string }{
		"Ref of a parameter":                  {`{"Ref": "P"}`, `"pv"`},
		"Ref of a list parameter":             {`{"Ref": "L"}`, `["a","b"]`},
		"Ref of a resource":                   {`{"Ref": "R"}`, `"id-of-R"`},
		"pseudo parameters":                   {`[{"Ref":"AWS::Region"},{"Ref":"AWS::AccountId"},{"Ref":"AWS::StackName"},{"Ref":"AWS::StackId"},{"Ref":"AWS::Partition"},{"Ref":"AWS::URLSuffix"},{"Ref":"AWS::NotificationARNs"}]`, `["eu-central-1","123456789012","st","arn:st","aws","amazonaws.com",["arn:n"]]`},
		"NoValue takes a property away":       {`{"a": {"Ref": "AWS::NoValue"}, "b": 1}`, `{"b":1}`},
		"NoValue takes an item away":          {`["x", {"Fn::If": ["No", "y", {"Ref": "AWS::NoValue"}]}]`, `["x"]`},
		"GetAtt as a list":                    {`{"Fn::GetAtt": ["R", "Arn"]}`, `"R's Arn"`},
		"GetAtt as a text":                    {`{"Fn::GetAtt": "R.Outputs.X"}`, `"R's Outputs.X"`},
		"Sub with everything":                 {`{"Fn::Sub": "${P}-${R}-${R.Arn}-${AWS::Region}-${!Literal}"}`, `"pv-id-of-R-R's Arn-eu-central-1-${Literal}"`},
		"Sub with its own names":              {`{"Fn::Sub": ["${x}/${P}", {"x": {"Ref": "R"}}]}`, `"id-of-R/pv"`},
		"Join of a computed list":             {`{"Fn::Join": [",", {"Fn::Split": ["-", "a-b-c"]}]}`, `"a,b,c"`},
		"Join of numbers":                     {`{"Fn::Join": [".", [1, 2, true]]}`, `"1.2.true"`},
		"Select by number and by text":        {`[{"Fn::Select": [1, ["a","b"]]}, {"Fn::Select": ["0", ["a","b"]]}]`, `["b","a"]`},
		"If":                                  {`[{"Fn::If": ["Yes", 1, 2]}, {"Fn::If": ["No", 1, 2]}]`, `[1,2]`},
		"Equals treats numbers as text":       {`{"Fn::Equals": ["1", 1]}`, `true`},
		"And, Or, Not":                        {`[{"Fn::And": [{"Condition":"Yes"},{"Condition":"No"}]}, {"Fn::Or": [{"Condition":"Yes"},{"Condition":"No"}]}, {"Fn::Not": [{"Condition":"No"}]}]`, `[false,true,true]`},
		"FindInMap":                           {`{"Fn::FindInMap": ["M", {"Ref": "AWS::Region"}, "ami"]}`, `"ami-1"`},
		"ImportValue":                         {`{"Fn::ImportValue": {"Fn::Sub": "there"}}`, `"exported"`},
		"Base64":                              {`{"Fn::Base64": "hi"}`, `"aGk="`},
		"Cidr":                                {`{"Fn::Cidr": ["10.0.0.0/16", 2, 8]}`, `["10.0.0.0/24","10.0.1.0/24"]`},
		"Select of Cidr":                      {`{"Fn::Select": [3, {"Fn::Cidr": ["10.1.0.0/22", 4, "8"]}]}`, `"10.1.3.0/24"`},
		"GetAZs of here":                      {`{"Fn::GetAZs": ""}`, `["eu-central-1a","eu-central-1b","eu-central-1c"]`},
		"Length":                              {`{"Fn::Length": {"Ref": "L"}}`, `2`},
		"ToJsonString":                        {`{"Fn::ToJsonString": {"a": {"Ref": "P"}}}`, `"{\"a\":\"pv\"}"`},
		"dynamic SSM reference":               {`"x {{resolve:ssm:/a/b:1}} y"`, `"x ssm:/a/b y"`},
		"a policy's Condition is no function": {`{"Condition": {"StringEquals": {"a": "b"}}}`, `{"Condition":{"StringEquals":{"a":"b"}}}`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			root, err := decodeJSON(`{"v": ` + tc.in + `}`)
			if err != nil {
				t.Fatal(err)
			}
			got, err := bench().eval(root["v"])
			if err != nil {
				t.Fatal(err)
			}
			raw, _ := json.Marshal(got)
			var want any
			if err := json.Unmarshal([]byte(tc.want), &want); err != nil {
				t.Fatal(err)
			}
			var have any
			_ = json.Unmarshal(raw, &have)
			if diff := cmp.Diff(want, have); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestMisusedFunctionsAreErrors(t *testing.T) {
	cases := map[string]struct{ in, text string }{
		"an index that isn't there":        {`{"Fn::Select": [5, ["a"]]}`, "cannot select nonexistent value at index 5"},
		"a map entry that isn't there":     {`{"Fn::FindInMap": ["M", "x", "y"]}`, "Unable to get mapping for M::x::y"},
		"an export that isn't there":       {`{"Fn::ImportValue": "nobody"}`, "No export named nobody found"},
		"a condition that isn't there":     {`{"Fn::If": ["Maybe", 1, 2]}`, "unresolved condition dependency Maybe"},
		"a function we don't have":         {`{"Fn::Transform": {"Name": "X"}}`, "does not implement the intrinsic function Fn::Transform"},
		"a secret we don't keep":           {`"{{resolve:secretsmanager:s}}"`, "does not resolve {{resolve:secretsmanager:…}}"},
		"a block with too little room":     {`{"Fn::Cidr": ["10.0.0.0/24", 2, 8]}`, "no room for 2 blocks"},
		"a text where a list is needed":    {`{"Fn::Join": [",", "abc"]}`, "Fn::Join"},
		"a reference to nothing in a text": {`{"Fn::Sub": "${Nobody}"}`, "Unresolved dependencies [Nobody]"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			root, err := decodeJSON(`{"v": ` + tc.in + `}`)
			if err != nil {
				t.Fatal(err)
			}
			_, err = bench().eval(root["v"])
			known, ok := errors.AsType[*wire.Error](err)
			if !ok || !strings.Contains(known.Message, tc.text) {
				t.Errorf("got %v, want …%s…", err, tc.text)
			}
		})
	}
}

func TestYAMLTemplatesMeanTheSameAsJSON(t *testing.T) {
	yaml := `
AWSTemplateFormatVersion: 2010-09-09
Resources:
  R:
    Type: AWS::SNS::Topic
    Properties:
      A: !Sub "${AWS::Region}-x"
      B: !GetAtt R.Arn
      C: !Join [",", [!Ref P, 1, true, 0123, "1"]]
      D: !If [Yes, !Ref "AWS::NoValue", {k: !Select [0, !GetAZs ""]}]
`
	asJSON := `{"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"R": {"Type": "AWS::SNS::Topic", "Properties": {
		"A": {"Fn::Sub": "${AWS::Region}-x"}, "B": {"Fn::GetAtt": ["R", "Arn"]},
		"C": {"Fn::Join": [",", [{"Ref": "P"}, 1, true, "0123", "1"]]},
		"D": {"Fn::If": ["Yes", {"Ref": "AWS::NoValue"}, {"k": {"Fn::Select": [0, {"Fn::GetAZs": ""}]}}]}}}}}`
	got, err := decode(yaml)
	if err != nil {
		t.Fatal(err)
	}
	want, err := decode(asJSON)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-JSON +YAML:\n%s", diff)
	}
}

func TestDifferencesGoAsDeepAsTheyCan(t *testing.T) {
	before, _ := decodeJSON(`{"a": 1, "b": {"c": "x", "d": [1, 2]}, "e": [1], "gone": true}`)
	after, _ := decodeJSON(`{"a": "1", "b": {"c": "y", "d": [1, 3]}, "e": [1, 2], "new": true}`)
	var got []string
	for _, d := range differences("", before, after) {
		got = append(got, d.path+" "+changeKind(d.before, d.after))
	}
	want := []string{"/b/c Modify", "/b/d/1 Modify", "/e Modify", "/gone Remove", "/new Add"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
