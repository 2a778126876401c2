package decide

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"k8s.io/utils/ptr"

	"awscdk.dev/operator/api/v1alpha1"
)

func TestTheDetailsOfAPlanHoldNoSecret(t *testing.T) {
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	changes := []Change{
		{Action: "Add", LogicalID: "Db", Type: "AWS::RDS::DBInstance", Values: Values{After: raw(`{"Properties":{"MasterUserPassword":"hunter1","Engine":"postgres","Nested":{"apiKey":"hunter2","Port":5432}}}`)}},
		{Action: "Add", LogicalID: "Ref", Type: "AWS::RDS::DBInstance", Values: Values{After: raw(`{"Properties":{"Seed":"{{resolve:secretsmanager:hunter3:SecretString:x}}"}}`)}},
		{Action: "Add", LogicalID: "Task", Type: "AWS::ECS::TaskDefinition", Values: Values{After: raw(`{"Properties":{"ContainerDefinitions":[{"Environment":[{"Name":"DB_PASSWORD","Value":"hunter4"},{"Name":"MODE","Value":"fast"}]}]}}`)}},
		{Action: "Modify", LogicalID: "Same", Type: "AWS::ECS::TaskDefinition", Properties: []string{"ContainerDefinitions"}, Values: Values{
			Before:  raw(`{"Properties":{"ContainerDefinitions":[{"Environment":[{"Name":"DB_PASSWORD","Value":"hunter5"}]}]}}`),
			After:   raw(`{"Properties":{"ContainerDefinitions":[{"Environment":[{"Name":"DB_PASSWORD","Value":"hunter6"}]}]}}`),
			Details: []Detail{{Path: "/Properties/ContainerDefinitions/0/Environment/0/Value", Before: ptr.To("hunter5"), After: ptr.To("hunter6")}, {Path: "/Properties/Environment/Variables/AUTH_TOKEN", After: ptr.To("hunter7")}},
		}},
		{Action: "Modify", LogicalID: "Json", Type: "AWS::SSM::Parameter", Properties: []string{"Value"}, Values: Values{
			Before: raw(`{}`), After: raw(`{}`), Details: []Detail{{Path: "/Properties/Value", Before: ptr.To(`{"password":"hunter8","open":"yes"}`), After: ptr.To("plain")}},
		}},
	}
	op := &v1alpha1.Operation{ID: "op", Plan: &v1alpha1.Plan{StackName: "Web"}}
	d := Details(op, changesOf(op, changes, nil), ChangeSet{Changes: changes}, nil, 1<<20)
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), "hunter") {
		t.Errorf("secrets are in %s", data)
	}
	for _, shown := range []string{"postgres", "5432", "fast", "plain", `open\\\":\\\"yes`} {
		if !strings.Contains(string(data), strings.ReplaceAll(shown, `\\\`, `\`)) {
			t.Errorf("%s is not in %s", shown, data)
		}
	}
}

func TestTheDetailsOf2000ChangesFit(t *testing.T) {
	changes := many(2000)
	op := &v1alpha1.Operation{ID: "op", Plan: &v1alpha1.Plan{StackName: "Web"}}
	sum := changesOf(op, changes, nil)
	for _, most := range []int{900 << 10, 100 << 10, 10 << 10} {
		d := Details(op, sum, ChangeSet{Changes: changes}, nil, most)
		size := jsonSize(d)
		t.Logf("of 2,000 changes %d are told in %d KiB, %d of them without values, %d are left out", len(d.Resources), kib(size), d.WithoutValues, d.Omitted)
		if size > most || len(d.Resources)+int(d.Omitted) != 2000 || len(d.Resources) == 0 || d.WithoutValues == 0 {
			t.Errorf("with room for %d bytes: %d bytes, %d resources, %d without values, %d left out", most, size, len(d.Resources), d.WithoutValues, d.Omitted)
		}
	}
}

// many are changes of the size that those of CDK apps have, each with values.
func many(n int) []Change {
	all := make([]Change, 0, n)
	for i := range n {
		id := fmt.Sprintf("ProductionServiceHandler%04dPolicyDocument8F2A1C3D", i)
		side := func(word string) json.RawMessage {
			return json.RawMessage(fmt.Sprintf(`{"Properties":{"PolicyDocument":{"Statement":[{"Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:%s"],"Resource":"arn:aws:dynamodb:eu-central-1:111122223333:table/production-%d"}]},"Roles":["production-role-%d"]},"Metadata":{"aws:cdk:path":"Production/Service/Handler%d/ServiceRole/DefaultPolicy/Resource"}}`, word, i, i, i))
		}
		path := "/Properties/PolicyDocument/Statement/0/Action/1"
		all = append(all, Change{
			Action: "Modify", Replacement: "False", LogicalID: id, Type: "AWS::IAM::Policy", Properties: []string{"PolicyDocument"},
			Values: Values{Before: side("PutItem"), After: side("DeleteItem"), Details: []Detail{{Path: path, Change: "Modify", Before: ptr.To("dynamodb:PutItem"), After: ptr.To("dynamodb:DeleteItem")}}},
		})
	}
	return all
}

// The status of an object whose plan changes 500 resources, as a user's app has
// them, takes 64 KiB at most.
func TestTheStatusOfAPlanOf500ChangesIsSmall(t *testing.T) {
	s := newStory(t)
	s.create(t, "stackName: Web\nsource: {git: {repository: \"https://git.example/web.git\"}}\napproval: {}")
	paths := map[string]string{}
	for i := range 200 { // as many as a run brings
		paths[fmt.Sprintf("ProductionServiceHandler%04dPolicyDocument8F2A1C3D", i)] = fmt.Sprintf("Production/Service/Handler%d/DefaultPolicy/Resource", i)
	}
	s.obj.Status.Operation = &v1alpha1.Operation{
		ID: "op", Kind: v1alpha1.OperationDeploy, Step: v1alpha1.StepPlanning,
		Plan:   &v1alpha1.Plan{StackName: "Web", ConstructPaths: paths, Parameters: map[string]string{"A": strings.Repeat("x", 1000)}},
		Target: newTarget("a", SpecDigest(&s.obj.Spec), ""),
	}
	s.obj.Status.Orders, s.obj.Status.ObservedGeneration = &v1alpha1.OrdersStatus{}, 1
	seen := Observed{Head: Head{Known: true, Revision: "a", SeenAt: s.now}, Stack: Stack{Seen: true, Exists: true, ID: arn, Status: "UPDATE_COMPLETE"}, ChangeSet: ChangeSet{Seen: true, Exists: true, StackID: arn, Status: changeSetComplete, ExecutionStatus: executionAvailable, Changes: many(500)}}
	st := Decide(s.obj, seen, s.now, s.cfg).Status
	if st.Held == nil || st.Changes == nil || st.Changes.Security != 500 {
		t.Fatalf("the plan does not wait: %+v", st)
	}
	size := jsonSize(st)
	t.Logf("the status takes %d KiB, the changes %d KiB of it", kib(size), kib(jsonSize(st.Changes)))
	if size > 64<<10 {
		t.Errorf("the status takes %d bytes", size)
	}
	if most := maxChangesDetail + maxChanges*(2*maxChangedName+300); jsonSize(fitChanges(huge())) > most || most > 64<<10 {
		t.Errorf("the largest list of changes takes %d bytes, and may take %d", jsonSize(fitChanges(huge())), most)
	}
}

// huge are the changes that the bounds allow.
func huge() []v1alpha1.ResourceChange {
	name, places := strings.Repeat("n", maxChangedName), slicesOf(strings.Repeat("p", maxChangedPlaceText-1), maxChangedPlaces)
	all := make([]v1alpha1.ResourceChange, maxChanges)
	for i := range all {
		all[i] = v1alpha1.ResourceChange{
			Action: v1alpha1.ChangeReplace, Class: v1alpha1.ChangeDestructive, LogicalID: name, Type: name, Path: name, MovedFrom: name,
			Properties: places, Because: places, Allows: places, DataLoss: true, Protected: true,
		}
	}
	return all
}
