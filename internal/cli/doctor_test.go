package cli_test

import (
	"net"
	"os"
	"strings"
	"testing"

	"awscdk.dev/operator/internal/awsconfig/awstest"
)

// TestDoctorAsksAWS asks the local AWS, with keys of one's own.
func TestDoctorAsksAWS(t *testing.T) {
	aws := awstest.Start(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
	s := &folder{t: t, dir: t.TempDir()}
	s.create("", `
apiVersion: awscdk.dev/v1alpha1
kind: CdkTsStack
metadata: {name: ours, namespace: default}
spec: {stackName: Web, awsRegion: eu-west-1, source: {git: {repository: https://git.example/web.git}}}
---
apiVersion: awscdk.dev/v1alpha1
kind: CdkTsStack
metadata: {name: theirs, namespace: default}
spec: {stackName: Web, source: {git: {repository: https://git.example/web.git}}}
status: {stackId: "arn:aws:cloudformation:us-east-1:999999999999:stack/Web/6f5c"}
---
apiVersion: awscdk.dev/v1alpha1
kind: CdkTsStack
metadata: {name: newer, namespace: default}
spec: {stackName: Web, awsRegion: eu-central-1, source: {git: {repository: https://git.example/web.git}}}
status:
  deployed:
    at: "2026-02-20T11:57:00Z"
    target: {digest: d, revision: r, specDigest: s}
    plan:
      {stackName: Web, templateURL: u, templateDigest: d, bootstrapVersion: 30, bootstrapParameter: /cdk-bootstrap/own/version, deployRoleARN: "arn:aws:iam::123456789012:role/cdk-own-deploy-role"}
`)
	// One region was bootstrapped, with a deploy role that trusts the account.
	aws.Parameter(t, "/cdk-bootstrap/hnb659fds/version", "21")
	aws.Parameter(t, "/cdk-bootstrap/own/version", "21")
	aws.Role(t, "cdk-hnb659fds-deploy-role-"+awstest.Account+"-"+awstest.Region, awstest.Trust("arn:aws:iam::"+awstest.Account+":root", ""))
	for name, c := range map[string]struct {
		args  []string
		wants []string
	}{
		"what is not bootstrapped": {[]string{"doctor", "ours", "-n", "default", "--aws"}, []string{
			"you are arn:aws:", "in eu-west-1", "✗              the CDK's bootstrap is not there: there is no SSM parameter /cdk-bootstrap/hnb659fds/version\n", "               cdk bootstrap aws://" + awstest.Account + "/eu-west-1\n",
			"✗              you may not assume the deploy role: ", "--role-arn arn:aws:iam::" + awstest.Account + ":role/cdk-hnb659fds-deploy-role-" + awstest.Account + "-eu-west-1",
		}},
		"what is bootstrapped": {[]string{"doctor", "--aws", "--region", awstest.Region}, []string{
			"✓              the CDK's bootstrap has version 21", "✓              you may assume the deploy role arn:aws:iam::" + awstest.Account + ":role/cdk-hnb659fds-deploy-role-",
		}},
		"a bootstrap that is too old": {[]string{"doctor", "newer", "-n", "default", "--aws"}, []string{
			"✗              the CDK's bootstrap has version 21, and the app needs 30\n", "cdk bootstrap aws://" + awstest.Account + "/eu-central-1 --qualifier own --toolkit-stack-name CDKToolkit-own",
			"you may not assume the deploy role: ", "--role-arn arn:aws:iam::123456789012:role/cdk-own-deploy-role\n",
		}},
		"another account": {[]string{"doctor", "theirs", "-n", "default", "--aws"}, []string{
			"the stack is in the account 999999999999, and your credentials are of " + awstest.Account, "export AWS_PROFILE=a-profile-of-999999999999",
		}},
		"no object": {[]string{"doctor", "--aws", "--region", "ap-southeast-2"}, []string{"in ap-southeast-2", "cdk bootstrap aws://" + awstest.Account + "/ap-southeast-2"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.run(c.args, "")
			for _, want := range c.wants {
				if !strings.Contains(got, want) {
					t.Errorf("%q is not said in\n%s", want, got)
				}
			}
			if strings.Contains(got, "hunter2") {
				t.Error("a secret is shown")
			}
		})
	}
}

// TestDoctorEndsWithoutAnAnswer has an API server that takes connections and says
// nothing: every examination ends, and says so.
func TestDoctorEndsWithoutAnAnswer(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	s := &folder{t: t, dir: t.TempDir()}
	config := "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: 'http://" + silent.Addr().String() + "'}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\n"
	s.must(os.WriteFile(s.in("kubeconfig"), []byte(config), 0o600))
	got := s.run([]string{"doctor", "web", "--kubeconfig", "DIR/kubeconfig", "--request-timeout", "1s"}, "")
	for _, exam := range []string{"✗ cluster", "! definition", "! operator", "! your rights", "! policies", "! stacks", "! this stack", "(exit code 3)"} {
		if !strings.Contains(got, exam) {
			t.Errorf("%q is not said in\n%s", exam, got)
		}
	}
}
