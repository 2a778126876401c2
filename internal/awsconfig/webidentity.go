package awsconfig

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// webToken is a token as the SDK asks for it.
type webToken string

// GetIdentityToken implements stscreds.IdentityTokenRetriever.
func (t webToken) GetIdentityToken() ([]byte, error) { return []byte(t), nil }

// assumeWithToken assumes the first role of an identity with its token.
func assumeWithToken(ctx context.Context, client *sts.Client, id Identity, age time.Duration) (aws.Credentials, error) {
	role := id.Roles[0]
	got, err := stscreds.NewWebIdentityRoleProvider(client, role.ARN, webToken(id.Token), func(o *stscreds.WebIdentityRoleOptions) {
		o.RoleSessionName = cmp.Or(id.Name, sessionName)
		o.Duration = age
	}).Retrieve(ctx)
	if err == nil {
		return got, nil
	}
	err = Explain("assume role "+role.ARN+" with the token of the ServiceAccount", id.Credentials, err)
	if e, ok := errors.AsType[*Error](err); ok {
		return got, tokenRefused(e, role, claimsOf(id.Token))
	}
	return got, err
}

// tokenRefused says what to set up in AWS. What AWS says of a token holds
// nothing of it but its issuer.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
func tokenRefused(e *Error, role Role, c claims) error {
	said := e.Message
	if api, ok := errors.AsType[smithy.APIError](e.Err); ok {
		said = api.ErrorMessage()
	}
	refused := Error{Kind: ErrRole, Doing: e.Doing, Code: e.Code, Err: e.Err}
	host := strings.TrimPrefix(c.Issuer, "https://")
	switch {
	case e.Code == "ExpiredTokenException" || e.Code == "ExpiredToken":
		refused.Message = "AWS takes the token for expired: compare the clocks of the cluster's control plane and of AWS"
	case e.Code == "InvalidIdentityToken":
		refused.Message = fmt.Sprintf("AWS does not accept the tokens of this cluster (%s): make an IAM OIDC identity provider for %s in account %s with the audience %s",
			said, c.Issuer, role.account(), TokenAudience)
	case e.Code == "IDPCommunicationError":
		refused.Message = fmt.Sprintf("AWS cannot read the keys of the cluster's issuer %s: its address must be reachable from the internet", c.Issuer)
	case errors.Is(e, ErrAccessDenied):
		refused.Message = fmt.Sprintf("AWS denies it to %s. Check that the role exists, and that its trust policy allows sts:AssumeRoleWithWebIdentity to the Federated principal "+
			"arn:%s:iam::%s:oidc-provider/%s, with %s:sub equal to %s and %s:aud equal to %s. AWS said: %s",
			c.Subject, role.partition(), role.account(), host, host, c.Subject, host, TokenAudience, said)
	default:
		return e
	}
	return &refused
}

// claims are those of a token that messages name.
type claims struct {
	Issuer  string `json:"iss"`
	Subject string `json:"sub"`
}

// claimsOf reads a token without checking it: whoever made it is the API server.
func claimsOf(token string) claims {
	c := claims{Issuer: "the cluster's issuer", Subject: "the ServiceAccount"}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c
	}
	if data, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil {
		_ = json.Unmarshal(data, &c) // what cannot be read is named as above
	}
	return c
}
