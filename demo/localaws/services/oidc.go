package services

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

const providerType = "AWS::IAM::OIDCProvider"

func createProvider(c *cloud.Cloud, call *wire.Call) (any, error) {
	url := call.Params.String("Url")
	if !strings.HasPrefix(url, "https://") {
		return nil, wire.Errorf("InvalidInput", "Invalid Open ID Connect Provider URL")
	}
	var audiences []any
	for _, a := range call.Params.Strings("ClientIDList") {
		audiences = append(audiences, a)
	}
	r, err := c.Create(cloud.Spec{Type: providerType, Place: place(call), Props: map[string]any{"Url": url, "ClientIdList": audiences}})
	if errors.Is(err, cloud.ErrExists) {
		return nil, wire.Errorf("EntityAlreadyExists", "Provider with url %s already exists.", url)
	}
	if err != nil {
		return nil, err
	}
	return map[string]any{"OpenIDConnectProviderArn": r.ID}, nil
}

func getProvider(c *cloud.Cloud, call *wire.Call) (any, error) {
	arn := call.Params.String("OpenIDConnectProviderArn")
	r, ok := c.Get(place(call), providerType, arn)
	if !ok {
		return nil, wire.NotFound("NoSuchEntity", "OpenIDConnect Provider not found for arn %s", arn)
	}
	return map[string]any{"Url": strings.TrimPrefix(r.Text("Url"), "https://"), "ClientIDList": r.Props["ClientIdList"], "CreateDate": r.Created}, nil
}

func deleteProvider(c *cloud.Cloud, call *wire.Call) (any, error) {
	return nil, c.Delete(cloud.Deleting, place(call), providerType, call.Params.String("OpenIDConnectProviderArn"))
}

// subject is what a web identity token proves.
type subject struct {
	// provider is the ARN of the provider that vouches for it, issuer its address
	// without the scheme, as conditions name it.
	provider, issuer  string
	subject, audience string
}

// algorithms are those that IAM takes of an OIDC provider.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512}

// verified checks a web identity token as STS does: the account that the role is
// in must know its issuer, and one of the issuer's keys must have signed it.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
func verified(c *cloud.Cloud, account, raw string) (subject, error) {
	token, err := jwt.ParseSigned(raw, algorithms)
	var claims jwt.Claims
	if err != nil || token.UnsafeClaimsWithoutVerification(&claims) != nil {
		return subject{}, wire.Errorf("InvalidIdentityToken", "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
	}
	issuer := strings.TrimPrefix(claims.Issuer, "https://")
	arn := "arn:aws:iam::" + account + ":oidc-provider/" + issuer
	provider, ok := c.Get(cloud.Place{Account: account}, providerType, arn)
	if !ok {
		return subject{}, wire.Errorf("InvalidIdentityToken", "No OpenIDConnect provider found in your account for %s", claims.Issuer)
	}
	var keys jose.JSONWebKeySet
	if published := c.IssuerKeys(claims.Issuer); published == nil || json.Unmarshal(published, &keys) != nil {
		return subject{}, wire.Errorf("IDPCommunicationError", "The identity provider %s could not be reached to verify the incoming identity token.", claims.Issuer)
	}
	if token.Claims(keys, &claims) != nil {
		return subject{}, wire.Errorf("InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements")
	}
	now := c.Now()
	if claims.Expiry == nil || now.After(claims.Expiry.Time()) {
		return subject{}, wire.Errorf("ExpiredTokenException", "Token expired: current date/time %d must be before the expiration date/time %d", now.Unix(), expiry(claims).Unix())
	}
	wanted := wire.Params(provider.Props).Strings("ClientIdList")
	for _, audience := range claims.Audience {
		if slices.Contains(wanted, audience) {
			return subject{provider: arn, issuer: issuer, subject: claims.Subject, audience: audience}, nil
		}
	}
	return subject{}, wire.Errorf("InvalidIdentityToken", "Incorrect token audience")
}

func expiry(c jwt.Claims) time.Time {
	if c.Expiry == nil {
		return time.Unix(0, 0)
	}
	return c.Expiry.Time()
}
