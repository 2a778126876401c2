package awsconfig

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"awscdk.dev/operator/api/v1alpha1"
)

// requests is an STS that grants every role and keeps what it was asked.
func requests(t *testing.T) *url.Values {
	t.Helper()
	var asked url.Values
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		asked = r.PostForm
		fmt.Fprint(w, `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>y</SessionToken><Expiration>2038-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`)
	}))
	t.Cleanup(server.Close)
	isolate(t, server.URL)
	return &asked
}

func TestARoleIsAssumedAsTheAppAsks(t *testing.T) {
	asked := requests(t)
	for name, c := range map[string]struct {
		options string
		want    map[string]string
	}{
		"nothing":               {"", map[string]string{"RoleSessionName": "awscdk-operator", "DurationSeconds": "3600", "ExternalId": "own"}},
		"tags, all transitive":  {`{"Tags":[{"Key":"team","Value":"a"},{"Key":"cost","Value":""}],"TransitiveTagKeys":["team"]}`, map[string]string{"Tags.member.1.Key": "team", "Tags.member.1.Value": "a", "Tags.member.2.Key": "cost", "Tags.member.2.Value": "", "TransitiveTagKeys.member.1": "team", "TransitiveTagKeys.member.2": "cost", "ExternalId": "own"}},
		"an external id of its": {`{"ExternalId":"theirs"}`, map[string]string{"ExternalId": "theirs"}},
		"policies":              {`{"Policy":"{}","PolicyArns":[{"arn":"arn:aws:iam::aws:policy/ReadOnlyAccess"}]}`, map[string]string{"Policy": "{}", "PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}},
		"the rest":              {`{"RoleSessionName":"me","DurationSeconds":900,"SourceIdentity":"alice"}`, map[string]string{"RoleSessionName": "me", "DurationSeconds": "900", "SourceIdentity": "alice"}},
	} {
		t.Run(name, func(t *testing.T) {
			session, err := ParseSession([]byte(c.options))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := retrieve(t, &bytes.Buffer{}, Target{Credentials: secretKeys, Role: Role{ARN: ownRole, ExternalID: "own", Session: session}}); err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for key := range c.want {
				got[key] = asked.Get(key)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("STS was asked %v:\n%s", asked, diff)
			}
		})
	}
}

func TestAnOptionThatIsNotKnownIsRefused(t *testing.T) {
	for _, options := range []string{`{"SerialNumber":"arn:aws:iam::1:mfa/me"}`, `{"RoleArn":"arn:aws:iam::1:role/other"}`, `{"Tags":{"team":"a"}}`, `[]`, `{"DurationSeconds":"long"}`} {
		_, err := ParseSession([]byte(options))
		if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "assumeRoleAdditionalOptions") || !strings.Contains(err.Error(), "TransitiveTagKeys") {
			t.Errorf("%s: %v", options, err)
		}
	}
}

func TestADeniedTaggedRoleSaysThatTagsMustBeAllowed(t *testing.T) {
	securityTokens(t, false)
	session := &v1alpha1.RoleSession{Tags: []v1alpha1.SessionTag{{Key: "team", Value: "a"}}}
	_, err := retrieve(t, &bytes.Buffer{}, Target{Credentials: secretKeys, Role: Role{ARN: foreignRole, Session: session}})
	if err == nil || !strings.Contains(err.Error(), "sts:TagSession") {
		t.Errorf("error is %v", err)
	}
}
