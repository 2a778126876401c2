package services

import (
	"slices"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

// taskHandlers tell of the tasks that POST /_localaws/stopped-tasks has said.
var taskHandlers = map[string]Handler{
	"ListTasks":              listTasks,
	"DescribeTasks":          describeTasks,
	"DescribeTaskDefinition": describeTaskDefinition,
}

func init() {
	if Table["ecs"] == nil {
		Table["ecs"] = map[string]Handler{}
	}
	for action, h := range taskHandlers {
		Table["ecs"][action] = h
	}
}

// lastPart is the name at the end of an ARN.
func lastPart(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

func listTasks(c *cloud.Cloud, call *wire.Call) (any, error) {
	cluster, service := lastPart(call.Params.String("cluster")), lastPart(call.Params.String("serviceName"))
	arns := []any{}
	for _, t := range c.Stopped(place(call)).Tasks {
		status := call.Params.String("desiredStatus")
		inCluster := lastPart(wire.Text(t["clusterArn"])) == cluster
		if status == "STOPPED" && inCluster && (service == "" || wire.Text(t["group"]) == "service:"+service) {
			arns = append(arns, t["taskArn"])
		}
	}
	return map[string]any{"taskArns": arns}, nil
}

func describeTasks(c *cloud.Cloud, call *wire.Call) (any, error) {
	wanted, found, failures := call.Params.Strings("tasks"), []any{}, []any{}
	for _, t := range c.Stopped(place(call)).Tasks {
		if arn := wire.Text(t["taskArn"]); slices.Contains(wanted, arn) || slices.Contains(wanted, lastPart(arn)) {
			found = append(found, t)
			wanted = slices.DeleteFunc(wanted, func(w string) bool { return w == arn || w == lastPart(arn) })
		}
	}
	for _, arn := range wanted {
		failures = append(failures, map[string]any{"arn": arn, "reason": "MISSING"})
	}
	return map[string]any{"tasks": found, "failures": failures}, nil
}

func describeTaskDefinition(c *cloud.Cloud, call *wire.Call) (any, error) {
	ref := call.Params.String("taskDefinition")
	for _, d := range c.Stopped(place(call)).Definitions {
		if arn := wire.Text(d["taskDefinitionArn"]); arn == ref || lastPart(arn) == ref {
			return map[string]any{"taskDefinition": d}, nil
		}
	}
	return nil, wire.Errorf("ClientException", "Unable to describe task definition.")
}
