package awsconfig_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/awsconfig/awstest"
)

// issuer signs tokens as a cluster's API server does.
type issuer struct {
	testing.TB
	name string
	key  *ecdsa.PrivateKey
}

func newIssuer(tb testing.TB, name string) *issuer {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return &issuer{tb, name, key}
}

func encoded(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// keys are what it publishes.
func (i *issuer) keys() json.RawMessage {
	point, err := i.key.PublicKey.Bytes()
	if err != nil {
		i.Fatal(err)
	}
	return json.RawMessage(fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","kid":"1","use":"sig","x":%q,"y":%q}]}`, encoded(point[1:33]), encoded(point[33:])))
}

func (i *issuer) token(subject, audience string, expires time.Time) string {
	i.Helper()
	claims, err := json.Marshal(map[string]any{"iss": i.name, "sub": subject, "aud": []string{audience}, "exp": expires.Unix()})
	if err != nil {
		i.Fatal(err)
	}
	signed := encoded([]byte(`{"alg":"ES256","kid":"1"}`)) + "." + encoded(claims)
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, i.key, sum[:])
	if err != nil {
		i.Fatal(err)
	}
	return signed + "." + encoded(append(fill(r), fill(s)...))
}

func fill(n *big.Int) []byte { return n.FillBytes(make([]byte, 32)) }

const deployer = "system:serviceaccount:team-a:deployer"

func TestATokenOfAServiceAccountIsExchanged(t *testing.T) {
	aws := awstest.Start(t)
	cluster := newIssuer(t, "https://oidc.example/id/A")
	aws.Issuer(t, cluster.name, cluster.keys())
	role := awsconfig.Role{ARN: aws.Role(t, "deployer", awstest.WebTrust(cluster.name, deployer))}
	id := awsconfig.Identity{
		Region: awstest.Region, Name: "team-a.web", Roles: []awsconfig.Role{role},
		Token: cluster.token(deployer, awsconfig.TokenAudience, time.Now().Add(time.Minute)),
	}
	got, err := newLoader().Session(t.Context(), id, 0)
	if err != nil {
		t.Fatal(err)
	}
	if arn := arnOf(t, got.Credentials); !strings.HasSuffix(arn, ":assumed-role/deployer/team-a.web") {
		t.Errorf("the session is of %s", arn)
	}
	last := awsconfig.Role{ARN: aws.Role(t, "last", awstest.Trust(role.ARN, `{"StringEquals": {"sts:ExternalId": "x-1"}}`)), ExternalID: "x-1"}
	id.Roles = append(id.Roles, last)
	if got, err = newLoader().Session(t.Context(), id, 0); err != nil || !strings.HasSuffix(arnOf(t, got.Credentials), ":assumed-role/last/team-a.web") {
		t.Errorf("with another role behind it: %v", err)
	}
}

func TestATokenThatIsRefusedSaysWhatToSetUp(t *testing.T) {
	aws := awstest.Start(t)
	cluster, stranger := newIssuer(t, "https://oidc.example/id/A"), newIssuer(t, "https://oidc.example/id/B")
	aws.Issuer(t, cluster.name, cluster.keys())
	role := aws.Role(t, "deployer", awstest.WebTrust(cluster.name, deployer))
	later := time.Now().Add(time.Minute)
	for name, c := range map[string]struct {
		token string
		says  []string
	}{
		"a cluster that AWS does not know": {stranger.token(deployer, awsconfig.TokenAudience, later), []string{"IAM OIDC identity provider for https://oidc.example/id/B in account " + awstest.Account, "audience sts.amazonaws.com"}},
		"another account of the namespace": {cluster.token(deployer+"s", awsconfig.TokenAudience, later), []string{deployer + "s", "oidc-provider/oidc.example/id/A", "oidc.example/id/A:sub", "sts:AssumeRoleWithWebIdentity"}},
		"another audience":                 {cluster.token(deployer, "https://kubernetes.default.svc", later), []string{"Incorrect token audience"}},
		"a clock that is wrong":            {cluster.token(deployer, awsconfig.TokenAudience, time.Now().Add(-time.Minute)), []string{"compare the clocks"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newLoader().Session(t.Context(), awsconfig.Identity{Region: awstest.Region, Roles: []awsconfig.Role{{ARN: role}}, Token: c.token}, 0)
			if !errors.Is(err, awsconfig.ErrRole) {
				t.Fatalf("error is %v", err)
			}
			for _, part := range append(c.says, role) {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
			if strings.Contains(err.Error(), c.token) {
				t.Error("the token shows")
			}
		})
	}
}
