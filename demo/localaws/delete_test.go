package localaws_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"awscdk.dev/operator/demo/localaws"
	"awscdk.dev/operator/demo/localaws/cloud"
)

func place() cloud.Place { return cloud.Place{Account: "123456789012", Region: "eu-central-1"} }

func TestDeletedStackIsFoundByItsARNOnly(t *testing.T) {
	l := newLab(t, localaws.Config{})
	l.create("pair", pair("a", "b"), "CREATE_COMPLETE")
	l.remove("pair", "DELETE_COMPLETE")
	_, err := l.cfn.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String("pair")})
	refused(t, err, "ValidationError", "Stack with id pair does not exist")
	if _, err := l.cfn.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: aws.String("pair")}); err != nil {
		t.Errorf("deleting a stack that is gone: %v", err)
	}
	if left := l.Cloud.All(); len(left) > 0 {
		t.Errorf("left behind: %+v", left)
	}
}

func TestBucketWithObjectsFailsTheDeletionUntilItIsRetained(t *testing.T) {
	l := newLab(t, localaws.Config{})
	template := `{"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "full"}}, "T": {"Type": "AWS::SNS::Topic"}}}`
	l.create("s", template, "CREATE_COMPLETE")
	if _, err := l.s3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("full"), Key: aws.String("k"), Body: strings.NewReader("x")}); err != nil {
		t.Fatal(err)
	}
	st := l.remove("s", "DELETE_FAILED")
	if got, want := aws.ToString(st.StackStatusReason), "The following resource(s) failed to delete: [B]. "; got != want {
		t.Errorf("reason = %q, want %q", got, want)
	}
	l.remove("s", "DELETE_COMPLETE", "B")
	if _, err := l.s3.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("full")}); err != nil {
		t.Errorf("the retained bucket is gone: %v", err)
	}
}

func TestPoliciesRetainResources(t *testing.T) {
	l := newLab(t, localaws.Config{})
	keep := func(value string) string {
		return `{"Resources": {"It": {"Type": "Local::Test::Resource", "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain", "Properties": {"Immutable": "` + value + `"}}}}`
	}
	l.create("s", keep("a"), "CREATE_COMPLETE")
	l.update("s", keep("b"), "UPDATE_COMPLETE")
	l.remove("s", "DELETE_COMPLETE")
	if n := len(l.Cloud.List(place(), "Local::Test::Resource")); n != 2 {
		t.Errorf("%d resources were retained, want 2", n)
	}
}

func TestProtectedStackIsNotDeleted(t *testing.T) {
	l := newLab(t, localaws.Config{})
	l.create("s", single(``), "CREATE_COMPLETE", func(in *cloudformation.CreateStackInput) { in.EnableTerminationProtection = aws.Bool(true) })
	_, err := l.cfn.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: aws.String("s")})
	refused(t, err, "ValidationError", "cannot be deleted while TerminationProtection is enabled")
	in := &cloudformation.UpdateTerminationProtectionInput{StackName: aws.String("s"), EnableTerminationProtection: aws.Bool(false)}
	if _, err := l.cfn.UpdateTerminationProtection(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	l.remove("s", "DELETE_COMPLETE")
}

func TestExportInUseCanNeitherChangeNorGo(t *testing.T) {
	l := newLab(t, localaws.Config{})
	exporter := func(value string) string {
		return `{"Resources": {"It": {"Type": "Local::Test::Resource", "Properties": {"Value": "` + value + `"}}},
			"Outputs": {"V": {"Value": {"Fn::GetAtt": ["It", "Value"]}, "Export": {"Name": "the-value"}}}}`
	}
	l.create("giver", exporter("one"), "CREATE_COMPLETE")
	l.create("taker", single(`"Value": {"Fn::ImportValue": "the-value"}`), "CREATE_COMPLETE")
	st := l.update("giver", exporter("two"), "UPDATE_ROLLBACK_COMPLETE")
	if l.happened("giver", "giver UPDATE_ROLLBACK_IN_PROGRESS Cannot update export the-value as it is in use by taker.") != 1 {
		t.Errorf("history:\n%s", strings.Join(l.history("giver"), "\n"))
	}
	if outputs(st)["V"] != "one" {
		t.Errorf("outputs = %v", outputs(st))
	}
	l.remove("giver", "DELETE_FAILED")
	l.remove("taker", "DELETE_COMPLETE")
	l.remove("giver", "DELETE_COMPLETE")
}

func TestDeletionStopsACreation(t *testing.T) {
	l := newLab(t, localaws.Config{})
	template := `{"Resources": {
		"P": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/p", "Type": "String", "Value": "x"}},
		"Slow": {"Type": "Local::Test::Resource", "DependsOn": "P", "Properties": {"Delay": "1h"}}}}`
	if _, err := l.cfn.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: aws.String("s"), TemplateBody: &template}); err != nil {
		t.Fatal(err)
	}
	l.remove("s", "DELETE_COMPLETE")
	if left := l.Cloud.All(); len(left) > 0 {
		t.Errorf("left behind: %+v", left)
	}
}
