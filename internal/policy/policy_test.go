package policy_test

import (
	"strings"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/policy"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// judge evaluates one file of rules, and gives its findings as lines.
func judge(t *testing.T, rules string, plan policy.Plan) []string {
	t.Helper()
	return judgeAll(t, []policy.Source{{Name: "team", Where: "ConfigMap a/team", Files: map[string]string{"rules.yaml": rules}}}, plan)
}

func judgeAll(t *testing.T, sources []policy.Source, plan policy.Plan) []string {
	t.Helper()
	var c policy.Compiler
	set, err := c.Compile(sources)
	if err != nil {
		t.Fatal(err)
	}
	findings, err := set.Evaluate(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range findings {
		lines = append(lines, strings.Join([]string{string(f.Enforcement), f.Policy, f.Rule, f.LogicalID, f.Message}, " | "))
	}
	return lines
}

// plan is one of a stack that has a topic with a name and one without.
func plan() policy.Plan {
	return policy.Plan{
		StackName: "Web", Account: "111122223333", Region: "eu-central-1", Revision: "aaaa", Parameters: map[string]string{"Size": "5"}, Tags: map[string]string{"team": "a"},
		Template: []byte(`{"Resources":{"One":{"Type":"AWS::SNS::Topic","Properties":{"DisplayName":"one"}},"Two":{"Type":"AWS::SNS::Topic","DeletionPolicy":"Retain"}}}`),
		Object:   &v1alpha1.CdkTsStack{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "team-a", Labels: map[string]string{"stage": "prod"}}},
		Changes: []policy.Change{
			{LogicalID: "One", Path: "Web/One", Type: "AWS::SNS::Topic", Action: v1alpha1.ChangeAdd},
			{LogicalID: "Two", Type: "AWS::SNS::Topic", Action: v1alpha1.ChangeModify, Changed: []string{"/Properties/DisplayName"}, Before: []byte(`{"Properties":{"DisplayName":"two"}}`)},
			{LogicalID: "Old", Type: "AWS::SQS::Queue", Action: v1alpha1.ChangeRemove, Before: []byte(`{"Properties":{"QueueName":"jobs"}}`)},
		},
	}
}

func TestRules(t *testing.T) {
	for name, c := range map[string]struct {
		rules string
		want  []string
	}{
		"a rule is asked about each resource of its types": {
			`rules: [{name: named, resources: ["AWS::SNS::*"], expression: has(resource.properties.DisplayName), message: name it}]`,
			[]string{"Deny | team | named | Two | name it"},
		},
		"removals are asked about when the rule says so": {
			`rules: [{name: kept, resources: ["*"], actions: [Remove], expression: "false", messageExpression: "resource.type + ' ' + resource.before.QueueName + ' goes'"}]`,
			[]string{"Deny | team | kept | Old | AWS::SQS::Queue jobs goes"},
		},
		"a rule without resources is about the plan": {
			`rules: [{name: few, expression: plan.counts.remove == 0 && plan.changes.size() < 3, messageExpression: "'%d to remove from %s in %s'.format([plan.counts.remove, plan.stackName, plan.region])"}]`,
			[]string{"Deny | team | few |  | 1 to remove from Web in eu-central-1"},
		},
		"it sees the template, parameters, tags and the object": {
			`rules:
- {name: template, expression: "template.Resources.all(id, r, r.Type != 'AWS::SNS::Topic' || r.?DeletionPolicy.orValue('') == 'Retain')", message: retain topics, enforcement: Warn}
- {name: plan, expression: "plan.parameters.Size == '5' && plan.tags.team == 'a' && plan.revision == 'aaaa'", message: m}
- {name: object, expression: "object.metadata.labels.stage == 'prod' && object.metadata.namespace == 'team-a' && !object.spec.?suspend.orValue(false)", message: m}`,
			[]string{"Warn | team | template |  | retain topics"},
		},
		"it sees what a resource was and what changes": {
			`rules: [{name: same, resources: ["*"], actions: [Modify], expression: "resource.before.DisplayName == 'two' && resource.changed == ['/Properties/DisplayName'] && resource.action == 'Modify' && resource.template.DeletionPolicy == 'Retain' && resource.path == ''", message: m}]`,
			nil,
		},
		"rules of other objects are passed over": {
			`{match: "object.metadata.labels.?stage.orValue('') == 'dev'", rules: [{name: never, expression: "false", message: m}]}`, nil,
		},
		"what is absent makes a rule fail, with the resource": {
			`rules: [{name: named, resources: ["AWS::SNS::Topic"], expression: "resource.properties.DisplayName != ''", message: name it}]`,
			[]string{"Deny | team | named | Two | the rule could not be evaluated: no such key: DisplayName: write .?name for what may be absent"},
		},
		"a match that fails holds the plan": {
			`{match: "object.metadata.labels.nosuch == 'dev'", rules: [{name: never, expression: "true", message: m}]}`,
			[]string{"Deny | team | match |  | the rule could not be evaluated: no such key: nosuch: write .?name for what may be absent"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := judge(t, c.rules, plan())
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}
