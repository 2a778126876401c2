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
	"AssumeRoleWithWebIdentity": assumeRole,
}

func callerIdentity(c *cloud.Cloud, call *wire.Call) (any, error) {
	return map[string]any{
		"Account": call.Account, "UserId": "AIDALOCALAWS" + call.Account[max(0, len(call.Account)-4):],
		"Arn": c.Identity(call.AccessKey, call.Account),
	}, nil
}

// assumeRole gives temporary keys that belong to the role's account. The role
// must exist, and its trust policy must allow the external id and the session
// tags; whom it trusts and what the caller may do is not evaluated.
func assumeRole(c *cloud.Cloud, call *wire.Call) (any, error) {
	arn, session := call.Params.String("RoleArn"), call.Params.String("RoleSessionName")
	account, name, ok := cloud.SplitRole(arn)
	if !ok {
		return nil, wire.Invalid("%s is invalid", arn)
	}
	lifetime := call.Params.Int("DurationSeconds", 3600)
	if err := checkSession(c, call, session, lifetime); err != nil {
		return nil, err
	}
	role, exists := c.Get(cloud.Place{Account: account}, roleType, name)
	for _, action := range sessionActions(call) {
		if exists && trusts(role, action, call.Params) {
			continue
		}
		return nil, &wire.Error{
			Code: "AccessDenied", Status: http.StatusForbidden,
			Message: "User: " + c.Identity(call.AccessKey, call.Account) + " is not authorized to perform: " + action + " on resource: " + arn,
		}
	}
	return map[string]any{
		"Credentials": map[string]any{
			"AccessKeyId": c.NewSession(account, name), "SecretAccessKey": cloud.Random(40),
			"SessionToken": "local-" + cloud.Random(60), "Expiration": c.Now().Add(time.Duration(lifetime) * time.Second),
		},
		"AssumedRoleUser": map[string]any{
			"AssumedRoleId": "AROA" + cloud.Random(17) + ":" + session,
			"Arn":           "arn:aws:sts::" + account + ":assumed-role/" + name + "/" + session,
		},
	}, nil
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
	sessionShape = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	tagKeyShape  = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$`)
	tagShape     = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$`)
)

// checkSession refuses what STS refuses of a session, whatever the role.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
func checkSession(c *cloud.Cloud, call *wire.Call, session string, lifetime int) error {
	if call.Action == "AssumeRole" && !sessionShape.MatchString(session) {
		return wire.Invalid("1 validation error detected: Value '%s' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*", session)
	}
	switch _, chained := c.SessionAccount(call.AccessKey); {
	case lifetime < 900:
		return wire.Invalid("1 validation error detected: Value '%d' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900", lifetime)
	case chained && lifetime > 3600:
		return wire.Invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	case lifetime > 3600: // the default of a role's MaxSessionDuration, which is all that roles have here
		return wire.Invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return checkTags(call.Params)
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
