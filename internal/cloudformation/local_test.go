package cloudformation

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/internal/decide"
)

var testKeys = Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "test-secret-key"}

// cloud is a local AWS with a bucket for templates and a client of it.
type cloud struct {
	*awstest.Server
	*Client
}

func newCloud(tb testing.TB, flags ...string) cloud {
	tb.Helper()
	server := awstest.Start(tb, append([]string{"--speed", "20"}, flags...)...)
	server.Bucket(tb, "templates")
	clients := NewClients(Options{Now: time.Now, Rate: 1000, Burst: 1000})
	return cloud{server, clients.For(Target{Credentials: testKeys, Region: awstest.Region})}
}

// tree is JSON in the making.
type tree = map[string]any

// template is one with the given resources, outputs and parameters.
type template struct {
	Resources  tree
	Outputs    tree `json:",omitempty"`
	Parameters tree `json:",omitempty"`
}

func parameter(name string, value any) tree {
	return tree{"Type": "AWS::SSM::Parameter", "Properties": tree{"Name": name, "Type": "String", "Value": value}}
}

func topic(display string) tree {
	return tree{"Type": "AWS::SNS::Topic", "Properties": tree{"DisplayName": display}}
}

func failing(message string) tree {
	return tree{"Type": "Local::Test::Resource", "Properties": tree{"FailOn": "Create,Update", "Message": message}}
}

func nestedStack(url string) tree {
	return tree{"Type": "AWS::CloudFormation::Stack", "Properties": tree{"TemplateURL": url}}
}

func (t template) json(tb testing.TB) string {
	tb.Helper()
	data, err := json.Marshal(t)
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}

// plan publishes a template.
func (c cloud) plan(tb testing.TB, t template) v1alpha1.Plan {
	tb.Helper()
	key := strings.ReplaceAll(tb.Name(), "/", "-") + "-" + time.Now().Format("150405.000000000") + ".json"
	return v1alpha1.Plan{StackName: "app", TemplateURL: c.Put(tb, "templates", key, t.json(tb))}
}

// change creates a change set and waits for it.
func (c cloud) change(tb testing.TB, r ChangeSetRequest) decide.ChangeSet {
	tb.Helper()
	if err := c.CreateChangeSet(tb.Context(), r); err != nil {
		tb.Fatal(err)
	}
	var seen decide.ChangeSet
	awstest.Eventually(tb, "the change set is made", func() bool {
		seen = c.ChangeSet(tb.Context(), r.StackName, r.Name)
		if seen.Err != nil {
			tb.Fatal(seen.Err)
		}
		return seen.Status == "CREATE_COMPLETE" || seen.Status == "FAILED"
	})
	return seen
}

// deploy brings a stack about and waits until its operation has ended.
func (c cloud) deploy(tb testing.TB, operation string, p v1alpha1.Plan) decide.Stack {
	tb.Helper()
	create := !c.Stack(tb.Context(), p.StackName).Exists
	name := "op-" + operation
	seen := c.change(tb, ChangeSetRequest{StackName: p.StackName, Name: name, Token: name, Create: create, Plan: p})
	if seen.Status != "CREATE_COMPLETE" {
		tb.Fatalf("change set: %+v", seen)
	}
	if err := c.ExecuteChangeSet(tb.Context(), Execution{StackID: seen.StackID, ChangeSet: name, Token: name}); err != nil {
		tb.Fatal(err)
	}
	return c.settled(tb, seen.StackID)
}

// settled waits for the end of a stack's operation.
func (c cloud) settled(tb testing.TB, stackID string) decide.Stack {
	tb.Helper()
	var seen decide.Stack
	awstest.Eventually(tb, "the stack settles", func() bool {
		seen = c.Stack(tb.Context(), stackID)
		if seen.Err != nil {
			tb.Fatal(seen.Err)
		}
		return !strings.HasSuffix(seen.Status, "_IN_PROGRESS")
	})
	return seen
}
