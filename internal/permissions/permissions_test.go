package permissions

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// side is one side of a resource with these properties.
func side(properties string) json.RawMessage {
	if properties == "" {
		return nil
	}
	return json.RawMessage(`{"Properties":` + properties + `}`)
}

func TestWhatAChangeNewlyAllows(t *testing.T) {
	policy := func(statements string) string {
		return `{"Roles":["Web"],"PolicyDocument":{"Version":"2012-10-17","Statement":[` + statements + `]}}`
	}
	const read = `{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}`
	for name, c := range map[string]struct {
		typ, before, after string
		want               []string
	}{
		"a policy that is added": {"AWS::IAM::Policy", "", policy(read), []string{"the role Web may s3:GetObject on arn:aws:s3:::b/*"}},
		"one more action": {
			"AWS::IAM::Policy", policy(read), policy(`{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::b/*"}`),
			[]string{"the role Web may s3:PutObject on arn:aws:s3:::b/*"},
		},
		"fewer actions":       {"AWS::IAM::Policy", policy(`{"Effect":"Allow","Action":"s3:*","Resource":"*"}`), policy(read), nil},
		"the same, reordered": {"AWS::IAM::Policy", policy(read + `,{"Effect":"Allow","Action":["a:B","a:C"],"Resource":"*"}`), policy(`{"Resource":["*"],"Action":["A:C","a:b"],"Effect":"Allow"},` + read), nil},
		"a policy as text":    {"AWS::IAM::Policy", policy(read), fmt.Sprintf(`{"Roles":["Web"],"PolicyDocument":%q}`, `{"Statement":`+read+`}`), nil},
		"all actions": {
			"AWS::IAM::ManagedPolicy", policy(read), policy(`{"Effect":"Allow","Action":"*","Resource":"*"}`), []string{"the role Web may * on *"},
		},
		"everything but": {
			"AWS::IAM::Policy", policy(read), policy(`{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}`), []string{"the role Web may everything but iam:* on *"},
		},
		"everything but, as before": {
			"AWS::IAM::Policy", policy(`{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}`), policy(`{"NotAction":"iam:*","Resource":"*","Effect":"Allow"}`), nil,
		},
		"a condition that goes": {
			"AWS::IAM::Policy", policy(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}`),
			policy(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}`), []string{"the role Web may s3:GetObject on *"},
		},
		"a condition that comes": {
			"AWS::IAM::Policy", policy(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}`),
			policy(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}`), nil,
		},
		"a denial that goes": {
			"AWS::S3::BucketPolicy", `{"PolicyDocument":{"Statement":[{"Effect":"Deny","Action":"s3:*","Principal":"*","Resource":"*"}]}}`, `{"PolicyDocument":{"Statement":[]}}`,
			[]string{"no longer denied: anyone may s3:* on *"},
		},
		"a policy with a denial that is removed": {
			"AWS::S3::BucketPolicy", `{"PolicyDocument":{"Statement":[{"Effect":"Deny","Action":"s3:*","Principal":{"AWS":"*"},"Resource":"*"},{"Effect":"Allow","Action":"s3:*","Principal":{"AWS":"111122223333"},"Resource":"*"}]}}`, "",
			[]string{"no longer denied: anyone may s3:* on *"},
		},
		"an account by its two names": {
			"AWS::KMS::Key", `{"KeyPolicy":{"Statement":{"Effect":"Allow","Action":"kms:*","Principal":{"AWS":"111122223333"},"Resource":"*"}}}`,
			`{"KeyPolicy":{"Statement":{"Effect":"Allow","Action":"kms:*","Principal":{"AWS":["arn:aws:iam::111122223333:root"]},"Resource":"*"}}}`, nil,
		},
		"somebody else may assume the role": {
			"AWS::IAM::Role", `{"AssumeRolePolicyDocument":{"Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"lambda.amazonaws.com"}}]}}`,
			`{"AssumeRolePolicyDocument":{"Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":["ec2.amazonaws.com","lambda.amazonaws.com"]}}]}}`,
			[]string{"ec2.amazonaws.com may sts:AssumeRole"},
		},
		"a managed policy": {
			"AWS::IAM::Role", `{"ManagedPolicyArns":["a"]}`, `{"ManagedPolicyArns":["a","arn:aws:iam::aws:policy/AdministratorAccess"]}`,
			[]string{"the managed policy arn:aws:iam::aws:policy/AdministratorAccess is attached to the role"},
		},
		"an inline policy": {
			"AWS::IAM::Role", `{}`, `{"Policies":[{"PolicyName":"p","PolicyDocument":{"Statement":[` + read + `]}}]}`, []string{"the role may s3:GetObject on arn:aws:s3:::b/*"},
		},
		"no boundary any more": {"AWS::IAM::User", `{"PermissionsBoundary":"b"}`, `{}`, []string{"the user has no permissions boundary any more, which was b"}},
		"a policy for one more": {
			"AWS::IAM::Policy", policy(read), strings.Replace(policy(read), `["Web"]`, `["Web","Api"]`, 1), []string{"the role Api gets what the policy allows"},
		},
		"a policy that is only known later": {"AWS::SQS::QueuePolicy", `{"PolicyDocument":{"Statement":[]}}`, `{"PolicyDocument":"{{changeSet:KNOWN_AFTER_APPLY}}"}`, []string{"its policy is known only once the change is executed"}},
		"a resource that is only known later": {
			"AWS::IAM::Policy", policy(read), policy(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"{{changeSet:KNOWN_AFTER_APPLY}}"}`), []string{"the role Web may s3:GetObject on (known once executed)"},
		},
		"a function that anyone may call": {
			"AWS::Lambda::Permission", "", `{"Action":"lambda:InvokeFunction","Principal":"*","FunctionName":"f"}`, []string{"anyone may lambda:InvokeFunction on f"},
		},
		"a function that a rule may call": {
			"AWS::Lambda::Permission", "", `{"Action":"lambda:InvokeFunction","Principal":"events.amazonaws.com","FunctionName":"f","SourceArn":"arn:r"}`, []string{"events.amazonaws.com may lambda:InvokeFunction on f, under conditions"},
		},
		"a port": {
			"AWS::EC2::SecurityGroup", `{"SecurityGroupIngress":[{"IpProtocol":"tcp","FromPort":443,"ToPort":443,"CidrIp":"10.0.0.0/8"}]}`,
			`{"SecurityGroupIngress":[{"IpProtocol":"tcp","FromPort":"443","ToPort":"443","CidrIp":"10.1.0.0/16"},{"IpProtocol":"6","FromPort":22,"ToPort":22,"CidrIp":"0.0.0.0/0"}]}`,
			[]string{"TCP port 22 may pass from 0.0.0.0/0 (anywhere)"},
		},
		"more ports": {
			"AWS::EC2::SecurityGroupIngress", `{"GroupId":"sg","IpProtocol":"tcp","FromPort":80,"ToPort":80,"SourceSecurityGroupId":"sg-1"}`,
			`{"GroupId":"sg","IpProtocol":"tcp","FromPort":80,"ToPort":90,"SourceSecurityGroupId":"sg-1"}`, []string{"TCP ports 80 to 90 may pass from sg-1"},
		},
		"a wider block": {
			"AWS::EC2::SecurityGroupIngress", `{"GroupId":"sg","IpProtocol":"tcp","FromPort":80,"ToPort":80,"CidrIpv6":"2001:db8::/64"}`,
			`{"GroupId":"sg","IpProtocol":"-1","CidrIpv6":"2001:db8::/32"}`, []string{"all traffic may pass from 2001:db8::/32"},
		},
		"a group without egress rules": {
			"AWS::EC2::SecurityGroup", `{"SecurityGroupEgress":[{"IpProtocol":"tcp","FromPort":443,"ToPort":443,"CidrIp":"0.0.0.0/0"}]}`, `{"GroupDescription":"d"}`,
			[]string{"all traffic may pass to 0.0.0.0/0 (anywhere)", "all traffic may pass to ::/0 (anywhere)"},
		},
		"narrower egress": {
			"AWS::EC2::SecurityGroup", `{"GroupDescription":"d"}`, `{"SecurityGroupEgress":[{"IpProtocol":"tcp","FromPort":443,"ToPort":443,"CidrIp":"0.0.0.0/0"}]}`, nil,
		},
		"a public bucket": {
			"AWS::S3::Bucket", `{"PublicAccessBlockConfiguration":{"BlockPublicAcls":true,"BlockPublicPolicy":"true"}}`, `{"PublicAccessBlockConfiguration":{"BlockPublicAcls":"true","BlockPublicPolicy":false}}`,
			[]string{"public access to the bucket is no longer blocked by BlockPublicPolicy"},
		},
		"an endpoint without a policy": {"AWS::EC2::VPCEndpoint", `{"PolicyDocument":{"Statement":[]}}`, `{"VpcId":"v"}`, []string{"everything may pass the endpoint, which has no policy any more"}},
		"a key that is removed":        {"AWS::KMS::Key", `{"KeyPolicy":{"Statement":{"Effect":"Deny","Action":"kms:*","Principal":"*","Resource":"*"}}}`, "", nil},
		"what allows nothing":          {"AWS::SNS::Topic", `{}`, `{"DisplayName":"x"}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := Widened(Change{Type: c.typ, Before: side(c.before), After: side(c.after), Added: c.before == "", Removed: c.after == ""})
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if c.before == "" || c.after == "" {
				return
			}
			if same := Widened(Change{Type: c.typ, Before: side(c.after), After: side(c.after)}); len(same) > 0 && !strings.Contains(same[0], "known only once") {
				t.Errorf("what does not change is told: %q", same)
			}
		})
	}
}

func TestWhatIsNotShownCountsAsWidened(t *testing.T) {
	for name, c := range map[string]struct {
		change Change
		tells  bool
	}{
		"a policy that changes":        {Change{Type: "AWS::IAM::Policy", Properties: []string{"PolicyDocument"}}, true},
		"a policy that is added":       {Change{Type: "AWS::IAM::Policy", Added: true}, true},
		"tags of a role":               {Change{Type: "AWS::IAM::Role", Properties: []string{"Tags"}}, false},
		"a policy that is removed":     {Change{Type: "AWS::S3::BucketPolicy", Removed: true}, true},
		"a topic":                      {Change{Type: "AWS::SNS::Topic", Properties: []string{"DisplayName"}}, false},
		"one side of a policy":         {Change{Type: "AWS::IAM::Policy", Before: side(`{}`), Properties: []string{"PolicyDocument"}}, true},
		"a side that is none":          {Change{Type: "AWS::IAM::Policy", Before: side(`{}`), After: json.RawMessage(`[1]`), Properties: []string{"PolicyDocument"}}, true},
		"a policy of another shape":    {Change{Type: "AWS::IAM::Policy", Before: side(`{}`), After: side(`{"PolicyDocument":7}`)}, true},
		"statements of another shape":  {Change{Type: "AWS::IAM::Policy", Before: side(`{}`), After: side(`{"PolicyDocument":{"Statement":["x"]}}`)}, true},
		"properties of another shape":  {Change{Type: "AWS::EC2::SecurityGroup", Before: side(`{}`), After: side(`{"SecurityGroupIngress":"{{changeSet:KNOWN_AFTER_APPLY}}"}`)}, true},
		"inline policies that are odd": {Change{Type: "AWS::IAM::Role", Before: side(`{}`), After: side(`{"Policies":"x"}`)}, true},
	} {
		if got := Widened(c.change); (len(got) > 0) != c.tells {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// A policy at the bounds of IAM's quotas is compared in a bounded time, and one
// beyond them as a whole.
func TestAHugePolicyIsComparedAsAWhole(t *testing.T) {
	var items []string
	for n := range 2000 {
		items = append(items, fmt.Sprintf(`"a:%d"`, n))
	}
	document := func(actions []string) json.RawMessage {
		all := strings.Join(actions, ",")
		return side(`{"PolicyDocument":{"Statement":[{"Effect":"Allow","Action":[` + all + `],"Resource":[` + all + `]}]}}`)
	}
	c := Change{Type: "AWS::IAM::Policy", Before: document(items), After: document(items)}
	if got := Widened(c); got != nil {
		t.Errorf("the same: %q", got)
	}
	slices.Reverse(items)
	c.After = document(items)
	if got := Widened(c); len(got) != 1 {
		t.Errorf("%d sentences", len(got))
	}
}

func FuzzWidened(f *testing.F) {
	f.Add("AWS::IAM::Policy", `{"PolicyDocument":{"Statement":[{"Effect":"Allow","Action":"a*?b","Resource":"*"}]}}`, `{"PolicyDocument":"{}"}`)
	f.Add("AWS::EC2::SecurityGroup", `{"SecurityGroupIngress":[{"IpProtocol":"tcp","FromPort":1e9,"CidrIp":"::/0"}]}`, `{}`)
	f.Fuzz(func(t *testing.T, typ, before, after string) {
		c := Change{Type: typ, Before: side(before), After: side(after)}
		a, b := Widened(c), Widened(c)
		if !slices.Equal(a, b) {
			t.Errorf("two answers: %q, %q", a, b)
		}
	})
}
