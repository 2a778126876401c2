package policy_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/policy"
)

func compile(rules ...string) (*policy.Set, error) {
	files := map[string]string{}
	for i, text := range rules {
		files[fmt.Sprintf("%d.yaml", i)] = text
	}
	var c policy.Compiler
	return c.Compile([]policy.Source{{Name: "team", Where: "ConfigMap a/team", Files: files}})
}

func TestMistakesAreNamedWithTheirPlace(t *testing.T) {
	rule := func(fields string) string { return "rules: [{name: r, message: m, " + fields + "}]" }
	for text, want := range map[string]string{
		"rules: [":                 "key 0.yaml: it is no list of rules: yaml: line 1",
		"[]":                       "it is no list of rules",
		"rule: []":                 `it is no list of rules: unknown field "rule"`,
		"{}":                       "it has no rules: write rules:",
		"rules: [{}]":              "rule 1: name is \"\", want at most 63 letters",
		"rules: [{name: \"a b\"}]": "rule 1: name is \"a b\"",
		"rules: [{name: a, expression: \"true\", message: m}, {name: a}]":                    "two rules are called a: rename one",
		rule(`expression: "plan.nosuch("`):                                                   "rule r: expression: line 1, column",
		rule(`expression: "true &&\n  nosuch == 1"`):                                         "rule r: expression: line 2, column 3: undeclared reference to 'nosuch'",
		rule(`expression: "1 + 1"`):                                                          "gives a int, and a bool is needed",
		rule(`expression: "resource.type == 'x'"`):                                           `undeclared reference to 'resource' (in container ''); a rule about resources names their types: resources: ["*"] for all`,
		rule(`expression: ""`):                                                               "rule r: expression: line 1",
		rule(`expression: "true", resources: []`):                                            "rule r: resources is empty",
		rule(`expression: "true", resources: [Bucket]`):                                      `rule r: resources has "Bucket", want CloudFormation types such as AWS::S3::Bucket`,
		rule(`expression: "true", resources: ["AWS::[S3::Bucket"]`):                          "rule r: resources has",
		rule(`expression: "true", resources: ["*"], actions: [Delete]`):                      `rule r: actions has "Delete", want Add, Modify`,
		rule(`expression: "true", resources: ["*"], actions: []`):                            "rule r: actions is empty",
		rule(`expression: "true", actions: [Add]`):                                           "rule r: actions goes with resources",
		rule(`expression: "true", enforcement: Audit`):                                       `rule r: enforcement is "Audit", want Deny or Warn`,
		rule(`expression: "true", messageExpression: "'x'"`):                                 "rule r: it needs one of message and messageExpression",
		`rules: [{name: r, expression: "true"}]`:                                             "rule r: it needs one of message and messageExpression",
		`rules: [{name: r, expression: "true", messageExpression: "1"}]`:                     "rule r: messageExpression: the expression gives a int, and a string is needed",
		`{match: "nosuch", rules: [{name: r, expression: "true", message: m}]}`:              "key 0.yaml: match: line 1, column 1: undeclared reference to 'nosuch'",
		"rules: [" + strings.Repeat(`{name: r, expression: "true", message: m},`, 101) + "]": "it has 101 rules, and at most 100 are taken",
		rule(`expression: "` + strings.Repeat("a", 9000) + `"`):                              "at most 8192",
		`rules: [{name: r, expression: "true", message: ` + strings.Repeat("m", 501) + `}]`:  "message has 501 bytes",
	} {
		_, err := compile(text)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "ConfigMap a/team, key 0.yaml: ") {
			t.Errorf("%.80s\ngives %v\nwant  %s", text, err, want)
		}
	}
	if _, err := compile("x", "y", "z", "1", "2", "3", "4"); err == nil || !strings.Contains(err.Error(), "and 2 more") {
		t.Errorf("many mistakes give %v", err)
	}
	if _, err := compile(); err == nil || !strings.Contains(err.Error(), "ConfigMap a/team: it has no keys in data") {
		t.Errorf("an empty ConfigMap gives %v", err)
	}
}

// many is a plan of so many resources.
func many(n int) policy.Plan {
	var plan policy.Plan
	for i := range n {
		plan.Changes = append(plan.Changes, policy.Change{
			LogicalID: fmt.Sprintf("Bucket%d", i), Type: "AWS::S3::Bucket", Action: v1alpha1.ChangeAdd,
			After: []byte(`{"Properties":{"BucketName":"a","AccessControl":"Private","Tags":[{"Key":"a","Value":"b"}]}}`),
		})
	}
	return plan
}

func TestARuleThatCostsTooMuchHoldsThePlan(t *testing.T) {
	rules := `rules:
- {name: endless, expression: "plan.changes.all(a, plan.changes.all(b, plan.changes.all(c, a.logicalId + b.logicalId + c.logicalId != '')))", message: m}
- {name: cheap, resources: ["*"], expression: "true", message: m}`
	got := judge(t, rules, many(300))
	if len(got) != 1 || !strings.HasPrefix(got[0], "Deny | team | endless |  | the rule could not be evaluated: the expression costs too much") {
		t.Errorf("%v", got)
	}
}

// All rules share one budget: what each resource costs adds up.
func TestRulesThatCostTooMuchTogetherHoldThePlan(t *testing.T) {
	set, err := compile(`rules: [{name: each, resources: ["*"], expression: "plan.changes.all(a, plan.changes.exists(b, b.logicalId == a.logicalId + 'x') || true)", message: m}]`)
	if err != nil {
		t.Fatal(err)
	}
	found, err := set.Evaluate(t.Context(), many(200))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 || len(found) >= 200 || !strings.Contains(found[len(found)-1].Message, "costs too much") {
		t.Errorf("%d findings", len(found))
	}
}

func TestAPlanOfTwoThousandResources(t *testing.T) {
	files, err := policy.BuiltIn("Baseline")
	if err != nil {
		t.Fatal(err)
	}
	got := judgeAll(t, []policy.Source{
		{Name: "baseline", Files: files},
		{Name: "team", Files: map[string]string{"a": `rules: [{name: never, resources: ["*"], expression: "false", messageExpression: "resource.logicalId"}]`}},
	}, many(2000))
	if len(got) != 1000 || !strings.Contains(got[999], "never | Bucket999") {
		t.Errorf("%d findings, the last is %s", len(got), got[len(got)-1])
	}
}

// The built-in rules stay far from the bounds, whatever the resources are.
func TestTheBuiltInRulesAreCheap(t *testing.T) {
	var template struct {
		Resources map[string]struct {
			Type       string
			Properties json.RawMessage
		}
	}
	if err := json.Unmarshal(planOfTemplate(t, "good").Template, &template); err != nil {
		t.Fatal(err)
	}
	var plan policy.Plan
	for len(plan.Changes) < 2000 {
		for id, r := range template.Resources {
			plan.Changes = append(plan.Changes, policy.Change{LogicalID: id, Type: r.Type, Action: v1alpha1.ChangeAdd, After: []byte(`{"Properties":` + string(r.Properties) + `}`)})
		}
	}
	if rules := broken(t, "Baseline", plan); len(rules) > 0 {
		t.Errorf("broken are %v", rules)
	}
}

func TestMessagesAreBounded(t *testing.T) {
	got := judge(t, `rules: [{name: long, expression: "false", messageExpression: "'x'.replace('x', 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy').replace('y', 'zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz')"}]`, plan())
	if len(got) != 1 || len(got[0]) > 600 {
		t.Errorf("%v", got)
	}
	got = judge(t, `rules: [{name: wrong, expression: "false", messageExpression: "plan.nosuch"}]`, plan())
	if len(got) != 1 || !strings.Contains(got[0], "it is not met, and messageExpression cannot say why: no such key: nosuch") {
		t.Errorf("%v", got)
	}
}

// The digest is of the policies, and of the object only when they can look at it.
func TestDigest(t *testing.T) {
	const one = `rules: [{name: r, expression: "true", message: m}]`
	const seesObject = `rules: [{name: r, expression: "object.metadata.name != ''", message: m}]`
	digest := func(text string, warns bool, o *v1alpha1.CdkTsStack) string {
		var c policy.Compiler
		set, err := c.Compile([]policy.Source{{Name: "team", Where: "here", Files: map[string]string{"a": text}, Warns: warns}})
		if err != nil {
			t.Fatal(err)
		}
		return set.Digest(o)
	}
	o, labelled := plan().Object, plan().Object
	labelled.Labels["x"] = "y"
	base := digest(one, false, o)
	if base == "" || base != digest(one, false, labelled) || base == digest(one, true, o) || base == digest(one+" ", false, o) {
		t.Error("the digest is not of the policies alone")
	}
	if digest(seesObject, false, o) == digest(seesObject, false, labelled) {
		t.Error("the digest is not of what the policies see of the object")
	}
	var c policy.Compiler
	if set, err := c.Compile(nil); err != nil || !set.Empty() || set.Digest(o) != "" {
		t.Errorf("no policies: %v", err)
	}
}

// FuzzCompile holds that whatever a ConfigMap has, it is refused with its place,
// or judges a plan within its bounds.
func FuzzCompile(f *testing.F) {
	for _, text := range []string{
		`rules: [{name: r, resources: ["AWS::S3::*"], expression: has(resource.properties.A), message: m}]`,
		`{match: "object.spec.x == 1", rules: [{name: r, expression: "plan.changes.all(c, c.type != '')", messageExpression: "'a'.format([])"}]}`,
		"rules: [", "&a [*a, *a]", `rules: [{name: r, expression: "asNumber(plan, asList(1)) == isTrue(template)", message: m, enforcement: Warn}]`,
	} {
		f.Add(text)
	}
	p := plan()
	f.Fuzz(func(t *testing.T, text string) {
		set, err := compile(text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "ConfigMap a/team, key 0.yaml: ") {
				t.Fatalf("%q gives %v", text, err)
			}
			return
		}
		found, err := set.Evaluate(t.Context(), p)
		if err != nil || len(found) > 1000 {
			t.Fatalf("%q gives %d findings, %v", text, len(found), err)
		}
		for _, finding := range found {
			if finding.Rule == "" || len(finding.Message) > 512 {
				t.Fatalf("%q gives %+v", text, finding)
			}
		}
	})
}
