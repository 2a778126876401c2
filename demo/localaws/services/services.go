// Package services are the AWS services beside CloudFormation and S3, as far
// as the CDK, hook scripts and the aws CLI look at resources or change them.
// They are views of package cloud: they keep no state of their own.
package services

import (
	"errors"
	"net/http"
	"time"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// Handler answers one action.
type Handler func(c *cloud.Cloud, call *wire.Call) (any, error)

// Table maps service and action to handlers.
var Table = map[string]map[string]Handler{
	"sts": stsHandlers, "ssm": ssmHandlers, "sns": snsHandlers, "sqs": sqsHandlers, "iam": iamHandlers,
	"ecr": ecrHandlers, "lambda": lambdaHandlers, "logs": logsHandlers, "dynamodb": dynamoHandlers,
	"cloudtrail": trailHandlers, "kms": kmsHandlers, "events": eventsHandlers, "monitoring": alarmHandlers,
	"rds": rdsHandlers, "elasticloadbalancing": balancerHandlers, "ce": costHandlers, "ec2": ec2Handlers,
}

// Handle answers a call, or refuses loudly what isn't implemented.
func Handle(c *cloud.Cloud, call *wire.Call) (any, error) {
	h, ok := Table[call.Service][call.Action]
	if !ok {
		return nil, wire.NotImplemented(call.Service, call.Action)
	}
	return h(c, call)
}

func place(call *wire.Call) cloud.Place {
	return cloud.Place{Account: call.Account, Region: call.Region}
}

// missing turns "does not exist" into the service's own error.
func missing(err error, code, format string, args ...any) error {
	if errors.Is(err, cloud.ErrNotFound) {
		return wire.Errorf(code, format, args...)
	}
	return err
}

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
// must exist; its trust policy and permissions are not evaluated.
func assumeRole(c *cloud.Cloud, call *wire.Call) (any, error) {
	arn, session := call.Params.String("RoleArn"), call.Params.String("RoleSessionName")
	account, name, ok := cloud.SplitRole(arn)
	if !ok {
		return nil, wire.Invalid("%s is invalid", arn)
	}
	if _, exists := c.Get(cloud.Place{Account: account}, roleType, name); !exists {
		return nil, &wire.Error{
			Code: "AccessDenied", Status: http.StatusForbidden,
			Message: "User: " + c.Identity(call.AccessKey, call.Account) + " is not authorized to perform: sts:" + call.Action + " on resource: " + arn,
		}
	}
	lifetime := time.Duration(call.Params.Int("DurationSeconds", 3600)) * time.Second
	return map[string]any{
		"Credentials": map[string]any{
			"AccessKeyId": c.NewSession(account, name), "SecretAccessKey": cloud.Random(40),
			"SessionToken": "local-" + cloud.Random(60), "Expiration": c.Now().Add(lifetime),
		},
		"AssumedRoleUser": map[string]any{
			"AssumedRoleId": "AROA" + cloud.Random(17) + ":" + session,
			"Arn":           "arn:aws:sts::" + account + ":assumed-role/" + name + "/" + session,
		},
	}, nil
}

var trailHandlers = map[string]Handler{
	"LookupEvents": func(*cloud.Cloud, *wire.Call) (any, error) { return map[string]any{"Events": []any{}}, nil },
}
