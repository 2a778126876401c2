package localaws

import (
	"errors"
	"slices"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/control"
	"awscdk.dev/operator/demo/localaws/wire"
)

// dataActions are calls about what is in a resource. CloudTrail's event history
// has management events only.
var dataActions = []string{
	"GetObject", "HeadObject", "PutObject", "DeleteObject", "DeleteObjects", "CopyObject", "ListObjects", "ListObjectsV2", "ListObjectVersions",
	"CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "AbortMultipartUpload", "Publish", "SendMessage", "ReceiveMessage", "DeleteMessage",
	"PutLogEvents", "GetLogEvents", "FilterLogEvents", "PutMetricData",
}

// named are the parameters that name resources.
var named = []string{
	"StackName", "Name", "TopicArn", "QueueUrl", "QueueName", "RoleName", "FunctionName", "TableName", "DBInstanceIdentifier", "GroupId",
	"TargetGroupArn", "LoadBalancerArn", "logGroupName", "repositoryName", "KeyId", "PolicyArn", "ResourceArn",
}

// trail has CloudTrail note a call, as far as who called is known.
func (s *Server) trail(call *wire.Call, err error) {
	if call.Account == "" || slices.Contains(dataActions, call.Action) || call.Service == "" {
		return
	}
	e := s.caller(call.AccessKey, call.Account)
	e.Name, e.Source, e.ReadOnly = call.Action, call.Service+".amazonaws.com", !control.IsWrite(call.Action)
	if known, ok := errors.AsType[*wire.Error](err); ok {
		if known.Code == "NotImplemented" || strings.Contains(known.Code, "Token") || known.Code == "ThrottlingException" {
			return // AWS would know the call, or not know the caller
		}
		e.ErrorCode, e.ErrorMessage = known.Code, known.Message
	}
	e.Request = map[string]any{}
	for _, name := range named {
		if v := call.Params.String(name); v != "" {
			e.Request[strings.ToLower(name[:1])+name[1:]] = v
			e.Resources = append(e.Resources, v)
		}
	}
	if call.Service == "s3" {
		if bucket, _, _ := strings.Cut(strings.TrimPrefix(call.Request.URL.Path, "/"), "/"); bucket != "" {
			e.Request["bucketName"], e.Resources = bucket, append(e.Resources, bucket)
		}
	}
	if call.Service == "lambda" {
		parts := strings.Split(call.Request.URL.Path, "/")
		if len(parts) > 3 {
			e.Request["functionName"], e.Resources = parts[3], append(e.Resources, parts[3])
		}
	}
	at := cloud.Place{Account: call.Account, Region: call.Region}
	if call.Service == "iam" {
		at.Region = "us-east-1" // where the events of global services are
	}
	s.Cloud.RecordTrail(at, e)
}

// caller is who has an access key, as CloudTrail tells it.
func (s *Server) caller(accessKey, account string) cloud.TrailEvent {
	e := cloud.TrailEvent{AccessKey: accessKey, User: s.Cloud.Identity(accessKey, account)}
	e.Username = e.User[strings.LastIndex(e.User, "/")+1:]
	if session, _ := s.Cloud.SessionOf(accessKey); session.Role != "" {
		e.Role = "arn:aws:iam::" + session.Account + ":role/" + session.Role
	}
	return e
}
