package awsconfig

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// securityTokens is an STS that denies or grants roles to the keys of account
// 111122223333.
func securityTokens(t *testing.T, grant bool) *atomic.Int32 {
	t.Helper()
	var assumed atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		switch {
		case r.Form.Get("Action") == "GetCallerIdentity":
			fmt.Fprint(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111122223333</Account><Arn>a</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`)
		case grant:
			assumed.Add(1)
			fmt.Fprintf(w, `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA%s</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>y</SessionToken><Expiration>2038-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`, r.Form.Get("ExternalId"))
		default:
			assumed.Add(1)
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>User: u is not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>`)
		}
	}))
	t.Cleanup(server.Close)
	isolate(t, server.URL)
	return &assumed
}

func retrieve(t *testing.T, log *bytes.Buffer, target Target) (aws.Credentials, error) {
	t.Helper()
	loader := NewLoader(Options{
		Now: func() time.Time { return time.Unix(2e9, 0) },
		Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	target.Region = "eu-central-1"
	cfg, err := loader.Config(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	return cfg.Credentials.Retrieve(t.Context())
}

const ownRole, foreignRole = "arn:aws:iam::111122223333:role/deploy", "arn:aws:iam::444455556666:role/deploy"

func TestARoleIsAssumedWithItsExternalID(t *testing.T) {
	securityTokens(t, true)
	got, err := retrieve(t, &bytes.Buffer{}, Target{Credentials: secretKeys, Role: Role{ARN: ownRole, ExternalID: "ext"}})
	if err != nil || got.AccessKeyID != "ASIAext" {
		t.Fatalf("got %s, %v", got.AccessKeyID, err)
	}
}

func TestAUsersKeysStandInForADeniedRoleOfTheirOwnAccount(t *testing.T) {
	securityTokens(t, false)
	var log bytes.Buffer
	got, err := retrieve(t, &log, Target{Credentials: secretKeys, Role: Role{ARN: ownRole}})
	if err != nil || got.AccessKeyID != secretKeys.AccessKeyID || !got.CanExpire {
		t.Fatalf("got %s (expires: %t), %v", got.AccessKeyID, got.CanExpire, err)
	}
	if !strings.Contains(log.String(), ownRole) || strings.Contains(log.String(), "s3cr3t") {
		t.Errorf("the warning is %q", log.String())
	}
}

func TestADeniedRoleOfAnotherAccountIsAnError(t *testing.T) {
	securityTokens(t, false)
	_, err := retrieve(t, &bytes.Buffer{}, Target{Credentials: secretKeys, Role: Role{ARN: foreignRole}})
	wantDeniedRole(t, err, "444455556666")
}

func TestTheOperatorsOwnIdentityNeverStandsInForARole(t *testing.T) {
	securityTokens(t, false)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAOPERATOR")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wide")
	_, err := retrieve(t, &bytes.Buffer{}, Target{Role: Role{ARN: ownRole}})
	wantDeniedRole(t, err, "111122223333")
}

func wantDeniedRole(t *testing.T, err error, account string) {
	t.Helper()
	if !errors.Is(err, ErrAccessDenied) || !strings.Contains(err.Error(), "assume role arn:aws:iam::"+account) ||
		!strings.Contains(err.Error(), "cdk bootstrap aws://"+account+"/eu-central-1") {
		t.Errorf("error is %v", err)
	}
}
