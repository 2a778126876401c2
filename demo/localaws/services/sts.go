package services

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

var stsHandlers = map[string]Handler{
	"GetCallerIdentity":         callerIdentity,
	"AssumeRole":                assumeRole,
	"AssumeRoleWithWebIdentity": assumeRoleWithWebIdentity,
	"GetSessionToken":           sessionToken,
}

func callerIdentity(c *cloud.Cloud, call *wire.Call) (any, error) {
	return map[string]any{
		"Account": call.Account, "UserId": "AIDALOCALAWS" + call.Account[max(0, len(call.Account)-4):],
		"Arn": c.Identity(call.AccessKey, call.Account),
	}, nil
}

// assumeRole gives temporary keys that belong to the role's account. The role
// must exist, and its trust policy must allow the caller the session that is
// asked for. What the caller's own policies allow is not evaluated.
func assumeRole(c *cloud.Cloud, call *wire.Call) (any, error) {
	role, exists, err := roleToAssume(c, call)
	if err != nil {
		return nil, err
	}
	who := caller{call: call, account: call.Account, arn: c.Identity(call.AccessKey, call.Account)}
	if session, _ := c.SessionOf(call.AccessKey); session.Role != "" {
		who.role = "arn:aws:iam::" + session.Account + ":role/" + session.Role
	}
	for _, action := range sessionActions(call) {
		if exists && trusts(role, action, who) {
			continue
		}
		return nil, &wire.Error{
			Code: "AccessDenied", Status: http.StatusForbidden,
			Message: "User: " + who.arn + " is not authorized to perform: " + action + " on resource: " + call.Params.String("RoleArn"),
		}
	}
	return newSession(c, call), nil
}

// assumeRoleWithWebIdentity is assumeRole for whoever a token of an OIDC issuer
// says the caller is. The call is not signed.
func assumeRoleWithWebIdentity(c *cloud.Cloud, call *wire.Call) (any, error) {
	role, exists, err := roleToAssume(c, call)
	if err != nil {
		return nil, err
	}
	account, _, _ := cloud.SplitRole(call.Params.String("RoleArn"))
	proven, err := verified(c, account, call.Params.String("WebIdentityToken"))
	if err != nil {
		return nil, err
	}
	if !exists || !trusts(role, "sts:AssumeRoleWithWebIdentity", caller{call: call, web: &proven}) {
		return nil, &wire.Error{Code: "AccessDenied", Status: http.StatusForbidden, Message: "Not authorized to perform sts:AssumeRoleWithWebIdentity"}
	}
	answer := newSession(c, call)
	answer["SubjectFromWebIdentityToken"], answer["Audience"], answer["Provider"] = proven.subject, proven.audience, proven.provider
	return answer, nil
}

// sessionToken gives a user temporary keys of its own.
func sessionToken(c *cloud.Cloud, call *wire.Call) (any, error) {
	if _, temporary := c.SessionOf(call.AccessKey); temporary {
		return nil, &wire.Error{Code: "AccessDenied", Status: http.StatusForbidden, Message: "Cannot call GetSessionToken with session credentials"}
	}
	lifetime := call.Params.Int("DurationSeconds", 12*3600)
	if lifetime < 900 || lifetime > 36*3600 {
		return nil, wire.Invalid("1 validation error detected: Value '%d' at 'durationSeconds' failed to satisfy constraint: Member must have value between 900 and 129600", lifetime)
	}
	return map[string]any{"Credentials": credentials(c, cloud.Session{Account: call.Account}, lifetime)}, nil
}

// roleToAssume finds the role of a call, and refuses what no role allows.
func roleToAssume(c *cloud.Cloud, call *wire.Call) (role cloud.Resource, exists bool, err error) {
	arn := call.Params.String("RoleArn")
	account, name, ok := cloud.SplitRole(arn)
	if !ok {
		return role, false, wire.Invalid("%s is invalid", arn)
	}
	role, exists = c.Get(cloud.Place{Account: account}, roleType, name)
	return role, exists, checkSession(c, call, role)
}

func newSession(c *cloud.Cloud, call *wire.Call) map[string]any {
	account, name, _ := cloud.SplitRole(call.Params.String("RoleArn"))
	session := call.Params.String("RoleSessionName")
	return map[string]any{
		"Credentials": credentials(c, cloud.Session{Account: account, Role: name, Name: session}, call.Params.Int("DurationSeconds", 3600)),
		"AssumedRoleUser": map[string]any{
			"AssumedRoleId": "AROA" + cloud.Random(17) + ":" + session,
			"Arn":           "arn:aws:sts::" + account + ":assumed-role/" + name + "/" + session,
		},
	}
}

func credentials(c *cloud.Cloud, s cloud.Session, lifetime int) map[string]any {
	s.Expires = c.Now().Add(time.Duration(lifetime) * time.Second)
	key, made := c.NewSession(s)
	return map[string]any{
		"AccessKeyId": key, "SecretAccessKey": cloud.Random(40), "SessionToken": made.Token, "Expiration": made.Expires,
	}
}

// sessionActions are what a role's trust policy must allow.
func sessionActions(call *wire.Call) []string {
	actions := []string{"sts:" + call.Action}
	if len(call.Params.Maps("Tags")) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	return actions
}

var (
	sessionShape  = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	externalShape = regexp.MustCompile(`^[\w+=,.@:/-]{2,}$`)
	tagKeyShape   = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$`)
	tagShape      = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$`)
)

// checkSession refuses what STS refuses of a session, whatever the role.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
func checkSession(c *cloud.Cloud, call *wire.Call, role cloud.Resource) error {
	session, lifetime := call.Params.String("RoleSessionName"), call.Params.Int("DurationSeconds", 3600)
	if !sessionShape.MatchString(session) {
		return wire.Invalid("1 validation error detected: Value '%s' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*", session)
	}
	if id := call.Params.String("ExternalId"); call.Params.Has("ExternalId") && !externalShape.MatchString(id) {
		return wire.Invalid("1 validation error detected: Value '%s' at 'externalId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@:\\/-]*", id)
	}
	by, _ := c.SessionOf(call.AccessKey)
	switch chained := by.Role != ""; {
	case lifetime < 900:
		return wire.Invalid("1 validation error detected: Value '%d' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900", lifetime)
	case chained && lifetime > 3600:
		return wire.Invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	case lifetime > longestSession(role):
		return wire.Invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return checkTags(call.Params)
}

// longestSession is a role's MaxSessionDuration in seconds.
func longestSession(role cloud.Resource) int {
	return wire.Params(role.Props).Int("MaxSessionDuration", 3600)
}

func checkTags(p wire.Params) error {
	tags := p.Maps("Tags")
	if len(tags) > 50 {
		return wire.Invalid("1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50")
	}
	var keys []string
	for _, t := range tags {
		key := strings.ToLower(t.String("Key"))
		switch {
		case !tagKeyShape.MatchString(key) || !tagShape.MatchString(t.String("Value")):
			return wire.Invalid("1 validation error detected: Value at 'tags' failed to satisfy constraint: the tag %s=%s has characters that are not allowed, or too many", t.String("Key"), t.String("Value"))
		case strings.HasPrefix(key, "aws:"):
			return wire.Invalid("aws: prefixed tag key names are not allowed for external use.")
		case slices.Contains(keys, key):
			return wire.Invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		keys = append(keys, key)
	}
	for _, key := range p.Strings("TransitiveTagKeys") {
		if !slices.Contains(keys, strings.ToLower(key)) {
			return wire.Invalid("The transitive tag key %s is not among the session tags.", key)
		}
	}
	return nil
}
