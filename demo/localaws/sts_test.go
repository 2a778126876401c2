package localaws_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"awscdk.dev/operator/demo/localaws"
	"awscdk.dev/operator/demo/localaws/cloud"
)

const (
	issuer  = "https://oidc.eks.eu-central-1.amazonaws.com/id/ABC"
	trusted = "123456789012"
)

// oidc is a cluster whose tokens an account trusts.
type oidc struct {
	*lab
	key *ecdsa.PrivateKey
	now time.Time
}

func newOIDC(t *testing.T) *oidc {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	o := &oidc{key: key, now: time.Unix(1_800_000_000, 0)}
	o.lab = newLab(t, localaws.Config{Now: func() time.Time { return o.now }})
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "ES256"}}})
	if err != nil {
		t.Fatal(err)
	}
	o.Cloud.PublishKeys(issuer, keys)
	return o
}

func (o *oidc) token(key *ecdsa.PrivateKey, claims jwt.Claims) string {
	o.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
	if err != nil {
		o.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		o.Fatal(err)
	}
	return token
}

func (o *oidc) claims(edit func(*jwt.Claims)) jwt.Claims {
	c := jwt.Claims{
		Issuer: issuer, Subject: "system:serviceaccount:team-a:deployer", Audience: jwt.Audience{"sts.amazonaws.com"},
		Expiry: jwt.NewNumericDate(o.now.Add(time.Minute)),
	}
	if edit != nil {
		edit(&c)
	}
	return c
}

func (l *lab) role(account, name, trust string) string {
	l.Helper()
	var document map[string]any
	if err := json.Unmarshal([]byte(trust), &document); err != nil {
		l.Fatal(err)
	}
	if _, err := l.Cloud.Create(cloud.Spec{Type: "AWS::IAM::Role", Place: cloud.Place{Account: account}, Props: map[string]any{
		"RoleName": name, "AssumeRolePolicyDocument": document,
	}}); err != nil {
		l.Fatal(err)
	}
	return "arn:aws:iam::" + account + ":role/" + name
}

func (l *lab) provider(account string) {
	l.Helper()
	_, err := l.Cloud.Create(cloud.Spec{Type: "AWS::IAM::OIDCProvider", Place: cloud.Place{Account: account}, Props: map[string]any{
		"Url": issuer, "ClientIdList": []any{"sts.amazonaws.com"},
	}})
	if err != nil {
		l.Fatal(err)
	}
}

func federated(account, condition string) string {
	return fmt.Sprintf(`{"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
		"Principal": {"Federated": "arn:aws:iam::%s:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/ABC"}, "Condition": %s}]}`, account, condition)
}

func TestAWebIdentityIsProven(t *testing.T) {
	o := newOIDC(t)
	o.provider(trusted)
	const host = "oidc.eks.eu-central-1.amazonaws.com/id/ABC"
	good := o.role(trusted, "deployer", federated(trusted, `{"StringEquals": {"`+host+`:sub": "system:serviceaccount:team-a:deployer", "`+host+`:aud": "sts.amazonaws.com"}}`))
	other := o.role(trusted, "other", federated(trusted, `{"StringEquals": {"`+host+`:sub": "system:serviceaccount:team-b:deployer"}}`))
	plain := o.role(trusted, "plain", `{"Statement": [{"Effect": "Allow", "Action": "sts:*", "Principal": {"AWS": "*"}}]}`)
	elsewhere := o.role("999999999999", "deployer", federated("999999999999", `{}`))
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		role, token string
		code, says  string
	}{
		"that of the account":           {good, o.token(o.key, o.claims(nil)), "", ""},
		"of another namespace":          {good, o.token(o.key, o.claims(func(c *jwt.Claims) { c.Subject = "system:serviceaccount:team-c:deployer" })), "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"},
		"a role for somebody else":      {other, o.token(o.key, o.claims(nil)), "AccessDenied", "Not authorized"},
		"a role for no web identity":    {plain, o.token(o.key, o.claims(nil)), "AccessDenied", "Not authorized"},
		"no such role":                  {good + "x", o.token(o.key, o.claims(nil)), "AccessDenied", "Not authorized"},
		"an account without provider":   {elsewhere, o.token(o.key, o.claims(nil)), "InvalidIdentityToken", "No OpenIDConnect provider found in your account for " + issuer},
		"for the API server":            {good, o.token(o.key, o.claims(func(c *jwt.Claims) { c.Audience = jwt.Audience{"https://kubernetes.default.svc"} })), "InvalidIdentityToken", "Incorrect token audience"},
		"one that has expired":          {good, o.token(o.key, o.claims(func(c *jwt.Claims) { c.Expiry = jwt.NewNumericDate(o.now.Add(-time.Second)) })), "ExpiredTokenException", "Token expired"},
		"one that never expires":        {good, o.token(o.key, o.claims(func(c *jwt.Claims) { c.Expiry = nil })), "ExpiredTokenException", "Token expired"},
		"signed by somebody else":       {good, o.token(stranger, o.claims(nil)), "InvalidIdentityToken", "verification key"},
		"what is no token":              {good, "AKIA", "InvalidIdentityToken", "not a valid JWT"},
		"of an issuer nobody can reach": {good, o.token(o.key, o.claims(func(c *jwt.Claims) { c.Issuer = "https://elsewhere" })), "InvalidIdentityToken", "No OpenIDConnect provider found"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := o.sts.AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{RoleArn: &tc.role, RoleSessionName: aws.String("team-a.web"), WebIdentityToken: &tc.token})
			if tc.code != "" {
				refused(t, err, tc.code, tc.says)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			_, _, _, as := o.session(*out.Credentials.AccessKeyId, *out.Credentials.SessionToken, "eu-central-1")
			who, err := as.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
			if err != nil || *who.Arn != "arn:aws:sts::123456789012:assumed-role/deployer/team-a.web" {
				t.Errorf("the session is of %v, %v", who, err)
			}
		})
	}
}

func TestASessionEndsAndNeedsItsToken(t *testing.T) {
	o := newOIDC(t)
	role := o.role(trusted, "deployer", `{"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}}]}`)
	out, err := o.sts.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("me")})
	if err != nil {
		t.Fatal(err)
	}
	_, _, _, session := o.session(*out.Credentials.AccessKeyId, *out.Credentials.SessionToken, "eu-central-1")
	_, _, _, without := o.session(*out.Credentials.AccessKeyId, "", "eu-central-1")
	if _, err := session.GetCallerIdentity(t.Context(), nil); err != nil {
		t.Error(err)
	}
	_, err = without.GetCallerIdentity(t.Context(), nil)
	refused(t, err, "InvalidClientTokenId", "")
	o.now = o.now.Add(time.Hour + time.Second)
	_, err = session.GetCallerIdentity(t.Context(), nil)
	refused(t, err, "ExpiredToken", "expired")
}

func TestTrustNamesThePrincipal(t *testing.T) {
	l := newLab(t, localaws.Config{Credentials: map[string]string{"test": "111111111111", "other": "222222222222"}})
	entry := l.role("111111111111", "entry", `{"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "111111111111"}}]}`)
	_, _, _, other := l.clients("other", "eu-central-1")
	for name, tc := range map[string]struct {
		trust string
		// chained is by a session of the role entry, stranger by another account.
		user, chained, stranger bool
	}{
		"the account":                   {`"Principal": {"AWS": "arn:aws:iam::111111111111:root"}`, true, true, false},
		"a role":                        {`"Principal": {"AWS": "` + entry + `"}`, false, true, false},
		"a session":                     {`"Principal": {"AWS": "arn:aws:sts::111111111111:assumed-role/entry/me"}`, false, true, false},
		"another session":               {`"Principal": {"AWS": "arn:aws:sts::111111111111:assumed-role/entry/you"}`, false, false, false},
		"everybody":                     {`"Principal": "*"`, true, true, true},
		"a service":                     {`"Principal": {"Service": "cloudformation.amazonaws.com"}`, false, false, false},
		"sessions of one name":          {`"Principal": {"AWS": "*"}, "Condition": {"StringLike": {"sts:RoleSessionName": "team-a.*"}}`, false, false, false},
		"a condition nobody knows":      {`"Principal": {"AWS": "*"}, "Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}}`, false, false, false},
		"everybody but one account":     {`"Principal": {"AWS": "*"}, "Condition": {"StringNotEquals": {"aws:PrincipalAccount": "111111111111"}}`, false, false, true},
		"what is wanted if it is there": {`"Principal": {"AWS": "*"}, "Condition": {"StringEqualsIfExists": {"sts:ExternalId": "x"}}`, true, true, true},
		"a principal that is not given": {`"Condition": {"Null": {"sts:ExternalId": "true"}}`, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			role := l.role("111111111111", "r"+fmt.Sprint(len(l.Cloud.All())), `{"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", `+tc.trust+`}]}`)
			out, err := l.sts.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &entry, RoleSessionName: aws.String("me")})
			if err != nil {
				t.Fatal(err)
			}
			_, _, _, session := l.session(*out.Credentials.AccessKeyId, *out.Credentials.SessionToken, "eu-central-1")
			for who, c := range map[string]struct {
				client *sts.Client
				may    bool
			}{"the user": {l.sts, tc.user}, "the session": {session, tc.chained}, "a stranger": {other, tc.stranger}} {
				_, err := c.client.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("me")})
				if (err == nil) != c.may {
					t.Errorf("%s: %v", who, err)
				}
			}
		})
	}
}
