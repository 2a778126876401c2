package services

import (
	"slices"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

var codeDeployHandlers = map[string]Handler{
	"ListDeployments":           listDeployments,
	"GetDeployment":             getDeployment,
	"ListDeploymentTargets":     listDeploymentTargets,
	"BatchGetDeploymentTargets": getDeploymentTargets,
	"StopDeployment":            stopDeployment,
}

func listDeployments(c *cloud.Cloud, call *wire.Call) (any, error) {
	if err := onlyKnown(call, "applicationName", "deploymentGroupName", "includeOnlyStatuses", "createTimeRange"); err != nil {
		return nil, err
	}
	app, group, list := call.Params.String("applicationName"), call.Params.String("deploymentGroupName"), []any{}
	if _, ok := c.Get(place(call), cloud.ApplicationType, app); !ok {
		return nil, wire.Errorf("ApplicationDoesNotExistException", "No application found for name: %s", app)
	}
	if _, ok := c.Get(place(call), cloud.DeploymentGroupType, group); !ok {
		return nil, wire.Errorf("DeploymentGroupDoesNotExistException", "No Deployment Group found for name: %s", group)
	}
	statuses, after := call.Params.Strings("includeOnlyStatuses"), moment(call.Params.Map("createTimeRange"), "start")
	for _, s := range c.Shifts(place(call)) {
		if s.Application == app && s.Group == group && (len(statuses) == 0 || slices.Contains(statuses, s.Status)) && s.Created.After(after) {
			list = append(list, s.ID)
		}
	}
	return map[string]any{"deployments": list}, nil
}

// shift is the one that the call names.
func shift(c *cloud.Cloud, call *wire.Call) (cloud.AliasShift, error) {
	id := call.Params.String("deploymentId")
	for _, s := range c.Shifts(place(call)) {
		if s.ID == id {
			return s, nil
		}
	}
	return cloud.AliasShift{}, wire.Errorf("DeploymentDoesNotExistException", "The deployment %s could not be found", id)
}

func getDeployment(c *cloud.Cloud, call *wire.Call) (any, error) {
	s, err := shift(c, call)
	if err != nil {
		return nil, err
	}
	info := map[string]any{
		"deploymentId": s.ID, "applicationName": s.Application, "deploymentGroupName": s.Group, "deploymentConfigName": s.Config, "status": s.Status,
		"computePlatform": "Lambda", "createTime": s.Created, "startTime": s.Created, "creator": "CloudFormation",
	}
	if !s.Active() {
		info["completeTime"] = s.Updated
	}
	if s.Reason != "" {
		code := "MANUAL_STOP"
		if len(s.Alarms) > 0 && strings.Contains(s.Reason, "alarm") {
			code = "ALARM_ACTIVE"
		}
		info["errorInformation"] = map[string]any{"code": code, "message": s.Reason}
	}
	if s.RolledBack {
		info["rollbackInfo"] = map[string]any{"rollbackMessage": s.Reason}
	}
	return map[string]any{"deploymentInfo": info}, nil
}

// targetOf names the one target of a shift: the function and the alias.
func targetOf(s cloud.AliasShift) string {
	_, name, _ := strings.Cut(s.Alias, ":function:")
	return name
}

func listDeploymentTargets(c *cloud.Cloud, call *wire.Call) (any, error) {
	s, err := shift(c, call)
	if err != nil {
		return nil, err
	}
	return map[string]any{"targetIds": []any{targetOf(s)}}, nil
}

func getDeploymentTargets(c *cloud.Cloud, call *wire.Call) (any, error) {
	s, err := shift(c, call)
	if err != nil {
		return nil, err
	}
	name := targetOf(s)
	if ids := call.Params.Strings("targetIds"); !slices.Contains(ids, name) {
		return nil, wire.Errorf("DeploymentTargetDoesNotExistException", "No target %v in deployment %s", ids, s.ID)
	}
	function, alias, _ := strings.Cut(name, ":")
	return map[string]any{"deploymentTargets": []any{map[string]any{
		"deploymentTargetType": "LambdaTarget",
		"lambdaTarget": map[string]any{
			"deploymentId": s.ID, "targetId": name, "status": "InProgress", "lastUpdatedAt": s.Updated,
			"lambdaFunctionInfo": map[string]any{
				"functionName": function, "functionAlias": alias, "currentVersion": s.From, "targetVersion": s.To, "targetVersionWeight": s.Weight / 100,
			},
		},
	}}}, nil
}

func stopDeployment(c *cloud.Cloud, call *wire.Call) (any, error) {
	id := call.Params.String("deploymentId")
	found, taken := c.StopShift(place(call), id, call.Params.Bool("autoRollbackEnabled"))
	switch {
	case !found:
		return nil, wire.Errorf("DeploymentDoesNotExistException", "The deployment %s could not be found", id)
	case !taken:
		return nil, wire.Errorf("DeploymentAlreadyCompletedException", "The deployment %s is already complete", id)
	}
	return map[string]any{"status": "Succeeded"}, nil
}

// getAlias shows an alias with the weights that a shift gives it.
func getAlias(c *cloud.Cloud, call *wire.Call) (any, error) {
	parts := strings.Split(strings.Trim(call.Request.URL.Path, "/"), "/")
	arn := cloud.ARN("lambda", place(call), "function:%s:%s", functionRef(call), parts[len(parts)-1])
	r, ok := c.Get(place(call), cloud.AliasType, arn)
	if !ok {
		return nil, wire.NotFound("ResourceNotFoundException", "Cannot find alias arn: %s", arn)
	}
	view := map[string]any{"AliasArn": arn, "Name": r.Text("Name"), "FunctionVersion": r.Text("FunctionVersion"), "Description": r.Text("Description")}
	for _, s := range c.Shifts(place(call)) {
		if s.Alias != arn {
			continue
		}
		switch {
		case s.Active():
			view["FunctionVersion"], view["RoutingConfig"] = s.From, map[string]any{"AdditionalVersionWeights": map[string]any{s.To: s.Weight / 100}}
		case s.RolledBack && r.Text("FunctionVersion") == s.To:
			view["FunctionVersion"] = s.From
		}
		break
	}
	return view, nil
}
