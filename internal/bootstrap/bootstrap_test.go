package bootstrap

import (
	"strings"
	"testing"
)

func TestTheCommandNamesAQualifierOfOnesOwn(t *testing.T) {
	const (
		environment = "aws://111122223333/eu-west-1"
		plain       = "`cdk bootstrap " + environment + "`"
		own         = "`cdk bootstrap " + environment + " --qualifier own --toolkit-stack-name CDKToolkit-own`"
	)
	for missing, want := range map[string]string{
		"/cdk-bootstrap/hnb659fds/version": plain,
		"/cdk-bootstrap/own/version":       own,
		"/company/bootstrap-version":       plain,
		"arn:aws:iam::111122223333:role/cdk-own-deploy-role-111122223333-eu-west-1":        own,
		"arn:aws:iam::111122223333:role/cdk-hnb659fds-lookup-role-111122223333-eu-west-1":  plain,
		"arn:aws:iam::111122223333:role/team/cdk-own-cfn-exec-role-111122223333-eu-west-1": own,
		"arn:aws:iam::111122223333:role/company-deploy":                                    plain,
		"cdk-own-assets-111122223333-eu-west-1":                                            own,
		"cdk-hnb659fds-assets-111122223333-eu-west-1":                                      plain,
		"company-assets":             plain,
		"":                           plain,
		"/cdk-bootstrap/a_b/version": strings.ReplaceAll(strings.ReplaceAll(own, "CDKToolkit-own", "CDKToolkit-a-b"), " own ", " a_b "),
	} {
		if got := Command(environment, missing); got != want {
			t.Errorf("%s: %s, want %s", missing, got, want)
		}
	}
}

func TestTheCommandForAnUpdateSaysThatTheStackMayHaveAnotherName(t *testing.T) {
	if got := Again("aws://1/r", "/cdk-bootstrap/own/version"); !strings.Contains(got, "another name") {
		t.Error(got)
	}
	if got := Again("aws://1/r", "/cdk-bootstrap/hnb659fds/version"); got != "`cdk bootstrap aws://1/r`" {
		t.Error(got)
	}
}
