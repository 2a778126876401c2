package cdk

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"awscdk.dev/operator/internal/problem"
)

// recorded is an assembly that aws-cdk-lib 2.276.0 wrote of testdata/app.
const recorded = "testdata/assembly"

func readRecorded(t *testing.T) *Assembly {
	t.Helper()
	a, err := ReadAssembly(recorded)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// wantReason fails the test unless err is a *problem.Problem of the reason whose
// message has all the parts.
func wantReason(t *testing.T, err error, kind *problem.Kind, parts ...string) *problem.Problem {
	t.Helper()
	e, ok := errors.AsType[*problem.Problem](err)
	if !ok || !errors.Is(err, kind) {
		t.Fatalf("error is %#v, want %s", err, kind)
	}
	for _, part := range parts {
		if !strings.Contains(e.Message, part) {
			t.Errorf("message has no %q:\n%s", part, e.Message)
		}
	}
	if len(e.Message) > problem.MaxMessage {
		t.Errorf("message has %d bytes", len(e.Message))
	}
	return e
}

func TestStacksComeAfterThoseTheyNeed(t *testing.T) {
	var names []string
	for _, s := range readRecorded(t).Stacks() {
		names = append(names, s.DisplayName)
	}
	want := []string{"Bare", "Base", "Legacy", "Noted", "Web", "Prod/Api"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}

func TestFind(t *testing.T) {
	for name, want := range map[string]string{
		"Web":          "Web",
		"Base":         "Base",
		"company-base": "Base",
		"Prod/Api":     "ProdApi2466CF1F",
		"Prod-Api":     "ProdApi2466CF1F",
	} {
		t.Run(name+" is found", func(t *testing.T) {
			s, err := readRecorded(t).Find(name)
			if err != nil {
				t.Fatal(err)
			}
			if s.ArtifactID != want {
				t.Errorf("found %s, want %s", s.ArtifactID, want)
			}
		})
	}
}

func TestFindListsWhatThereIs(t *testing.T) {
	_, err := readRecorded(t).Find("Webb")
	wantReason(t, err, ErrStackNotInApp, `"Webb"`, "Base (company-base)", "Prod/Api (Prod-Api)", "spec.stackName")
}

func TestFindOfAnAmbiguousName(t *testing.T) {
	dir := assemblyOf(t, map[string]any{
		"Eu": stackArtifact("aws://111111111111/eu-west-1", map[string]any{"stackName": "shop"}),
		"Us": stackArtifact("aws://111111111111/us-east-1", map[string]any{"stackName": "shop"}),
	})
	a, err := ReadAssembly(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Find("shop")
	wantReason(t, err, ErrStackAmbiguous, "Eu (Eu in eu-west-1 of 111111111111), Us (Us in us-east-1 of 111111111111)", "spec.stackName")
	s, err := a.FindIn("shop", Environment{Account: "111111111111", Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	if s.ArtifactID != "Us" {
		t.Errorf("found %s, want the stack pinned to the region", s.ArtifactID)
	}
}

// TestAdviceOnNamesCanBeFollowed takes every name that a message advises and
// finds the stack by it.
func TestAdviceOnNamesCanBeFollowed(t *testing.T) {
	const anywhere = "aws://unknown-account/unknown-region"
	dir := assemblyOf(t, map[string]any{
		"ProdApiv21": stackIn(anywhere, "Prod/Api_v2", "shop"),
		"TestApiv22": stackIn(anywhere, "Test/Api_v2", "shop"),
		"Web":        stackIn(anywhere, "Web", "Other"),
		"Other":      stackIn(anywhere, "Other", "Web"),
	})
	a, err := ReadAssembly(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Find("shop")
	wantReason(t, err, ErrStackAmbiguous, "ProdApiv21 (Prod/Api_v2", "TestApiv22 (Test/Api_v2")
	_, err = a.Find("nothing")
	wantReason(t, err, ErrStackNotInApp, "ProdApiv21 (shop)", "TestApiv22 (shop)", "Other (Web)", "Web (Other)")
	for _, name := range []string{"ProdApiv21", "TestApiv22", "Web", "Other"} {
		if s, err := a.Find(name); err != nil || s.ArtifactID != name {
			t.Errorf("%s finds %v, %v", name, s, err)
		}
	}
}

func TestTheNamesOfMessagesAreThoseOfTheSchema(t *testing.T) {
	crd, err := os.ReadFile("../../api/v1alpha1/cdktsstack_types.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`self\.matches\('(.*?)'\)",message="stackName`).FindSubmatch(crd)
	if found == nil {
		t.Fatal("the schema has no pattern for stackName")
	}
	schema := regexp.MustCompile(string(found[1]))
	for _, name := range []string{"Web", "Prod/Api", "prod-api-2", "Prod/Api_v2", "my.stack", "2nd", "a b", ""} {
		if schema.MatchString(name) != allowedName.MatchString(name) {
			t.Errorf("%q is judged otherwise than by the schema", name)
		}
	}
}

// stackIn is a stack's artifact with a construct path and a CloudFormation name.
func stackIn(environment, path, name string) map[string]any {
	artifact := stackArtifact(environment, map[string]any{"stackName": name})
	artifact["displayName"] = path
	return artifact
}

// missingVPC is an assembly in which the stack A, and B when both is true,
// looked in vain for a VPC.
func missingVPC(t *testing.T, reason string, both bool) *Assembly {
	t.Helper()
	const anywhere = "aws://unknown-account/unknown-region"
	failed := stackArtifact(anywhere, nil)
	if reason != "" {
		failed["metadata"] = map[string]any{"/A": []map[string]any{{"type": "aws:cdk:error", "data": reason}}}
	}
	artifacts := map[string]any{"A": failed, "B": stackArtifact(anywhere, nil)}
	if both {
		artifacts["B"] = failed
	}
	dir := assemblyOf(t, artifacts)
	writeJSON(t, filepath.Join(dir, "manifest.json"), map[string]any{
		"version": "55.0.0", "artifacts": artifacts,
		"missing": []map[string]any{{"key": "vpc-provider:x", "provider": "vpc-provider"}},
	})
	a, err := ReadAssembly(dir)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestALookUpThatFailedSaysWhy(t *testing.T) {
	const nothing = `Could not find any VPCs matching {"filter":{"tag:Name":"nope"}}`
	for name, c := range map[string]struct {
		reason  string
		want    *problem.Kind
		outlook problem.Outlook
		parts   []string
	}{
		"what is looked for is not there": {nothing, ErrSynthFailed, problem.Retries, []string{nothing, "vpc-provider:x (vpc-provider)", "cdk.context.json"}},
		"AWS does not answer":             {"connect ECONNREFUSED 10.0.0.1:443", ErrSynthFailed, problem.Waits, []string{"ECONNREFUSED"}},
		"the credentials have expired":    {"ExpiredToken: The security token included in the request is expired", ErrCredentialsInvalid, problem.Waits, []string{"ExpiredToken"}},
		"nothing says why":                {"", ErrSynthFailed, problem.Stalls, []string{"vpc-provider:x (vpc-provider)", "from run to run"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := missingVPC(t, c.reason, false)
			e := wantReason(t, mustFind(t, a, "A").Problems(), c.want, c.parts...)
			if e.Outlook != c.outlook {
				t.Errorf("the operator %s, want %s", e.Outlook, c.outlook)
			}
		})
	}
}

func TestALookUpThatFailedForAnotherStackIsNoProblem(t *testing.T) {
	const nothing = "Could not find any VPCs matching {}"
	if err := mustFind(t, missingVPC(t, nothing, false), "B").Problems(); err != nil {
		t.Errorf("by hand B can be deployed: %v", err)
	}
	wantReason(t, mustFind(t, missingVPC(t, nothing, true), "B").Problems(), ErrSynthFailed, nothing)
	wantReason(t, mustFind(t, missingVPC(t, "", false), "B").Problems(), ErrSynthFailed, "vpc-provider:x")
}

func TestProblems(t *testing.T) {
	a := readRecorded(t)
	web, noted := mustFind(t, a, "Web"), mustFind(t, a, "Noted")
	if err := web.Problems(); err != nil {
		t.Errorf("warnings are no problems: %v", err)
	}
	wantReason(t, noted.Problems(), ErrSynthFailed, "[error] Noted: This topic must not be deployed")
}

func TestProblemsOfTheAppsOwnValidation(t *testing.T) {
	dir := assemblyOf(t, map[string]any{
		"A": stackArtifact("aws://unknown-account/unknown-region", nil),
		"B": stackArtifact("aws://unknown-account/unknown-region", nil),
	})
	write(t, filepath.Join(dir, "validation-report.json"), `{"version":"1","pluginReports":[{"pluginName":"nag","conclusion":"failure",
		"violations":[{"ruleName":"S1","description":"the bucket is public","severity":"error","violatingConstructs":[{"constructPath":"A/Bucket"}]}]}]}`)
	a, err := ReadAssembly(dir)
	if err != nil {
		t.Fatal(err)
	}
	wantReason(t, mustFind(t, a, "A").Problems(), ErrSynthFailed, "[nag] S1: the bucket is public")
	if err := mustFind(t, a, "B").Problems(); err != nil {
		t.Errorf("another stack's violation is no problem of B: %v", err)
	}
}

func TestFindingsOfTheAppsOwnValidation(t *testing.T) {
	dir := assemblyOf(t, map[string]any{
		"A": stackArtifact("aws://unknown-account/unknown-region", nil),
		"B": stackArtifact("aws://unknown-account/unknown-region", nil),
	})
	write(t, filepath.Join(dir, "validation-report.json"), `{"version":"1","pluginReports":[
		{"pluginName":"cdk-nag","conclusion":"success","violations":[
			{"ruleName":"AwsSolutions-S1","description":"no access logs","severity":"warning","violatingConstructs":[{"constructPath":"B/Bucket"},{"constructPath":"A/Bucket"}]},
			{"ruleName":"Other","description":"of B only","severity":"error","violatingConstructs":[{"constructPath":"B/Bucket"}]}],
		"suppressedViolations":[
			{"ruleName":"AwsSolutions-IAM4","description":"a managed policy","severity":"custom","customSeverity":"high","reason":"agreed in CHG-7","acknowledgedId":"x","violatingConstructs":[{"constructPath":"A/Role"}]}]}]}`)
	a, err := ReadAssembly(dir)
	if err != nil {
		t.Fatal(err)
	}
	stack := mustFind(t, a, "A")
	if err := stack.Problems(); err != nil {
		t.Errorf("nothing is refused: %v", err)
	}
	want := Findings{Violations: 1, Suppressed: 1, List: []Finding{
		{Plugin: "cdk-nag", Rule: "AwsSolutions-S1", Severity: "warning", Message: "no access logs", Path: "A/Bucket"},
		{Plugin: "cdk-nag", Rule: "AwsSolutions-IAM4", Severity: "high", Message: "a managed policy", Path: "A/Role", Suppressed: true, Reason: "agreed in CHG-7"},
	}}
	if diff := cmp.Diff(want, stack.Findings()); diff != "" {
		t.Error(diff)
	}
}

func TestFindingsAreBounded(t *testing.T) {
	dir := assemblyOf(t, map[string]any{"A": stackArtifact("aws://unknown-account/unknown-region", nil)})
	one := map[string]any{"ruleName": strings.Repeat("r", 5000), "description": strings.Repeat("d", 5000), "severity": "info", "reason": strings.Repeat("y", 5000), "violatingConstructs": []any{map[string]any{"constructPath": "A/" + strings.Repeat("p", 5000)}}}
	writeJSON(t, filepath.Join(dir, "validation-report.json"), map[string]any{"version": "1", "pluginReports": []any{map[string]any{"pluginName": "p", "conclusion": "success", "violations": slices.Repeat([]any{one}, 20), "suppressedViolations": slices.Repeat([]any{one}, 500)}}})
	a, err := ReadAssembly(dir)
	if err != nil {
		t.Fatal(err)
	}
	f := mustFind(t, a, "A").Findings()
	text, err := json.Marshal(f)
	if err != nil || f.Violations != 20 || f.Suppressed != 500 || len(f.List) != 30 || len(text) > 32<<10 {
		t.Errorf("%d and %d, %d listed in %d bytes, %v", f.Violations, f.Suppressed, len(f.List), len(text), err)
	}
}

func TestAssembliesThatAreRefused(t *testing.T) {
	const here = "aws://unknown-account/unknown-region"
	for name, c := range map[string]struct {
		artifacts map[string]any
		extra     map[string]any
		reason    *problem.Kind
		part      string
	}{
		"a schema of another kind":   {nil, map[string]any{"version": "100.1.0", "minimumCliVersion": "3.1.0"}, ErrAssemblyInvalid, "3.1.0"},
		"no version":                 {nil, map[string]any{"version": "new"}, ErrAssemblyInvalid, `"new"`},
		"a template outside by dots": {map[string]any{"S": stackArtifact(here, map[string]any{"templateFile": "../../etc/passwd"})}, nil, ErrAssemblyInvalid, "outside"},
		"an absolute template":       {map[string]any{"S": stackArtifact(here, map[string]any{"templateFile": "/etc/passwd"})}, nil, ErrAssemblyInvalid, "outside"},
		"a template outside by link": {map[string]any{"S": stackArtifact(here, map[string]any{"templateFile": "link"})}, nil, ErrAssemblyInvalid, "outside"},
		"a nested assembly outside":  {map[string]any{"N": map[string]any{"type": typeAssembly, "properties": map[string]any{"directoryName": "../x"}}}, nil, ErrAssemblyInvalid, "outside"},
		"an assembly nested in itself": {map[string]any{"N": map[string]any{"type": typeAssembly, "properties": map[string]any{"directoryName": "."}}}, nil,
			ErrAssemblyInvalid, "deep"},
		"an environment that is none":  {map[string]any{"S": stackArtifact("here", nil)}, nil, ErrAssemblyInvalid, `"here"`},
		"properties of another shape":  {map[string]any{"S": map[string]any{"type": typeStack, "environment": here, "properties": []int{1}}}, nil, ErrAssemblyInvalid, "properties of S"},
		"an asset manifest outside":    {map[string]any{"S": map[string]any{"type": typeStack, "environment": here, "properties": map[string]any{"templateFile": "S.template.json"}, "dependencies": []string{"A"}}, "A": map[string]any{"type": typeAssets, "properties": map[string]any{"file": "/x"}}}, nil, ErrAssemblyInvalid, "outside"},
		"a metadata file that is none": {map[string]any{"S": map[string]any{"type": typeStack, "environment": here, "properties": map[string]any{"templateFile": "S.template.json"}, "additionalMetadataFile": "S.template.json"}}, nil, ErrAssemblyInvalid, "S.template.json"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := assemblyOf(t, c.artifacts)
			if c.extra != nil {
				m := map[string]any{"version": "55.0.0", "artifacts": c.artifacts}
				for key, value := range c.extra {
					m[key] = value
				}
				writeJSON(t, filepath.Join(dir, "manifest.json"), m)
			}
			if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link")); err != nil {
				t.Fatal(err)
			}
			_, err := ReadAssembly(dir)
			wantReason(t, err, c.reason, c.part)
		})
	}
}

func TestAssembliesThatAreNotThere(t *testing.T) {
	_, err := ReadAssembly(filepath.Join(t.TempDir(), "none"))
	wantReason(t, err, ErrAssemblyInvalid, "cdk.json")
	_, err = ReadAssembly(t.TempDir())
	wantReason(t, err, ErrAssemblyInvalid, "manifest.json")
}

// assemblyOf writes an assembly of artifacts, each stack with a template.
func assemblyOf(t *testing.T, artifacts map[string]any) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	writeJSON(t, filepath.Join(dir, "manifest.json"), map[string]any{"version": "55.0.0", "artifacts": artifacts})
	write(t, filepath.Join(dir, "S.template.json"), `{"Resources":{"Topic":{"Type":"AWS::SNS::Topic","Metadata":{"aws:cdk:path":"S/Topic/Resource"}}}}`)
	return dir
}

// stackArtifact is a stack's artifact with the template of assemblyOf.
func stackArtifact(environment string, properties map[string]any) map[string]any {
	all := map[string]any{"templateFile": "S.template.json"}
	for key, value := range properties {
		all[key] = value
	}
	return map[string]any{"type": typeStack, "environment": environment, "properties": all}
}

func mustFind(t *testing.T, a *Assembly, name string) *Stack {
	t.Helper()
	s, err := a.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func writeJSON(t *testing.T, path string, value any) {
	t.Helper()
	content, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, string(content))
}
