package awsconfig

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// TokenAudience is whom a web identity token must be made out to.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html
const TokenAudience = "sts.amazonaws.com" //nolint:gosec // a name

// Identity is who acts for one object, before the roles that its app names.
type Identity struct {
	// Credentials are the keys to begin with, zero the process's own identity.
	// They are not used when there is a Token.
	Credentials Credentials
	// Token is a web identity token, made out to TokenAudience, that the first
	// of the Roles is assumed with; "" for none.
	Token string
	// Roles are assumed one with the other.
	Roles []Role
	// Name is the name of the sessions, see SessionName.
	Name string
	// Region is that of the STS that is asked.
	Region string
}

// Session is what an identity acts with: keys that end.
type Session struct {
	Credentials Credentials
	Expires     time.Time
}

const (
	// SessionAge is how long a session lasts unless it is to last longer: the
	// most that every role allows, chained ones included.
	SessionAge = time.Hour
	// longestSession is the most that any role can be set to allow.
	longestSession = 12 * time.Hour
	// ownAge is what is left at least of a session that is handed on.
	ownAge = 45 * time.Minute
)

// Session asks STS for keys that act as the identity for the given time if its
// roles allow that, and otherwise for SessionAge. Each call is a new session.
// The error is an *Error that says what to correct where.
func (l *Loader) Session(ctx context.Context, id Identity, lasts time.Duration) (Session, error) {
	cfg, err := l.Config(ctx, Target{Credentials: id.Credentials, Region: id.Region})
	if err != nil {
		return Session{}, err
	}
	if len(id.Roles) == 0 {
		return l.handOn(ctx, cfg, id)
	}
	age := min(max(lasts, SessionAge), longestSession)
	got, err := l.assumeAll(ctx, cfg, id, age)
	if age > SessionAge && tooLong(err) {
		got, err = l.assumeAll(ctx, cfg, id, SessionAge)
	}
	return sessionOf(got), err
}

// tooLong says whether a role does not allow sessions of that length.
func tooLong(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.Code == "ValidationError" || e.Code == "ValidationException")
}

func sessionOf(c aws.Credentials) Session {
	return Session{
		Credentials: Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken},
		Expires:     c.Expires,
	}
}

// assumeAll assumes the roles of an identity, each with what the one before
// gave. The last one's session has the given age.
func (l *Loader) assumeAll(ctx context.Context, cfg aws.Config, id Identity, age time.Duration) (got aws.Credentials, err error) {
	as := id.Credentials.String()
	for i, role := range id.Roles {
		if i > 0 {
			as = "role " + id.Roles[i-1].ARN
			cfg.Credentials = credentials.NewStaticCredentialsProvider(got.AccessKeyID, got.SecretAccessKey, got.SessionToken)
		}
		if i > 0 || i < len(id.Roles)-1 {
			age = SessionAge // AWS gives chained sessions no longer one
		}
		client := sts.NewFromConfig(cfg)
		if i == 0 && id.Token != "" {
			got, err = assumeWithToken(ctx, client, id, age)
		} else {
			got, err = assumeAs(ctx, client, role, id, as, age)
		}
		if err != nil {
			return aws.Credentials{}, err
		}
	}
	return got, nil
}

func assumeAs(ctx context.Context, client *sts.Client, role Role, id Identity, as string, age time.Duration) (aws.Credentials, error) {
	got, err := stscreds.NewAssumeRoleProvider(client, role.ARN, role.session, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = cmp.Or(id.Name, sessionName)
		o.Duration = age
	}).Retrieve(ctx)
	if err == nil {
		return got, nil
	}
	err = Explain("assume role "+role.ARN, id.Credentials, err)
	if e, ok := errors.AsType[*Error](err); ok && errors.Is(e, ErrAccessDenied) {
		return got, notTrusted(e, role, as, cmp.Or(id.Name, sessionName))
	}
	return got, err
}

// notTrusted says what may be wrong: AWS gives one answer for all of it.
func notTrusted(e *Error, role Role, as, name string) error {
	external := "and the role may ask for one: set spec.externalID to it"
	if role.ExternalID != "" {
		external = fmt.Sprintf("which must be the one that the role asks for; it is %q", role.ExternalID)
	}
	return &Error{Kind: ErrRole, Doing: e.Doing, Code: e.Code, Err: e.Err, Message: fmt.Sprintf(
		"AWS denies it to %s. Check that the role exists, that its trust policy allows that identity sts:AssumeRole, that the identity's own policy allows it on the role, "+
			"that the session's name (%s) is one that the role accepts, and spec.externalID, %s. AWS said: %s", as, name, external, e.Message)}
}

// handOn makes keys of what the identity is to begin with, for a process that
// must not have more than keys that end. Keys that do not end are exchanged.
func (l *Loader) handOn(ctx context.Context, cfg aws.Config, id Identity) (Session, error) {
	const doing = "take on the operator's AWS identity"
	got, err := cfg.Credentials.Retrieve(ctx)
	if cache, ok := cfg.Credentials.(*aws.CredentialsCache); ok && err == nil && got.CanExpire && got.Expires.Sub(l.options.Now()) < ownAge {
		cache.Invalidate()
		got, err = cfg.Credentials.Retrieve(ctx)
	}
	if err != nil {
		return Session{}, Explain(doing, id.Credentials, err)
	}
	if got.CanExpire || got.SessionToken != "" {
		return sessionOf(got), nil
	}
	age := int32(SessionAge / time.Second)
	out, err := sts.NewFromConfig(cfg).GetSessionToken(ctx, &sts.GetSessionTokenInput{DurationSeconds: &age})
	if err != nil {
		return Session{}, Explain(doing, id.Credentials, err)
	}
	return Session{
		Credentials: Credentials{
			AccessKeyID: aws.ToString(out.Credentials.AccessKeyId), SecretAccessKey: aws.ToString(out.Credentials.SecretAccessKey),
			SessionToken: aws.ToString(out.Credentials.SessionToken),
		},
		Expires: aws.ToTime(out.Credentials.Expiration),
	}, nil
}
