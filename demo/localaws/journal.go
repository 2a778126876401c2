package localaws

import (
	"errors"
	"fmt"

	"awscdk.dev/operator/demo/localaws/control"
	"awscdk.dev/operator/demo/localaws/wire"
)

// target says what a call is about: a stack, a change set, a bucket and key, a name.
func target(call *wire.Call) string {
	if call.Service == "s3" {
		return call.Request.URL.Path
	}
	for _, name := range []string{
		"StackName", "Name", "TopicArn", "QueueUrl", "RoleArn", "RoleName", "FunctionName", "TableName",
		"DBInstanceIdentifier", "GroupId", "TargetGroupArn", "LoadBalancerArn", "serviceDeploymentArn", "deploymentId",
	} {
		if v := call.Params.String(name); v != "" {
			if cs := call.Params.String("ChangeSetName"); cs != "" {
				return v + " " + cs
			}
			return v
		}
	}
	if cs := call.Params.String("ChangeSetName"); cs != "" {
		return cs
	}
	return ""
}

// note writes the call into the journal, and what was refused to the log.
func (s *Server) note(call *wire.Call, status int, err error) {
	e := control.Entry{
		Time: s.Cloud.Now(), Service: call.Service, Action: call.Action, AccessKey: call.AccessKey, Account: call.Account,
		Region: call.Region, Target: target(call), Agent: call.Request.UserAgent(), Status: status,
		Write: control.IsWrite(call.Action),
	}
	if err != nil {
		e.Error = "InternalFailure"
		if known, ok := errors.AsType[*wire.Error](err); ok {
			e.Error = known.Code
		}
	}
	s.Control.Record(e)
	if s.config.Log == nil || err == nil {
		return
	}
	s.log.Lock()
	defer s.log.Unlock()
	_, _ = fmt.Fprintf(s.config.Log, "localaws: %s:%s %s: %s\n", e.Service, e.Action, e.Target, err)
}
