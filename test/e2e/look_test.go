package e2e

import (
	"errors"
	"strings"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/test/e2e/rig"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/smithy-go"
)

// hasEvent waits for an event of that reason about an object.
func (w *world) hasEvent(t *testing.T, obj *v1alpha1.CdkTsStack, reason string) {
	t.Helper()
	awstest.Eventually(t, "there is an event "+reason+" about "+obj.Name, func() bool {
		for _, e := range w.Events(t, obj.Namespace) {
			if e.Regarding.Name == obj.Name && e.Reason == reason {
				return true
			}
		}
		return false
	})
}

// calls counts the calls of an action about a stack that AWS carried out.
func (w *world) calls(t *testing.T, action, stackName string) int {
	t.Helper()
	n := 0
	for _, c := range w.AWS.Calls(t, action) {
		// The target is the stack's name or ARN, and the change set's.
		name, _, _ := strings.Cut(c.Target, " ")
		if c.Error == "" && c.Status < 300 && (name == stackName || strings.Contains(name, ":stack/"+stackName+"/")) {
			n++
		}
	}
	return n
}

// stackStatus is what CloudFormation says of a stack; "" when there is none.
func (w *world) stackStatus(t *testing.T, name string) string {
	t.Helper()
	api := cloudformation.New(cloudformation.Options{
		Region: rig.Region, BaseEndpoint: &w.AWS.URL, Credentials: credentials.NewStaticCredentialsProvider(keyID, secretKey, ""),
	})
	out, err := api.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String(name)})
	// CloudFormation has no better code for a stack that does not exist.
	if refused, ok := errors.AsType[smithy.APIError](err); ok && refused.ErrorCode() == "ValidationError" {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out.Stacks[0].StackStatus)
}
