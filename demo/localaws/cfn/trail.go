package cfn

import (
	"errors"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// calls are what CloudFormation's handlers call for a type, where that is not the
// verb and the name of the type: to create, to update and to delete.
var calls = map[string][3]string{
	"AWS::SNS::Topic":        {"CreateTopic", "SetTopicAttributes", "DeleteTopic"},
	"AWS::SQS::Queue":        {"CreateQueue", "SetQueueAttributes", "DeleteQueue"},
	"AWS::SSM::Parameter":    {"PutParameter", "PutParameter", "DeleteParameter"},
	"AWS::CloudWatch::Alarm": {"PutMetricAlarm", "PutMetricAlarm", "DeleteAlarms"},
	"AWS::Events::Rule":      {"PutRule", "PutRule", "DeleteRule"},
	"AWS::Lambda::Function":  {"CreateFunction20150331", "UpdateFunctionConfiguration20150331v2", "DeleteFunction20150331"},
}

// What is done to a resource.
const (
	created = iota
	updated
	deleted
)

var verbs = [3]string{"Create", "Update", "Delete"}

// noteCall has CloudTrail tell what was called for a resource of a stack: by the
// role of the stack or, without one, in the name of who began the operation.
func (s *Service) noteCall(op *operation, r *StackResource, physical string, what int, err error) {
	parts := strings.Split(r.Type, "::")
	if len(parts) != 3 || parts[0] != "AWS" || parts[1] == "CloudFormation" {
		return
	}
	e := cloud.TrailEvent{Name: verbs[what] + parts[2], Source: strings.ToLower(parts[1]) + ".amazonaws.com", InvokedBy: "cloudformation.amazonaws.com"}
	if names, known := calls[r.Type]; known {
		e.Name = names[what]
	}
	e.Request = map[string]any{}
	if physical != "" {
		e.Resources, e.Request["name"] = []string{physical}, physical
	}
	if named := cloud.Types[r.Type].Named; named != "" && wire.Text(r.Props[named]) != "" {
		e.Request[strings.ToLower(named[:1])+named[1:]] = wire.Text(r.Props[named])
	}
	if err != nil {
		e.ErrorCode, e.ErrorMessage = "InvalidParameterException", err.Error()
		if known, ok := errors.AsType[*wire.Error](err); ok {
			e.ErrorCode, e.ErrorMessage = known.Code, known.Message
		}
	}
	s.sign(&e, op)
	at := op.stack.Place
	if parts[1] == "IAM" {
		at.Region = "us-east-1"
	}
	s.cloud.RecordTrail(at, e)
}

// sign says who called.
func (s *Service) sign(e *cloud.TrailEvent, op *operation) {
	if role := op.stack.RoleARN; role != "" {
		name := role[strings.LastIndex(role, "/")+1:]
		e.Role, e.Username = role, "AWSCloudFormation"
		e.User = "arn:aws:sts::" + op.stack.Place.Account + ":assumed-role/" + name + "/AWSCloudFormation"
		return
	}
	e.AccessKey, e.User = op.caller, s.cloud.Identity(op.caller, op.stack.Place.Account)
	e.Username = e.User[strings.LastIndex(e.User, "/")+1:]
	if session, _ := s.cloud.SessionOf(op.caller); session.Role != "" {
		e.Role = "arn:aws:iam::" + session.Account + ":role/" + session.Role
	}
}
