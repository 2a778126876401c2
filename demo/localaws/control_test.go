package localaws_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"awscdk.dev/operator/demo/localaws"
)

func TestAccessKeysHaveAccounts(t *testing.T) {
	cases := map[string]struct {
		config            localaws.Config
		key, account, err string
	}{
		"any key has the default account":              {key: "whatever", account: "123456789012"},
		"the default account can be chosen":            {config: localaws.Config{Account: "000000000001"}, key: "x", account: "000000000001"},
		"a known key has its own account":              {config: localaws.Config{Credentials: map[string]string{"AKIA1": "111111111111"}}, key: "AKIA1", account: "111111111111"},
		"with known keys there are no others":          {config: localaws.Config{Credentials: map[string]string{"AKIA1": "111111111111"}}, key: "other", err: "InvalidClientTokenId"},
		"a key that says it is invalid is refused":     {key: "INVALID1", err: "InvalidClientTokenId"},
		"a key that says it has expired is refused so": {key: "EXPIRED1", err: "ExpiredToken"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, tc.config)
			_, _, _, client := l.clients(tc.key, "eu-central-1")
			out, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
			if tc.err != "" {
				refused(t, err, tc.err, "security token")
				return
			}
			if err != nil || *out.Account != tc.account {
				t.Errorf("identity = %+v, %v", out, err)
			}
		})
	}
}

func TestAssumedRoleActsInItsAccount(t *testing.T) {
	l := newLab(t, localaws.Config{Credentials: map[string]string{"test": "123456789012", "own": "999999999999"}})
	role := "arn:aws:iam::999999999999:role/cdk-hnb659fds-deploy-role-999999999999-eu-central-1"
	in := &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("session")}
	_, err := l.sts.AssumeRole(t.Context(), in)
	refused(t, err, "AccessDenied", "is not authorized to perform: sts:AssumeRole on resource: "+role)
	l.Bootstrap("999999999999", "eu-central-1")
	_, err = l.sts.AssumeRole(t.Context(), in) // bootstrapped, and no account is trusted but its own
	refused(t, err, "AccessDenied", "User: arn:aws:iam::123456789012:user/local is not authorized")
	_, _, _, own := l.clients("own", "eu-central-1")
	out, err := own.AssumeRole(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	_, _, parameters, _ := l.session(*out.Credentials.AccessKeyId, *out.Credentials.SessionToken, "eu-central-1")
	version, err := parameters.GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("/cdk-bootstrap/hnb659fds/version")})
	if err != nil || *version.Parameter.Value == "" {
		t.Fatalf("the role does not see its account: %v", err)
	}
}

func TestAccountsAndRegionsAreApartButBucketsAreNot(t *testing.T) {
	l := newLab(t, localaws.Config{Credentials: map[string]string{"test": "111111111111", "other": "222222222222"}})
	l.create("s", `{"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "mine"}}}}`, "CREATE_COMPLETE")
	for _, who := range []struct{ key, region string }{{"test", "us-east-1"}, {"other", "eu-central-1"}} {
		cfn, _, _, _ := l.clients(who.key, who.region)
		_, err := cfn.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String("s")})
		refused(t, err, "ValidationError", "Stack with id s does not exist")
		_, bucket, _, _ := l.clients(who.key, who.region)
		_, err = bucket.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("mine")})
		refused(t, err, "BucketAlreadyOwnedByYou", "")
	}
}

func (l *lab) admin(method, path, body string) []byte {
	l.Helper()
	request, err := http.NewRequestWithContext(l.Context(), method, l.url+"/_localaws/"+path, strings.NewReader(body))
	if err != nil {
		l.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		l.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode >= 300 {
		l.Fatalf("%s %s: %s", method, path, response.Status)
	}
	var raw json.RawMessage
	_ = json.NewDecoder(response.Body).Decode(&raw)
	return raw
}

func TestJournalCountsWrites(t *testing.T) {
	l := newLab(t, localaws.Config{})
	l.create("pair", pair("a", "b"), "CREATE_COMPLETE")
	var journal struct {
		Counts map[string]int
		Total  int
	}
	if err := json.Unmarshal(l.admin("GET", "calls?writes=true", ""), &journal); err != nil {
		t.Fatal(err)
	}
	if journal.Total != 1 || journal.Counts["cloudformation:CreateStack"] != 1 {
		t.Errorf("journal = %+v", journal)
	}
	l.admin("DELETE", "calls", "")
	if err := json.Unmarshal(l.admin("GET", "calls", ""), &journal); err != nil || journal.Total != 0 {
		t.Errorf("journal = %+v, %v after it was emptied", journal, err)
	}
}

func TestFaultsHappenAsOftenAsAsked(t *testing.T) {
	l := newLab(t, localaws.Config{})
	identity := func() error {
		_, err := l.sts.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		return err
	}
	l.admin("POST", "faults", `{"service": "sts", "action": "GetCallerIdentity", "count": 2, "code": "AccessDenied", "message": "no", "status": 403}`)
	refused(t, identity(), "AccessDenied", "no")
	refused(t, identity(), "AccessDenied", "no")
	if err := identity(); err != nil {
		t.Errorf("third call: %v", err)
	}
	l.admin("POST", "faults", `{"service": "sts", "skip": 1, "status": 503, "code": "ServiceUnavailable"}`)
	if err := identity(); err != nil {
		t.Errorf("skipped call: %v", err)
	}
	refused(t, identity(), "ServiceUnavailable", "")
	l.admin("POST", "faults", `{"service": "sts", "hang": true}`)
	if _, err := l.sts.GetCallerIdentity(short(t), &sts.GetCallerIdentityInput{}); err == nil {
		t.Error("a hanging call was answered")
	}
}

func TestLostAnswerDidTheWork(t *testing.T) {
	l := newLab(t, localaws.Config{})
	l.admin("POST", "faults", `{"service": "cloudformation", "action": "CreateStack", "status": 500, "after": true}`)
	_, err := l.cfn.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: aws.String("s"), TemplateBody: aws.String(single(``))})
	refused(t, err, "InternalFailure", "")
	l.expect("s", "CREATE_COMPLETE")
}

func TestResourceFaultFailsTheResource(t *testing.T) {
	l := newLab(t, localaws.Config{})
	l.admin("POST", "faults", `{"service": "resource", "action": "AWS::SNS::Topic:Create", "code": "Boom", "message": "topic trouble"}`)
	l.create("pair", pair("a", "b"), "ROLLBACK_COMPLETE")
	if l.happened("pair", `Topic CREATE_FAILED Resource handler returned message: "topic trouble"`) != 1 {
		t.Errorf("history:\n%s", strings.Join(l.history("pair"), "\n"))
	}
}

func TestThrottledCallsAreRefused(t *testing.T) {
	l := newLab(t, localaws.Config{})
	l.admin("POST", "throttles", `{"service": "cloudformation", "action": "ListStacks", "rate": 0.001, "burst": 2}`)
	list := func() error {
		_, err := l.cfn.ListStacks(t.Context(), &cloudformation.ListStacksInput{})
		return err
	}
	if err := list(); err != nil {
		t.Fatal(err)
	}
	if err := list(); err != nil {
		t.Fatal(err)
	}
	refused(t, list(), "Throttling", "Rate exceeded")
	l.admin("POST", "throttles", `{"service": "cloudformation", "action": "ListStacks", "rate": 0}`)
	if err := list(); err != nil {
		t.Errorf("after the throttle was lifted: %v", err)
	}
}

func TestUnknownOperationIsRefusedLoudly(t *testing.T) {
	var log strings.Builder
	l := newLab(t, localaws.Config{Log: &log})
	_, err := l.cfn.ListTypes(t.Context(), &cloudformation.ListTypesInput{})
	refused(t, err, "NotImplemented", "cloudformation:ListTypes")
	if !strings.Contains(log.String(), "cloudformation:ListTypes") {
		t.Errorf("log = %q", log.String())
	}
}

func TestARoleMayWantSessionTagsAndAnExternalID(t *testing.T) {
	l := newLab(t, localaws.Config{})
	l.create("roles", `{"Resources": {
		"Plain": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "plain", "AssumeRolePolicyDocument": {"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}}}},
		"Strict": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "strict", "AssumeRolePolicyDocument": {"Statement": [{"Effect": "Allow", "Action": "sts:*", "Principal": {"AWS": "*"},
			"Condition": {"StringEquals": {"aws:RequestTag/team": ["a", "b"], "sts:ExternalId": "x1"}}}]}}}}}`, "CREATE_COMPLETE", func(in *cloudformation.CreateStackInput) {
		in.Capabilities = []cfntypes.Capability{"CAPABILITY_NAMED_IAM"}
	})
	tag := func(key, value string) []types.Tag { return []types.Tag{{Key: &key, Value: &value}} }
	for name, tc := range map[string]struct {
		role     string
		in       sts.AssumeRoleInput
		code, is string
	}{
		"no tags, none wanted":            {"plain", sts.AssumeRoleInput{}, "", ""},
		"tags where they are not trusted": {"plain", sts.AssumeRoleInput{Tags: tag("team", "a")}, "AccessDenied", "sts:TagSession"},
		"what is wanted":                  {"strict", sts.AssumeRoleInput{Tags: tag("team", "b"), ExternalId: aws.String("x1"), TransitiveTagKeys: []string{"team"}}, "", ""},
		"no external id":                  {"strict", sts.AssumeRoleInput{Tags: tag("team", "b")}, "AccessDenied", "sts:AssumeRole"},
		"another value":                   {"strict", sts.AssumeRoleInput{Tags: tag("team", "c"), ExternalId: aws.String("x1")}, "AccessDenied", "sts:AssumeRole"},
		"a tag with an odd character":     {"strict", sts.AssumeRoleInput{Tags: tag("team", "${x}")}, "ValidationError", "not allowed"},
		"a transitive key without a tag":  {"strict", sts.AssumeRoleInput{TransitiveTagKeys: []string{"team"}}, "ValidationError", "team"},
		"too long a session":              {"plain", sts.AssumeRoleInput{DurationSeconds: aws.Int32(7200)}, "ValidationError", "MaxSessionDuration"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.in.RoleArn, tc.in.RoleSessionName = aws.String("arn:aws:iam::123456789012:role/"+tc.role), aws.String("me")
			_, err := l.sts.AssumeRole(t.Context(), &tc.in)
			if tc.code != "" {
				refused(t, err, tc.code, tc.is)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}
