package cdk

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"awscdk.dev/operator/internal/problem"
)

var ireland = Environment{Account: "123456789012", Region: "eu-west-1"}

func TestResolve(t *testing.T) {
	web := mustFind(t, readRecorded(t), "Web")
	got, err := web.Resolve(ireland)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.Abs(recorded)
	if err != nil {
		t.Fatal(err)
	}
	object := strings.TrimPrefix(got.TemplateObject, "s3://cdk-hnb659fds-assets-123456789012-eu-west-1/")
	yes := true
	want := Resolved{
		StackName: "Web", ArtifactID: "Web", Account: "123456789012", Region: "eu-west-1",
		TemplateFile:          dir + "/Web.template.json",
		TemplateURL:           "https://s3.eu-west-1.amazonaws.com/cdk-hnb659fds-assets-123456789012-eu-west-1/" + object,
		NotificationARNs:      []string{"arn:aws:sns:eu-west-1:123456789012:ops"},
		TerminationProtection: &yes,
		DeployRoleARN:         "arn:aws:iam::123456789012:role/cdk-hnb659fds-deploy-role-123456789012-eu-west-1",
		LookupRoleARN:         "arn:aws:iam::123456789012:role/cdk-hnb659fds-lookup-role-123456789012-eu-west-1",
		ExecutionRoleARN:      "arn:aws:iam::123456789012:role/cdk-hnb659fds-cfn-exec-role-123456789012-eu-west-1",
		BootstrapVersion:      6,
		BootstrapParameter:    "/cdk-bootstrap/hnb659fds/version",
		DependsOn:             []string{"company-base"},
		AssetManifests:        []string{dir + "/Web.assets.json"},
		ConstructPaths: map[string]string{
			"AuditNestedStackAuditNestedStackResourceF69BD105": "Web/Audit.NestedStack/Audit.NestedStackResource",
			"Greeting7772ECD5": "Web/Greeting/Resource",
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Resolved{}, "TemplateDigest", "TemplateObject"), cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	if len(got.TemplateDigest) != 64 || !strings.HasSuffix(object, ".json") || strings.Contains(object, "/") {
		t.Errorf("digest %q, object %q", got.TemplateDigest, got.TemplateObject)
	}
}

func TestResolveOfOtherSynthesizers(t *testing.T) {
	a := readRecorded(t)
	for _, name := range []string{"Bare", "Legacy"} {
		r, err := mustFind(t, a, name).Resolve(ireland)
		if err != nil {
			t.Fatal(err)
		}
		if r.TemplateURL != "" || r.TemplateObject != "" || len(r.AssetManifests) > 0 {
			t.Errorf("%s publishes nothing, yet resolves to %+v", name, r)
		}
	}
}

func TestResolveKeepsTagsAndTheNameOfCloudFormation(t *testing.T) {
	r, err := mustFind(t, readRecorded(t), "Base").Resolve(ireland)
	if err != nil {
		t.Fatal(err)
	}
	if r.StackName != "company-base" || r.Tags["team"] != "web" {
		t.Errorf("resolved to %s with tags %v", r.StackName, r.Tags)
	}
}

func TestResolveOutsideOfThePinnedEnvironment(t *testing.T) {
	api := mustFind(t, readRecorded(t), "Prod/Api")
	if _, err := api.Resolve(ireland); err != nil {
		t.Errorf("the pinned environment itself: %v", err)
	}
	for name, c := range map[string]struct {
		env   Environment
		parts []string
	}{
		"another region":             {Environment{Account: "123456789012", Region: "us-east-1"}, []string{"region eu-west-1", "spec.awsRegion is us-east-1"}},
		"another account":            {Environment{Account: "999999999999", Region: "eu-west-1"}, []string{"account 123456789012", "account 999999999999"}},
		"another account and region": {Environment{Account: "999999999999", Region: "us-east-1"}, []string{"eu-west-1", "us-east-1", "123456789012", "999999999999"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := api.Resolve(c.env)
			if wantReason(t, err, ErrWrongEnvironment, c.parts...).Outlook != problem.Stalls {
				t.Error("only a change of spec or app helps, yet it does not stall")
			}
		})
	}
}

func TestResolveInOtherPartitions(t *testing.T) {
	web := mustFind(t, readRecorded(t), "Web")
	for region, want := range map[string][2]string{
		"cn-north-1":     {"https://s3.cn-north-1.amazonaws.com.cn/", "arn:aws-cn:iam:"},
		"us-gov-west-1":  {"https://s3.us-gov-west-1.amazonaws.com/", "arn:aws-us-gov:iam:"},
		"eusc-de-east-1": {"https://s3.eusc-de-east-1.amazonaws.eu/", "arn:aws-eusc:iam:"},
	} {
		r, err := web.Resolve(Environment{Account: "123456789012", Region: region})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(r.TemplateURL, want[0]) || !strings.HasPrefix(r.DeployRoleARN, want[1]) {
			t.Errorf("%s: %s, %s", region, r.TemplateURL, r.DeployRoleARN)
		}
	}
}

func TestResolveWithoutAnAccount(t *testing.T) {
	_, err := mustFind(t, readRecorded(t), "Web").Resolve(Environment{Region: "eu-west-1"})
	wantReason(t, err, ErrWrongEnvironment, "account", "credentials")
}

func TestResolveOfATemplateThatIsTooLarge(t *testing.T) {
	dir := assemblyOf(t, map[string]any{"S": stackArtifact("aws://unknown-account/unknown-region", nil)})
	write(t, filepath.Join(dir, "S.template.json"), `{"Description":"`+strings.Repeat("x", maxTemplate)+`"}`)
	a, err := ReadAssembly(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = mustFind(t, a, "S").Resolve(ireland)
	wantReason(t, err, ErrTemplateTooLarge, "1048576", "nested stacks")
}

func TestResolveTakesConstructPathsFromTheTemplate(t *testing.T) {
	dir := assemblyOf(t, map[string]any{"S": stackArtifact("aws://unknown-account/unknown-region", nil)})
	a, err := ReadAssembly(dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := mustFind(t, a, "S").Resolve(ireland)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"Topic": "S/Topic/Resource"}, r.ConstructPaths); diff != "" {
		t.Error(diff)
	}
}

func TestResolveKeepsWhatTheAppAsksOfASession(t *testing.T) {
	tags := func(value string) map[string]any {
		return map[string]any{"Tags": []map[string]string{{"Key": "account", "Value": value}}}
	}
	dir := assemblyOf(t, map[string]any{"S": stackArtifact("aws://unknown-account/unknown-region", map[string]any{
		"assumeRoleArn": "arn:r", "assumeRoleAdditionalOptions": tags("${AWS::AccountId}"),
		"lookupRole":       map[string]any{"arn": "arn:l", "assumeRoleAdditionalOptions": tags("look")},
		"notificationArns": []string{},
	})})
	a, err := ReadAssembly(dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := mustFind(t, a, "S").Resolve(ireland)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(r.DeployRoleOptions); !strings.Contains(got, `"123456789012"`) {
		t.Errorf("deploy role: %s", got)
	}
	if got := string(r.LookupRoleOptions); !strings.Contains(got, `"look"`) {
		t.Errorf("look-up role: %s", got)
	}
	if r.NotificationARNs == nil {
		t.Error("an empty list of topics is no more told apart from none")
	}
}
