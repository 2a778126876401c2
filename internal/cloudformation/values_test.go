package cloudformation

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"awscdk.dev/operator/internal/decide"
)

func TestAPlanHasTheValuesThatChange(t *testing.T) {
	c := newCloud(t)
	inner := func(display string) string {
		return c.plan(t, template{Resources: tree{"Deep": topic(display)}}).TemplateURL
	}
	first, second := inner("deep one"), inner("deep two")
	c.deploy(t, "1", c.plan(t, template{Resources: tree{"Config": parameter("/app/config", "one"), "Gone": topic("x"), "Inner": nestedStack(first)}}))
	plan := c.plan(t, template{Resources: tree{"Config": parameter("/app/config", "two"), "New": topic("y"), "Inner": nestedStack(second)}})
	seen := c.change(t, ChangeSetRequest{StackName: "app", Name: "op-2", Token: "op-2", Plan: plan})
	got := map[string]decide.Change{}
	for _, change := range seen.Changes {
		got[change.LogicalID] = change
		if change.Unvalued() {
			t.Errorf("the values of %s are not known", change.LogicalID)
		}
	}
	property := func(side json.RawMessage, name string) any {
		var shown struct{ Properties map[string]any }
		if err := json.Unmarshal(side, &shown); err != nil {
			t.Errorf("%s: %v", side, err)
		}
		return shown.Properties[name]
	}
	if r := got["Config"]; property(r.Before, "Value") != "one" || property(r.After, "Value") != "two" || len(r.Details) != 1 {
		t.Fatalf("the parameter that changes: %+v", r)
	}
	if d := got["Config"].Details[0]; d.Path != "/Properties/Value" || *d.Before != "one" || *d.After != "two" || d.Change != "Modify" || d.Recreates {
		t.Errorf("its value: %+v", d)
	}
	if r := got["New"]; r.Before != nil || property(r.After, "DisplayName") != "y" {
		t.Errorf("the topic that is added: %+v", r)
	}
	if r := got["Gone"]; r.After != nil || property(r.Before, "DisplayName") != "x" {
		t.Errorf("the topic that is removed: %+v", r)
	}
	if r := got["Inner/Deep"]; property(r.Before, "DisplayName") != "deep one" || property(r.After, "DisplayName") != "deep two" {
		t.Errorf("the topic of the nested stack: %+v", r)
	}
	if seen.NoValues != "" {
		t.Errorf("values are missing: %s", seen.NoValues)
	}
}

// described is a CloudFormation with one change set, whose changes it gives
// with and without values.
func described(plain, valued string) *canned {
	return &canned{answers: map[string]func(url.Values) string{"DescribeChangeSet": func(form url.Values) string {
		changes := plain
		if form.Get("IncludePropertyValues") == "true" {
			changes = valued
		}
		return "<Status>CREATE_COMPLETE</Status><Changes>" + changes + "</Changes>"
	}}}
}

func modified(id, context string) string {
	return fmt.Sprintf("<member><Type>Resource</Type><ResourceChange><Action>Modify</Action><LogicalResourceId>%s</LogicalResourceId><Details><member><Target><Attribute>Properties</Attribute><Name>Size</Name></Target></member></Details>%s</ResourceChange></member>", id, context)
}

// CloudFormation leaves out a resource whose values it cannot show, see
// aws-cdk-cli#1780.
func TestAResourceWhoseValuesAreNotShownIsInThePlan(t *testing.T) {
	sides := "<BeforeContext>{}</BeforeContext><AfterContext>{}</AfterContext>"
	s := described(modified("Json", "")+modified("Plain", ""), modified("Plain", sides))
	seen := s.client(t).ChangeSet(t.Context(), "app", "op-1")
	if seen.Err != nil || len(seen.Changes) != 2 || seen.Changes[0].LogicalID != "Json" || !seen.Changes[0].Unvalued() || seen.Changes[1].Unvalued() {
		t.Errorf("the plan: %+v", seen)
	}
	if !strings.Contains(seen.NoValues, "Json") {
		t.Errorf("nothing says that values are missing: %q", seen.NoValues)
	}
}

func TestAPlanIsTheSameWithAndWithoutValues(t *testing.T) {
	sides := "<BeforeContext>{}</BeforeContext><AfterContext>{}</AfterContext>"
	with := described(modified("A", ""), modified("A", sides)).client(t).ChangeSet(t.Context(), "app", "op-1")
	without := described(modified("A", ""), "").client(t).ChangeSet(t.Context(), "app", "op-1")
	a, errA := json.Marshal(with.Changes)
	b, errB := json.Marshal(without.Changes)
	if errA != nil || errB != nil || string(a) != string(b) || !strings.Contains(string(a), "Size") {
		t.Errorf("what the digest is of differs: %s, %s", a, b)
	}
}

func TestAPlanWhoseValuesAreRefusedIsReadWithout(t *testing.T) {
	for code, transient := range map[string]bool{"AccessDenied": false, "ValidationError": false, "Throttling": true} {
		s := &canned{}
		s.answers = map[string]func(url.Values) string{"DescribeChangeSet": func(form url.Values) string {
			if form.Get("IncludePropertyValues") == "true" {
				s.refuse(code)
			}
			return "<Status>CREATE_COMPLETE</Status><Changes>" + modified("A", "") + "</Changes>"
		}}
		seen := s.client(t).ChangeSet(t.Context(), "app", "op-1")
		switch {
		case transient && seen.Err == nil:
			t.Errorf("%s passes by itself, and the plan was read without values: %+v", code, seen)
		case !transient && (seen.Err != nil || len(seen.Changes) != 1 || !strings.Contains(seen.NoValues, code)):
			t.Errorf("%s: %+v", code, seen)
		}
	}
}

func TestTheValuesOfAPlanAreBounded(t *testing.T) {
	var plain, valued strings.Builder
	large := strings.Repeat("x", maxContext-100)
	for n := range 100 {
		plain.WriteString(modified(fmt.Sprint("R", n), ""))
		valued.WriteString(modified(fmt.Sprint("R", n), fmt.Sprintf(`<BeforeContext>{"Properties":{"A":"%s"}}</BeforeContext><AfterContext>{"Properties":{"A":"%s"}}</AfterContext>`, large, large)))
	}
	seen := described(plain.String(), valued.String()).client(t).ChangeSet(t.Context(), "app", "op-1")
	total := 0
	for _, c := range seen.Changes {
		total += len(c.Before) + len(c.After)
	}
	if seen.Err != nil || len(seen.Changes) != 100 || total > maxValues || total == 0 || !strings.Contains(seen.NoValues, "too large") {
		t.Errorf("%d changes with %d bytes of values: %v, %q", len(seen.Changes), total, seen.Err, seen.NoValues)
	}
}

// Each nested stack whose values are read is one more request, and all are made
// within the time of one look.
func TestThePlanOfManyNestedStacksIsReadInABoundedNumberOfRequests(t *testing.T) {
	var nested strings.Builder
	for n := range maxNestedChangeSets {
		fmt.Fprintf(&nested, "<member><Type>Resource</Type><ResourceChange><Action>Modify</Action><LogicalResourceId>N%d</LogicalResourceId><ChangeSetId>arn:nested-%d</ChangeSetId></ResourceChange></member>", n, n)
	}
	s := &canned{answers: map[string]func(url.Values) string{"DescribeChangeSet": func(form url.Values) string {
		changes := modified("A", "")
		if !strings.HasPrefix(form.Get("ChangeSetName"), "arn:nested") {
			changes = nested.String()
		}
		return "<Status>CREATE_COMPLETE</Status><Changes>" + changes + "</Changes>"
	}}}
	seen := s.client(t).ChangeSet(t.Context(), "app", "op-1")
	asked := s.asked["DescribeChangeSet"]
	t.Logf("%d changes of %d nested stacks were read in %d requests", len(seen.Changes), maxNestedChangeSets, asked)
	if seen.Err != nil || seen.Unseen || seen.NoValues == "" || asked > 1+maxNestedChangeSets+maxValuedChangeSets {
		t.Errorf("%d requests, %+v", asked, seen.NoValues)
	}
}
