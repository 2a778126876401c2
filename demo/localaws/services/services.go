// Package services are the AWS services beside CloudFormation and S3, as far
// as the CDK, hook scripts and the aws CLI look at resources or change them.
// They are views of package cloud: they keep no state of their own.
package services

import (
	"errors"

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
	"ecs": ecsHandlers, "codedeploy": codeDeployHandlers,
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

var trailHandlers = map[string]Handler{
	"LookupEvents": func(*cloud.Cloud, *wire.Call) (any, error) { return map[string]any{"Events": []any{}}, nil },
}
