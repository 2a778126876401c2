package awsconfig

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/bootstrap"
)

// fallbackAge is for how long the base credentials stand in for a role that
// cannot be assumed, before it is tried again.
const fallbackAge = 15 * time.Minute

// Role is an IAM role to assume.
type Role struct {
	ARN        string
	ExternalID string
	// Session is what the app asks for beside, nil for nothing.
	Session *v1alpha1.RoleSession
}

// account is the fifth part of an ARN.
func (r Role) account() string {
	parts := strings.SplitN(r.ARN, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[4]
}

// partition is the second part of an ARN.
func (r Role) partition() string {
	parts := strings.SplitN(r.ARN, ":", 3)
	if len(parts) < 3 {
		return "aws"
	}
	return parts[1]
}

// roleProvider assumes a role.
//
// As the CDK's own CLI does, it goes on with the base credentials, and a
// warning, where AWS denies the role to them and they are of the role's own
// account: keys that may deploy by themselves need no role. Unlike the CLI it
// does so only for keys from a user's Secret. The operator's own identity
// serves many users, so that a role is what keeps them apart; it is never
// dropped.
type roleProvider struct {
	loader *Loader
	target Target
	base   aws.CredentialsProvider
	sts    *sts.Client
	assume aws.CredentialsProvider
}

// assume returns a caching provider of the target's role.
func (l *Loader) assume(cfg aws.Config, t Target) aws.CredentialsProvider {
	client := sts.NewFromConfig(cfg)
	return aws.NewCredentialsCache(&roleProvider{
		loader: l,
		target: t,
		base:   cfg.Credentials,
		sts:    client,
		assume: stscreds.NewAssumeRoleProvider(client, t.Role.ARN, t.Role.session),
	}, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = time.Minute })
}

// Retrieve implements aws.CredentialsProvider.
func (p *roleProvider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	got, err := p.assume.Retrieve(ctx)
	if err == nil {
		return got, nil
	}
	err = Explain("assume role "+p.target.Role.ARN, p.target.Credentials, err)
	if !errors.Is(err, ErrAccessDenied) {
		return aws.Credentials{}, err
	}
	if !p.baseSuffices(ctx) {
		return aws.Credentials{}, p.advise(err)
	}
	p.loader.options.Log.WarnContext(ctx, "going on without a role that the credentials may not assume",
		"role", p.target.Role.ARN, "credentials", p.target.Credentials, "error", err.Error())
	got, err = p.base.Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, err
	}
	got.CanExpire = true
	got.Expires = p.loader.options.Now().Add(fallbackAge)
	return got, nil
}

// baseSuffices is true for a user's own keys of the role's own account.
func (p *roleProvider) baseSuffices(ctx context.Context) bool {
	if p.target.Credentials.IsZero() || p.target.Credentials.Shared {
		return false
	}
	who, err := p.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	return err == nil && aws.ToString(who.Account) == p.target.Role.account()
}

func (p *roleProvider) advise(err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	actions := "sts:AssumeRole"
	if s := p.target.Role.Session; s != nil && len(s.Tags) > 0 {
		actions += " and sts:TagSession (as the role's trust policy must, too)"
	}
	message := fmt.Sprintf("%s. Allow the credentials %s on it; if the role does not exist, run %s",
		strings.TrimSuffix(e.Message, "."), actions, bootstrap.Command("aws://"+p.target.Role.account()+"/"+p.target.Region, p.target.Role.ARN))
	return &Error{Kind: e.Kind, Doing: e.Doing, Code: e.Code, Message: message, Err: e.Err}
}
