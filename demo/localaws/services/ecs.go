package services

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

var ecsHandlers = map[string]Handler{
	"DescribeServices":           describeServices,
	"ListServiceDeployments":     listServiceDeployments,
	"DescribeServiceDeployments": describeServiceDeployments,
	"DescribeServiceRevisions":   describeServiceRevisions,
	"ContinueServiceDeployment":  continueServiceDeployment,
	"StopServiceDeployment":      stopServiceDeployment,
}

// ecsService finds a service by its ARN, or by its name and cluster.
func ecsService(c *cloud.Cloud, call *wire.Call, ref string) (cloud.Resource, bool) {
	if strings.HasPrefix(ref, "arn:") {
		return c.Get(place(call), cloud.ServiceType, ref)
	}
	cluster := call.Params.String("cluster")
	cluster = cluster[strings.LastIndex(cluster, "/")+1:]
	if cluster == "" {
		cluster = "default"
	}
	return c.Get(place(call), cloud.ServiceType, cloud.ARN("ecs", place(call), "service/%s/%s", cluster, ref))
}

func describeServices(c *cloud.Cloud, call *wire.Call) (any, error) {
	if err := onlyKnown(call, "cluster", "services", "include"); err != nil {
		return nil, err
	}
	found, failures := []any{}, []any{}
	deployments := c.Deployments(place(call))
	for _, ref := range call.Params.Strings("services") {
		r, ok := ecsService(c, call, ref)
		if !ok {
			failures = append(failures, map[string]any{"arn": ref, "reason": "MISSING"})
			continue
		}
		view := map[string]any{
			"serviceArn": r.ID, "serviceName": r.Attrs["Name"], "clusterArn": clusterOf(r), "status": "ACTIVE", "createdAt": r.Created,
			"taskDefinition": r.Text("TaskDefinition"), "deploymentConfiguration": lowered(r.Props["DeploymentConfiguration"]),
			"loadBalancers": lowered(r.Props["LoadBalancers"]), "schedulingStrategy": orElse(r, "SchedulingStrategy", "REPLICA"),
			"desiredCount": wire.Params(r.Props).Int("DesiredCount", 1), "runningCount": wire.Params(r.Props).Int("DesiredCount", 1), "pendingCount": 0,
		}
		if live, ok := r.Attrs["Live"].(map[string]any); ok {
			view["taskDefinition"] = live["TaskDefinition"]
		}
		for _, d := range deployments {
			if d.Service == r.ID && d.Active() {
				view["currentServiceDeployment"] = d.ARN
			}
		}
		found = append(found, view)
	}
	return map[string]any{"services": found, "failures": failures}, nil
}

// clusterOf is the cluster of a service, by its ARN.
func clusterOf(r cloud.Resource) string {
	_, rest, _ := strings.Cut(r.ID, ":service/")
	name, _, _ := strings.Cut(rest, "/")
	return cloud.ARN("ecs", r.Place, "cluster/%s", name)
}

func listServiceDeployments(c *cloud.Cloud, call *wire.Call) (any, error) {
	if err := onlyKnown(call, "cluster", "service", "status", "createdAt", "maxResults"); err != nil {
		return nil, err
	}
	service, ok := ecsService(c, call, call.Params.String("service"))
	if !ok {
		return nil, wire.Errorf("ServiceNotFoundException", "Service not found.")
	}
	list, statuses, after := []any{}, call.Params.Strings("status"), moment(call.Params.Map("createdAt"), "after")
	for _, d := range c.Deployments(place(call)) {
		if d.Service == service.ID && (len(statuses) == 0 || slices.Contains(statuses, d.Status)) && d.Created.After(after) {
			list = append(list, map[string]any{
				"serviceDeploymentArn": d.ARN, "serviceArn": d.Service, "clusterArn": d.Cluster, "createdAt": d.Created, "startedAt": d.Created,
				"status": d.Status, "targetServiceRevisionArn": d.TargetRevision,
			})
		}
	}
	return map[string]any{"serviceDeployments": list[:min(len(list), call.Params.Int("maxResults", 20))]}, nil
}

// moment reads a time in seconds since 1970, the zero time if it is not there.
func moment(p wire.Params, name string) time.Time {
	seconds, err := strconv.ParseFloat(p.String(name), 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(int64(seconds * 1000))
}

func describeServiceDeployments(c *cloud.Cloud, call *wire.Call) (any, error) {
	if err := onlyKnown(call, "serviceDeploymentArns"); err != nil {
		return nil, err
	}
	found, failures, all := []any{}, []any{}, c.Deployments(place(call))
	for _, arn := range call.Params.Strings("serviceDeploymentArns") {
		i := slices.IndexFunc(all, func(d cloud.ServiceDeployment) bool { return d.ARN == arn })
		if i < 0 {
			failures = append(failures, map[string]any{"arn": arn, "reason": "MISSING"})
			continue
		}
		found = append(found, deploymentView(all[i]))
	}
	return map[string]any{"serviceDeployments": found, "failures": failures}, nil
}

func deploymentView(d cloud.ServiceDeployment) map[string]any {
	view := map[string]any{
		"serviceDeploymentArn": d.ARN, "serviceArn": d.Service, "clusterArn": d.Cluster, "createdAt": d.Created, "startedAt": d.Created,
		"updatedAt": d.Updated, "status": d.Status, "deploymentConfiguration": lowered(d.Config), "alarms": alarmsView(d),
		"targetServiceRevision": revisionView(d.TargetRevision, d.Weight, d.TestWeight),
	}
	for name, v := range map[string]string{"lifecycleStage": d.Stage, "statusReason": d.Reason} {
		if v != "" {
			view[name] = v
		}
	}
	if d.SourceRevision != "" {
		view["sourceServiceRevisions"] = []any{revisionView(d.SourceRevision, 100-d.Weight, 100-d.TestWeight)}
	}
	if !d.Active() {
		view["finishedAt"] = d.Finished
	}
	if d.Status == "ROLLBACK_SUCCESSFUL" {
		view["rollback"] = map[string]any{"reason": d.Reason, "startedAt": d.Finished, "serviceRevisionArn": d.SourceRevision}
	}
	hooks := []any{}
	for _, h := range d.Hooks {
		hooks = append(hooks, map[string]any{
			"hookId": h.ID, "targetType": "PAUSE", "status": h.Status, "expiresAt": h.Expires, "timeoutAction": h.TimeoutAction,
		})
	}
	view["lifecycleHookDetails"] = hooks
	return view
}

func revisionView(arn string, weight, test float64) map[string]any {
	return map[string]any{
		"arn": arn, "requestedProductionTrafficWeight": weight, "requestedTestTrafficWeight": test,
		"requestedTaskCount": 1, "runningTaskCount": 1, "pendingTaskCount": 0,
	}
}

func alarmsView(d cloud.ServiceDeployment) map[string]any {
	alarms := wire.Params(d.Config).Map("Alarms")
	status := "DISABLED"
	switch {
	case !alarms.Bool("Enable"):
	case len(d.Triggered) > 0:
		status = "TRIGGERED"
	case d.Active():
		status = "MONITORING"
	default:
		status = "MONITORING_COMPLETE"
	}
	return map[string]any{"status": status, "alarmNames": alarms.Strings("AlarmNames"), "triggeredAlarmNames": d.Triggered}
}

func describeServiceRevisions(c *cloud.Cloud, call *wire.Call) (any, error) {
	if err := onlyKnown(call, "serviceRevisionArns"); err != nil {
		return nil, err
	}
	found, failures, all := []any{}, []any{}, c.Deployments(place(call))
	for _, arn := range call.Params.Strings("serviceRevisionArns") {
		i := slices.IndexFunc(all, func(d cloud.ServiceDeployment) bool { return d.TargetRevision == arn })
		if i < 0 {
			failures = append(failures, map[string]any{"arn": arn, "reason": "MISSING"})
			continue
		}
		found = append(found, map[string]any{"serviceRevisionArn": arn, "serviceArn": all[i].Service, "clusterArn": all[i].Cluster, "createdAt": all[i].Created})
	}
	return map[string]any{"serviceRevisions": found, "failures": failures}, nil
}

func continueServiceDeployment(c *cloud.Cloud, call *wire.Call) (any, error) {
	arn := call.Params.String("serviceDeploymentArn")
	found, taken := c.Answer(place(call), arn, call.Params.String("hookId"), call.Params.String("action"))
	switch {
	case !found:
		return nil, wire.Errorf("ServiceDeploymentNotFoundException", "The service deployment %s was not found.", arn)
	case !taken:
		return nil, wire.Errorf("InvalidParameterException", "The lifecycle hook %s is not awaiting action.", call.Params.String("hookId"))
	}
	return map[string]any{"serviceDeploymentArn": arn}, nil
}

func stopServiceDeployment(c *cloud.Cloud, call *wire.Call) (any, error) {
	arn := call.Params.String("serviceDeploymentArn")
	if stop := call.Params.String("stopType"); stop != "" && stop != "ROLLBACK" {
		return nil, wire.Errorf("InvalidParameterException", "The stop type %s is not supported.", stop)
	}
	found, taken := c.Answer(place(call), arn, "", "ROLLBACK")
	switch {
	case !found:
		return nil, wire.Errorf("ServiceDeploymentNotFoundException", "The service deployment %s was not found.", arn)
	case !taken:
		return nil, wire.Errorf("ConflictException", "The service deployment is not in progress.")
	}
	return map[string]any{"serviceDeploymentArn": arn}, nil
}

// lowered writes properties of a template as the API of ECS does: names begin with a
// lower-case letter, numbers and booleans are such.
func lowered(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, child := range v {
			out[strings.ToLower(k[:1])+k[1:]] = lowered(child)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, child := range v {
			out[i] = lowered(child)
		}
		return out
	case string:
		if v == "true" || v == "false" {
			return v == "true"
		}
		if number := json.Number(v); v != "" && strings.Trim(v, "0123456789") == "" {
			return number
		}
	}
	return v
}
