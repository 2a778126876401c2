package localaws_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"awscdk.dev/operator/demo/localaws"
)

func TestSecondOperationIsRefusedWhileOneRuns(t *testing.T) {
	l := newLab(t, localaws.Config{})
	st := l.create("s", single(`"Value": "a"`), "CREATE_COMPLETE")
	slow := single(`"Value": "b", "Delay": "1h"`)
	if _, err := l.cfn.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{StackName: aws.String("s"), TemplateBody: &slow, ClientRequestToken: aws.String("ours")}); err != nil {
		t.Fatal(err)
	}
	busy := "Stack:" + *st.StackId + " is in UPDATE_IN_PROGRESS state and can not be updated."
	_, err := l.cfn.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{StackName: aws.String("s"), TemplateBody: aws.String(single(``))})
	refused(t, err, "ValidationError", busy)
	_, err = l.cfn.CreateChangeSet(t.Context(), &cloudformation.CreateChangeSetInput{StackName: aws.String("s"), ChangeSetName: aws.String("c"), TemplateBody: aws.String(single(``))})
	refused(t, err, "ValidationError", busy)
	_, err = l.cfn.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: aws.String("s")})
	refused(t, err, "ValidationError", "cannot be deleted while in status UPDATE_IN_PROGRESS")

	if _, err := l.cfn.CancelUpdateStack(t.Context(), &cloudformation.CancelUpdateStackInput{StackName: aws.String("s"), ClientRequestToken: aws.String("theirs")}); err != nil {
		t.Fatal(err)
	}
	l.expect("s", "UPDATE_ROLLBACK_COMPLETE")
	if l.happened("s", "It UPDATE_FAILED Resource update cancelled") != 1 {
		t.Errorf("history:\n%s", strings.Join(l.history("s"), "\n"))
	}
	told, err := l.cfn.DescribeStackEvents(t.Context(), &cloudformation.DescribeStackEventsInput{StackName: aws.String("s")})
	if err != nil {
		t.Fatal(err)
	}
	tokens := map[string]string{}
	for _, e := range told.StackEvents {
		if aws.ToString(e.PhysicalResourceId) == *st.StackId {
			tokens[string(e.ResourceStatus)] = aws.ToString(e.ClientRequestToken)
		}
	}
	// What follows a cancellation is of the request that cancelled.
	if tokens["UPDATE_IN_PROGRESS"] != "ours" || tokens["UPDATE_ROLLBACK_COMPLETE"] != "theirs" {
		t.Errorf("tokens: %v", tokens)
	}
}

func TestFailureCancelsWhatRunsBesideIt(t *testing.T) {
	l := newLab(t, localaws.Config{})
	template := `{"Resources": {
		"Slow": {"Type": "Local::Test::Resource", "Properties": {"Delay": "1h"}},
		"Bad": {"Type": "Local::Test::Resource", "Properties": {"FailOn": "Create", "Delay": "20ms"}}}}`
	l.create("s", template, "ROLLBACK_COMPLETE")
	if l.happened("s", "Slow CREATE_FAILED Resource creation cancelled") != 1 {
		t.Errorf("history:\n%s", strings.Join(l.history("s"), "\n"))
	}
}

func TestRequestTokensMakeRepetitionHarmless(t *testing.T) {
	l := newLab(t, localaws.Config{})
	in := &cloudformation.CreateStackInput{StackName: aws.String("s"), TemplateBody: aws.String(single(``)), ClientRequestToken: aws.String("t1")}
	first, err := l.cfn.CreateStack(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	again, err := l.cfn.CreateStack(t.Context(), in)
	if err != nil || *again.StackId != *first.StackId {
		t.Fatalf("repeated creation: %v, %v", again, err)
	}
	l.expect("s", "CREATE_COMPLETE")
	_, err = l.cfn.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: aws.String("s"), ClientRequestToken: aws.String("t1")})
	refused(t, err, "TokenAlreadyExistsException", "t1")
	for _, e := range l.events("s") {
		if aws.ToString(e.ClientRequestToken) != "t1" {
			t.Errorf("event %s %s has token %q", *e.LogicalResourceId, e.ResourceStatus, aws.ToString(e.ClientRequestToken))
		}
	}

	cs := l.changeSet("s", "c", single(`"Value": "b"`), types.ChangeSetTypeUpdate)
	execute := &cloudformation.ExecuteChangeSetInput{ChangeSetName: cs.ChangeSetId, ClientRequestToken: aws.String("t2")}
	for range 2 {
		if _, err := l.cfn.ExecuteChangeSet(t.Context(), execute); err != nil {
			t.Fatal(err)
		}
		l.expect("s", "UPDATE_COMPLETE")
	}
	if n := l.happened("s", "s UPDATE_IN_PROGRESS"); n != 1 {
		t.Errorf("the change set ran %d times", n)
	}
	execute.ClientRequestToken = aws.String("t3")
	_, err = l.cfn.ExecuteChangeSet(t.Context(), execute)
	refused(t, err, "InvalidChangeSetStatus", "EXECUTE_COMPLETE")
}

func TestBadRequestsGetCloudFormationsErrors(t *testing.T) {
	role := `{"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": {%s"AssumeRolePolicyDocument": {}}}}}`
	cases := map[string]struct {
		template, code, text string
		capabilities         []types.Capability
		role                 string
	}{
		"a role needs an acknowledged capability":   {template: strings.Replace(role, "%s", "", 1), code: "InsufficientCapabilitiesException", text: "Requires capabilities : [CAPABILITY_IAM]"},
		"a named role needs the stronger one":       {template: strings.Replace(role, "%s", `"RoleName": "x", `, 1), code: "InsufficientCapabilitiesException", text: "[CAPABILITY_NAMED_IAM]", capabilities: []types.Capability{types.CapabilityCapabilityIam}},
		"a type nobody knows":                       {template: `{"Resources": {"A": {"Type": "Alien::Space::Ship"}}}`, code: "ValidationError", text: "Template format error: Unrecognized resource types: [Alien::Space::Ship]"},
		"a custom resource whose code we can't run": {template: `{"Resources": {"A": {"Type": "Custom::Thing"}}}`, code: "NotImplemented", text: "cannot make the custom resource A of type Custom::Thing"},
		"no resources":                              {template: `{"Resources": {}}`, code: "ValidationError", text: "At least one Resources member must be defined"},
		"broken JSON":                               {template: `{"Resources": `, code: "ValidationError", text: "JSON not well-formed"},
		"broken YAML":                               {template: "Resources:\n  A: [", code: "ValidationError", text: "YAML not well-formed"},
		"a reference to nothing":                    {template: single(`"Value": {"Ref": "Nobody"}`), code: "ValidationError", text: "Unresolved resource dependencies [Nobody] in the Resources block"},
		"an output of nothing":                      {template: `{"Resources": {"A": {"Type": "AWS::SNS::Topic"}}, "Outputs": {"O": {"Value": {"Ref": "Nobody"}}}}`, code: "ValidationError", text: "[Nobody] in the Outputs block"},
		"a circle":                                  {template: `{"Resources": {"A": {"Type": "AWS::SNS::Topic", "DependsOn": "B"}, "B": {"Type": "AWS::SNS::Topic", "DependsOn": "A"}}}`, code: "ValidationError", text: "Circular dependency between resources: [A, B]"},
		"a parameter without value":                 {template: `{"Parameters": {"P": {"Type": "String"}}, "Resources": {"A": {"Type": "AWS::SNS::Topic"}}}`, code: "ValidationError", text: "Parameters: [P] must have values"},
		"a value that is not allowed":               {template: `{"Parameters": {"P": {"Type": "String", "Default": "x", "AllowedValues": ["a"]}}, "Resources": {"A": {"Type": "AWS::SNS::Topic"}}}`, code: "ValidationError", text: "must be one of AllowedValues"},
		"an SSM parameter that isn't there":         {template: `{"Parameters": {"P": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/cdk-bootstrap/hnb659fds/version"}}, "Resources": {"A": {"Type": "AWS::SNS::Topic"}}}`, code: "ValidationError", text: "Unable to fetch parameters [/cdk-bootstrap/hnb659fds/version] from parameter store for this account."},
		"a rule that doesn't hold":                  {template: `{"Rules": {"R": {"Assertions": [{"Assert": {"Fn::Contains": [["a"], "b"]}, "AssertDescription": "too old"}]}}, "Resources": {"A": {"Type": "AWS::SNS::Topic"}}}`, code: "ValidationError", text: "too old"},
		"a body of more than 51,200 bytes":          {template: `{"Description": "` + strings.Repeat("x", 51_200) + `", "Resources": {"A": {"Type": "AWS::SNS::Topic"}}}`, code: "ValidationError", text: "less than or equal to 51200"},
		"a transform":                               {template: `{"Transform": "AWS::Serverless-2016-10-31", "Resources": {"A": {"Type": "AWS::SNS::Topic"}}}`, code: "NotImplemented", text: "Serverless"},
		"a service role that doesn't exist":         {template: single(``), code: "ValidationError", text: "is invalid or cannot be assumed", role: "arn:aws:iam::123456789012:role/nobody"},
	}
	l := newLab(t, localaws.Config{})
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			in := &cloudformation.CreateStackInput{StackName: aws.String("s"), TemplateBody: &tc.template, Capabilities: tc.capabilities}
			if tc.role != "" {
				in.RoleARN = &tc.role
			}
			_, err := l.cfn.CreateStack(t.Context(), in)
			refused(t, err, tc.code, tc.text)
		})
	}
	_, err := l.cfn.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String("s")})
	refused(t, err, "ValidationError", "Stack with id s does not exist")
}

func TestTemplateComesFromOurS3UpToOneMegabyte(t *testing.T) {
	l := newLab(t, localaws.Config{})
	if _, err := l.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("templates")}); err != nil {
		t.Fatal(err)
	}
	l.put("templates", "ok.json", single(``)+strings.Repeat(" ", 900_000))
	l.put("templates", "big.json", single(``)+strings.Repeat(" ", 1_000_000))
	url := "https://s3.eu-central-1.amazonaws.com/templates/"
	create := func(key string) error {
		_, err := l.cfn.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: aws.String("s"), TemplateURL: aws.String(url + key)})
		return err
	}
	refused(t, create("big.json"), "ValidationError", "Template may not exceed 1000000 bytes in size.")
	refused(t, create("none.json"), "ValidationError", "S3 error: The specified key does not exist.")
	if err := create("ok.json"); err != nil {
		t.Fatal(err)
	}
	l.expect("s", "CREATE_COMPLETE")
}

func (l *lab) put(bucket, key, body string) {
	l.Helper()
	if _, err := l.s3.PutObject(l.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(body)}); err != nil {
		l.Fatal(err)
	}
}

func TestNestedStackIsMadeChangedAndRemovedWithItsParent(t *testing.T) {
	l := newLab(t, localaws.Config{})
	if _, err := l.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("templates")}); err != nil {
		t.Fatal(err)
	}
	child := func(fail string) string {
		return `{"Parameters": {"V": {"Type": "String"}},
			"Resources": {"Inner": {"Type": "Local::Test::Resource", "Properties": {"Value": {"Ref": "V"}, "FailOn": "` + fail + `"}}},
			"Outputs": {"Out": {"Value": {"Fn::GetAtt": ["Inner", "Value"]}}}}`
	}
	l.put("templates", "child.json", child(""))
	l.put("templates", "bad.json", child("Update"))
	parent := func(key, value string) string {
		return `{"Resources": {"Child": {"Type": "AWS::CloudFormation::Stack", "Properties": {
			"TemplateURL": "` + l.url + `/templates/` + key + `", "Parameters": {"V": "` + value + `"}}}},
			"Outputs": {"O": {"Value": {"Fn::GetAtt": ["Child", "Outputs.Out"]}}}}`
	}
	st := l.create("parent", parent("child.json", "one"), "CREATE_COMPLETE")
	if got := outputs(st)["O"]; got != "one" {
		t.Errorf("output = %q", got)
	}
	cs := l.changeSet("parent", "cs", parent("child.json", "two"), types.ChangeSetTypeUpdate, func(in *cloudformation.CreateChangeSetInput) { in.IncludeNestedStacks = aws.Bool(true) })
	inner, err := l.cfn.DescribeChangeSet(t.Context(), &cloudformation.DescribeChangeSetInput{ChangeSetName: cs.Changes[0].ResourceChange.ChangeSetId})
	if err != nil || len(inner.Changes) != 1 || *inner.Changes[0].ResourceChange.LogicalResourceId != "Inner" {
		t.Fatalf("nested change set: %+v, %v", inner, err)
	}
	st = l.execute(cs, "UPDATE_COMPLETE")
	if got := outputs(st)["O"]; got != "two" {
		t.Errorf("output = %q after the update", got)
	}
	st = l.update("parent", parent("bad.json", "three"), "UPDATE_ROLLBACK_COMPLETE")
	if got := outputs(st)["O"]; got != "two" {
		t.Errorf("output = %q after the rollback", got)
	}
	l.remove("parent", "DELETE_COMPLETE")
	for _, s := range l.CloudFormation.Stacks() {
		if s.Status != "DELETE_COMPLETE" {
			t.Errorf("stack %s is %s", s.Name, s.Status)
		}
	}
}

func TestWaitConditionWaitsForItsSignal(t *testing.T) {
	l := newLab(t, localaws.Config{})
	template := `{"Resources": {
		"Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
		"Wait": {"Type": "AWS::CloudFormation::WaitCondition", "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "60"}}}}`
	if _, err := l.cfn.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: aws.String("s"), TemplateBody: &template}); err != nil {
		t.Fatal(err)
	}
	for l.happened("s", "Wait CREATE_IN_PROGRESS Resource creation Initiated") == 0 {
		time.Sleep(2 * time.Millisecond)
	}
	if got := l.stack("s").StackStatus; got != types.StackStatusCreateInProgress {
		t.Fatalf("stack is %s before the signal", got)
	}
	d, err := l.cfn.DescribeStackResource(t.Context(), &cloudformation.DescribeStackResourceInput{StackName: aws.String("s"), LogicalResourceId: aws.String("Handle")})
	if err != nil {
		t.Fatal(err)
	}
	body := strings.NewReader(`{"Status": "SUCCESS", "UniqueId": "1", "Data": "d", "Reason": "r"}`)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, *d.StackResourceDetail.PhysicalResourceId, body)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("signal: %v, %v", response, err)
	}
	_ = response.Body.Close()
	l.expect("s", "CREATE_COMPLETE")
}

func TestParametersConditionsAndMappingsShapeTheStack(t *testing.T) {
	l := newLab(t, localaws.Config{})
	template := `
Parameters:
  Stage: {Type: String, Default: dev}
  Names: {Type: CommaDelimitedList, Default: "a, b,c"}
Mappings:
  Size: {dev: {n: 1}, prod: {n: 9}}
Conditions:
  Prod: !Equals [!Ref Stage, prod]
Resources:
  Always:
    Type: Local::Test::Resource
    Properties:
      Value: !Join ["-", [!Ref Stage, !FindInMap [Size, !Ref Stage, n], !Select [1, !Ref Names]]]
      Name: !If [Prod, grand, !Ref "AWS::NoValue"]
  OnlyProd:
    Type: AWS::SNS::Topic
    Condition: Prod
Outputs:
  V: {Value: !GetAtt Always.Value}
  T: {Value: !Ref OnlyProd, Condition: Prod}
`
	st := l.create("s", template, "CREATE_COMPLETE")
	if got := outputs(st); len(got) != 1 || got["V"] != "dev-1-b" {
		t.Errorf("outputs = %v", got)
	}
	st = l.update("s", template, "UPDATE_COMPLETE", func(in *cloudformation.UpdateStackInput) {
		in.Parameters = []types.Parameter{{ParameterKey: aws.String("Stage"), ParameterValue: aws.String("prod")}}
	})
	if got := outputs(st); len(got) != 2 || got["V"] != "prod-9-b" {
		t.Errorf("outputs = %v", got)
	}
	st = l.update("s", template, "UPDATE_COMPLETE", func(in *cloudformation.UpdateStackInput) {
		in.Parameters = []types.Parameter{{ParameterKey: aws.String("Stage"), ParameterValue: aws.String("dev")}}
	})
	if got := outputs(st); len(got) != 1 || len(l.Cloud.List(place(), "AWS::SNS::Topic")) != 0 {
		t.Errorf("outputs = %v, topic kept", got)
	}
}
