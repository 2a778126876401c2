package awsconfig_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/awsconfig/awstest"

	"github.com/aws/aws-sdk-go-v2/service/sts"
)

var userKeys = awsconfig.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "verysecretvalue"}

func newLoader() *awsconfig.Loader {
	return awsconfig.NewLoader(awsconfig.Options{Now: time.Now, MaxBackoff: time.Millisecond})
}

// arnOf asks who credentials are.
func arnOf(t *testing.T, c awsconfig.Credentials) string {
	t.Helper()
	cfg, err := newLoader().Config(t.Context(), awsconfig.Target{Credentials: c, Region: awstest.Region})
	if err != nil {
		t.Fatal(err)
	}
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return *who.Arn
}

func TestASessionIsOfTheLastRole(t *testing.T) {
	aws := awstest.Start(t)
	first := aws.Role(t, "first", awstest.Trust("arn:aws:iam::"+awstest.Account+":root", `{"StringEquals": {"sts:ExternalId": "x-1"}}`))
	second := aws.Role(t, "second", awstest.Trust(first, `{"StringLike": {"sts:RoleSessionName": "team-a.*"}}`))
	id := awsconfig.Identity{
		Credentials: userKeys, Region: awstest.Region, Name: awsconfig.SessionName("team-a", "web"),
		Roles: []awsconfig.Role{{ARN: first, ExternalID: "x-1"}, {ARN: second}},
	}
	got, err := newLoader().Session(t.Context(), id, 0)
	if err != nil {
		t.Fatal(err)
	}
	if arn := arnOf(t, got.Credentials); !strings.HasSuffix(arn, ":assumed-role/second/team-a.web") {
		t.Errorf("the session is of %s", arn)
	}
	if left := time.Until(got.Expires); left < 59*time.Minute || left > time.Hour {
		t.Errorf("the session lasts %s", left)
	}
	id.Name = awsconfig.SessionName("team-b", "web")
	if _, err := newLoader().Session(t.Context(), id, 0); !errors.Is(err, awsconfig.ErrRole) || !strings.Contains(err.Error(), "denies it to role "+first) || !strings.Contains(err.Error(), "team-b.web") {
		t.Errorf("another namespace gets the role: %v", err)
	}
}

func TestARoleThatCannotBeAssumedSaysWhatToCheck(t *testing.T) {
	aws := awstest.Start(t)
	strict := aws.Role(t, "strict", awstest.Trust("*", `{"StringEquals": {"sts:ExternalId": "x-1"}}`))
	for name, c := range map[string]struct {
		role awsconfig.Role
		says []string
	}{
		"no external ID":       {awsconfig.Role{ARN: strict}, []string{"may ask for one: set spec.externalID"}},
		"another external ID":  {awsconfig.Role{ARN: strict, ExternalID: "x-2"}, []string{`it is "x-2"`}},
		"a role that is gone":  {awsconfig.Role{ARN: strict + "-gone"}, []string{"the role exists", "trust policy", "sts:AssumeRole"}},
		"another account's":    {awsconfig.Role{ARN: "arn:aws:iam::999999999999:role/x"}, []string{"arn:aws:iam::999999999999:role/x"}},
		"a role that is a use": {awsconfig.Role{ARN: "arn:aws:iam::" + awstest.Account + ":user/me"}, []string{"is invalid"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newLoader().Session(t.Context(), awsconfig.Identity{Credentials: userKeys, Region: awstest.Region, Roles: []awsconfig.Role{c.role}}, 0)
			if err == nil {
				t.Fatal("it was assumed")
			}
			for _, part := range append(c.says, "assume role "+c.role.ARN) {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
			if strings.Contains(err.Error(), userKeys.SecretAccessKey) {
				t.Error("the secret key shows")
			}
		})
	}
}

// A user's keys stand in for a role of the app that they may not assume; they
// never do for a role that the object itself names.
func TestKeysNeverStandInForTheObjectsOwnRole(t *testing.T) {
	aws := awstest.Start(t)
	role := aws.Role(t, "strict", awstest.Trust("arn:aws:iam::999999999999:root", ""))
	_, err := newLoader().Session(t.Context(), awsconfig.Identity{Credentials: userKeys, Region: awstest.Region, Roles: []awsconfig.Role{{ARN: role}}}, 0)
	if !errors.Is(err, awsconfig.ErrRole) {
		t.Errorf("error is %v", err)
	}
}

func TestALongRunGetsALongSessionWhereTheRoleAllowsIt(t *testing.T) {
	for name, c := range map[string]struct {
		longest time.Duration
		chained bool
		want    time.Duration
	}{
		"a role that allows it":    {4 * time.Hour, false, 3 * time.Hour},
		"a role that does not":     {time.Hour, false, time.Hour},
		"a role assumed by a role": {4 * time.Hour, true, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			aws := awstest.Start(t)
			trust := awstest.Trust("*", "")
			roles := []awsconfig.Role{{ARN: aws.Role(t, "long", trust, "MaxSessionDuration", fmt.Sprint(c.longest.Seconds()))}}
			if c.chained {
				roles = append([]awsconfig.Role{{ARN: aws.Role(t, "entry", trust)}}, roles...)
			}
			got, err := newLoader().Session(t.Context(), awsconfig.Identity{Credentials: userKeys, Region: awstest.Region, Roles: roles}, 3*time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			if left := time.Until(got.Expires); left > c.want || left < c.want-time.Minute {
				t.Errorf("the session lasts %s, want %s", left, c.want)
			}
		})
	}
}

func TestSessionNames(t *testing.T) {
	long := strings.Repeat("n", 63)
	for name, c := range map[string]struct{ namespace, object, want string }{
		"what fits":                     {"team-a", "web", "team-a.web"},
		"dots in the object's name":     {"team-a", "web.v2", "team-a.web.v2"},
		"a long object":                 {"team-a", strings.Repeat("w", 100), "team-a." + strings.Repeat("w", 44) + "-50ab824607c9"},
		"a namespace that leaves space": {long[:50], "webapp-production", long[:50] + ".-"},
		"one that leaves none":          {long, "web", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := awsconfig.SessionName(c.namespace, c.object)
			if len(got) > 64 || !strings.HasPrefix(got, c.want) {
				t.Errorf("got %q (%d)", got, len(got))
			}
			if c.want == "" && strings.Contains(got, ".") {
				t.Errorf("%q could be of a namespace that it is not", got)
			}
		})
	}
	a, b := awsconfig.SessionName("team-a", strings.Repeat("w", 100)+"a"), awsconfig.SessionName("team-a", strings.Repeat("w", 100)+"b")
	if a == b {
		t.Error("two objects have one name")
	}
}

// The operator's own identity is handed on as keys that end.
func TestTheOperatorsIdentityIsHandedOnAsKeysThatEnd(t *testing.T) {
	aws := awstest.Start(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAOPERATOR")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "operators-own-secret")
	got, err := newLoader().Session(t.Context(), awsconfig.Identity{Region: awstest.Region}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(got.Credentials.AccessKeyID, "ASIA") || got.Credentials.SessionToken == "" || got.Credentials.SecretAccessKey == "operators-own-secret" {
		t.Errorf("it is handed on as %s", got.Credentials)
	}
	if left := time.Until(got.Expires); left > time.Hour || left < 59*time.Minute {
		t.Errorf("the keys last %s", left)
	}
	if n := aws.Succeeded(t, "GetSessionToken"); n != 1 {
		t.Errorf("GetSessionToken succeeded %d times", n)
	}
}

// podIdentity is what EKS's agent answers a pod.
// https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html
func podIdentity(t *testing.T, lasts time.Duration) (asked *[]string) {
	t.Helper()
	asked = &[]string{}
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.Header.Get("Authorization"))
		fmt.Fprintf(w, `{"AccessKeyId":"ASIAPOD%d","SecretAccessKey":"x","Token":"t","AccountId":"1","Expiration":%q}`, len(*asked), time.Now().Add(lasts).UTC().Format(time.RFC3339))
	}))
	t.Cleanup(agent.Close)
	token := filepath.Join(t.TempDir(), "eks-pod-identity-token")
	if err := os.WriteFile(token, []byte("the-pods-token"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", agent.URL+"/v1/credentials")
	t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token)
	return asked
}

func TestPodIdentityIsTheOperatorsIdentity(t *testing.T) {
	awstest.Env(t, "http://127.0.0.1:1")
	asked := podIdentity(t, time.Hour)
	cfg, err := newLoader().Config(t.Context(), awsconfig.Target{Region: awstest.Region})
	if err != nil {
		t.Fatal(err)
	}
	got, err := cfg.Credentials.Retrieve(t.Context())
	if err != nil || got.AccessKeyID != "ASIAPOD1" || (*asked)[0] != "the-pods-token" {
		t.Errorf("got %s, %v; the agent was asked with %q", got.AccessKeyID, err, *asked)
	}
	if session, err := newLoader().Session(t.Context(), awsconfig.Identity{Region: awstest.Region}, 0); err != nil || session.Credentials.SessionToken != "t" {
		t.Errorf("handed on: %v, %v", session.Credentials, err)
	}
}

// Keys that are about to end are no use to a run.
func TestKeysThatAreHandedOnHaveTimeLeft(t *testing.T) {
	awstest.Env(t, "http://127.0.0.1:1")
	asked := podIdentity(t, 30*time.Minute)
	loader := newLoader()
	for range 2 {
		if _, err := loader.Session(t.Context(), awsconfig.Identity{Region: awstest.Region}, 0); err != nil {
			t.Fatal(err)
		}
	}
	if len(*asked) < 3 {
		t.Errorf("the agent was asked %d times", len(*asked))
	}
}

// IRSA of the operator's own pod: the SDK reads the token's file.
func TestTheOperatorsServiceAccountIsItsIdentity(t *testing.T) {
	var form url.Values
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		form = r.PostForm
		fmt.Fprint(w, `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIAIRSA</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>y</SessionToken><Expiration>2098-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`)
	}))
	t.Cleanup(server.Close)
	awstest.Env(t, "http://127.0.0.1:1")
	t.Setenv("AWS_ENDPOINT_URL_STS", server.URL)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("a.b.c"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", token)
	t.Setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/operator")
	got, err := newLoader().Session(t.Context(), awsconfig.Identity{Region: awstest.Region}, 0)
	if err != nil || got.Credentials.AccessKeyID != "ASIAIRSA" || form.Get("WebIdentityToken") != "a.b.c" {
		t.Errorf("got %s, %v; STS was asked %v", got.Credentials, err, form)
	}
}
