package services

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

const functionType = "AWS::Lambda::Function"

var lambdaHandlers = map[string]Handler{
	"GetFunction":                 getFunction,
	"GetFunctionConfiguration":    getFunctionConfiguration,
	"UpdateFunctionConfiguration": updateFunctionConfiguration,
	"ListFunctions":               listFunctions,
	"GetAlias":                    getAlias,
}

// LambdaAction names the operation of a REST request to Lambda.
func LambdaAction(r *http.Request) string {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if len(parts) < 2 || parts[1] != "functions" {
		return r.Method + " " + r.URL.Path
	}
	switch {
	case len(parts) == 2 && r.Method == http.MethodGet:
		return "ListFunctions"
	case len(parts) == 3 && r.Method == http.MethodGet:
		return "GetFunction"
	case len(parts) == 4 && parts[3] == "configuration" && r.Method == http.MethodGet:
		return "GetFunctionConfiguration"
	case len(parts) == 4 && parts[3] == "configuration" && r.Method == http.MethodPut:
		return "UpdateFunctionConfiguration"
	case len(parts) == 5 && parts[3] == "aliases" && r.Method == http.MethodGet:
		return "GetAlias"
	}
	return r.Method + " " + r.URL.Path
}

// functionRef takes the function's name out of the path; it may be an ARN.
func functionRef(call *wire.Call) string {
	parts := strings.Split(strings.Trim(call.Request.URL.Path, "/"), "/")
	name := parts[min(2, len(parts)-1)]
	return name[strings.LastIndex(name, ":")+1:]
}

func function(c *cloud.Cloud, call *wire.Call) (cloud.Resource, error) {
	name := functionRef(call)
	f, ok := c.Get(place(call), functionType, name)
	if !ok {
		return f, wire.NotFound("ResourceNotFoundException", "Function not found: %s", cloud.ARN("lambda", place(call), "function:%s", name))
	}
	return f, nil
}

func functionView(f cloud.Resource) map[string]any {
	arn, _ := cloud.Attribute(f, "Arn")
	code, _ := json.Marshal(f.Props["Code"])
	sum := sha256.Sum256(code)
	view := map[string]any{
		"FunctionName": f.ID, "FunctionArn": arn, "State": "Active", "LastUpdateStatus": "Successful", "Version": "$LATEST",
		"CodeSha256": base64.StdEncoding.EncodeToString(sum[:]), "CodeSize": len(code), "PackageType": "Zip",
		"LastModified": f.Changed.Format("2006-01-02T15:04:05.000+0000"), "Timeout": 3, "MemorySize": 128,
	}
	for _, k := range []string{"Runtime", "Handler", "Role", "Description", "Environment", "Layers"} {
		if v, ok := f.Props[k]; ok {
			view[k] = v
		}
	}
	for _, k := range []string{"Timeout", "MemorySize"} {
		if v, ok := f.Props[k]; ok {
			view[k] = json.Number(wire.Text(v))
		}
	}
	return view
}

func getFunction(c *cloud.Cloud, call *wire.Call) (any, error) {
	f, err := function(c, call)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"Configuration": functionView(f), "Tags": wire.Entries(f.AllTags()),
		"Code": map[string]any{"RepositoryType": "S3", "Location": call.Endpoint},
	}, nil
}

func getFunctionConfiguration(c *cloud.Cloud, call *wire.Call) (any, error) {
	f, err := function(c, call)
	if err != nil {
		return nil, err
	}
	return functionView(f), nil
}

func updateFunctionConfiguration(c *cloud.Cloud, call *wire.Call) (any, error) {
	f, err := function(c, call)
	if err != nil {
		return nil, err
	}
	var in map[string]any
	if err := json.Unmarshal(call.Body, &in); err != nil {
		return nil, wire.Errorf("InvalidRequestContentException", "Could not parse request body into json: %s", err)
	}
	err = c.Change(place(call), functionType, f.ID, func(r *cloud.Resource) error {
		for _, k := range []string{"Runtime", "Handler", "Role", "Description", "Environment", "Layers", "Timeout", "MemorySize"} {
			if v, ok := in[k]; ok {
				r.Props[k] = v
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return getFunctionConfiguration(c, call)
}

func listFunctions(c *cloud.Cloud, call *wire.Call) (any, error) {
	list := []any{}
	for _, f := range c.List(place(call), functionType) {
		list = append(list, functionView(f))
	}
	return map[string]any{"Functions": list}, nil
}

var logsHandlers = map[string]Handler{
	"DescribeLogGroups":     describeLogGroups,
	"PutRetentionPolicy":    putRetention,
	"DeleteRetentionPolicy": putRetention,
	"CreateLogGroup": func(c *cloud.Cloud, call *wire.Call) (any, error) {
		_, err := c.Create(cloud.Spec{Type: "AWS::Logs::LogGroup", Place: place(call), Props: map[string]any{"LogGroupName": call.Params.String("logGroupName")}})
		return nil, err
	},
	"DeleteLogGroup": func(c *cloud.Cloud, call *wire.Call) (any, error) {
		return nil, c.Delete(cloud.Deleting, place(call), "AWS::Logs::LogGroup", call.Params.String("logGroupName"))
	},
}

func describeLogGroups(c *cloud.Cloud, call *wire.Call) (any, error) {
	list := []any{}
	for _, g := range c.List(place(call), "AWS::Logs::LogGroup") {
		if !strings.HasPrefix(g.ID, call.Params.String("logGroupNamePrefix")) {
			continue
		}
		view := map[string]any{
			"logGroupName": g.ID, "creationTime": g.Created.UnixMilli(), "storedBytes": 0, "metricFilterCount": 0,
			"arn": cloud.ARN("logs", g.Place, "log-group:%s:*", g.ID),
		}
		if days := g.Text("RetentionInDays"); days != "" {
			view["retentionInDays"] = json.Number(days)
		}
		list = append(list, view)
	}
	return map[string]any{"logGroups": list}, nil
}

func putRetention(c *cloud.Cloud, call *wire.Call) (any, error) {
	err := c.Change(place(call), "AWS::Logs::LogGroup", call.Params.String("logGroupName"), func(r *cloud.Resource) error {
		delete(r.Props, "RetentionInDays")
		if call.Params.Has("retentionInDays") {
			r.Props["RetentionInDays"] = call.Params["retentionInDays"]
		}
		return nil
	})
	return nil, missing(err, "ResourceNotFoundException", "The specified log group does not exist.")
}

var dynamoHandlers = map[string]Handler{
	"DescribeTable": describeTable,
	"ListTables": func(c *cloud.Cloud, call *wire.Call) (any, error) {
		names := []any{}
		for _, t := range c.List(place(call), "AWS::DynamoDB::Table") {
			names = append(names, t.ID)
		}
		return map[string]any{"TableNames": names}, nil
	},
	"DeleteTable": func(c *cloud.Cloud, call *wire.Call) (any, error) {
		out, err := describeTable(c, call)
		if err != nil {
			return nil, err
		}
		table := out.(map[string]any)["Table"]
		return map[string]any{"TableDescription": table}, c.Delete(cloud.Deleting, place(call), "AWS::DynamoDB::Table", call.Params.String("TableName"))
	},
}

func describeTable(c *cloud.Cloud, call *wire.Call) (any, error) {
	name := call.Params.String("TableName")
	t, ok := c.Get(place(call), "AWS::DynamoDB::Table", name)
	if !ok {
		return nil, wire.Errorf("ResourceNotFoundException", "Requested resource not found: Table: %s not found", name)
	}
	arn, _ := cloud.Attribute(t, "Arn")
	view := map[string]any{
		"TableName": t.ID, "TableArn": arn, "TableStatus": "ACTIVE", "CreationDateTime": t.Created, "ItemCount": 0,
		"KeySchema": t.Props["KeySchema"], "AttributeDefinitions": t.Props["AttributeDefinitions"],
	}
	if mode := t.Text("BillingMode"); mode != "" {
		view["BillingModeSummary"] = map[string]any{"BillingMode": mode}
	}
	return map[string]any{"Table": view}, nil
}

var ecrHandlers = map[string]Handler{
	"DescribeRepositories": describeRepositories,
	"CreateRepository":     createRepository,
	"ListImages":           noImages("imageIds"),
	"DescribeImages":       noImages("imageDetails"),
	"GetLifecyclePolicy": func(_ *cloud.Cloud, call *wire.Call) (any, error) {
		return nil, wire.Errorf("LifecyclePolicyNotFoundException", "Lifecycle policy does not exist for the repository with name '%s'", call.Params.String("repositoryName"))
	},
	"PutImageScanningConfiguration": func(*cloud.Cloud, *wire.Call) (any, error) { return nil, nil },
}

func repositoryView(r cloud.Resource) map[string]any {
	arn, _ := cloud.Attribute(r, "Arn")
	uri, _ := cloud.Attribute(r, "RepositoryUri")
	return map[string]any{
		"repositoryName": r.ID, "repositoryArn": arn, "repositoryUri": uri, "registryId": r.Place.Account, "createdAt": r.Created,
	}
}

func describeRepositories(c *cloud.Cloud, call *wire.Call) (any, error) {
	names, list := call.Params.Strings("repositoryNames"), []any{}
	for _, r := range c.List(place(call), "AWS::ECR::Repository") {
		if len(names) == 0 || slices.Contains(names, r.ID) {
			list = append(list, repositoryView(r))
		}
	}
	if len(names) > 0 && len(list) == 0 {
		return nil, wire.Errorf("RepositoryNotFoundException", "The repository with name '%s' does not exist in the registry with id '%s'", names[0], call.Account)
	}
	return map[string]any{"repositories": list}, nil
}

func createRepository(c *cloud.Cloud, call *wire.Call) (any, error) {
	name := call.Params.String("repositoryName")
	r, err := c.Create(cloud.Spec{Type: "AWS::ECR::Repository", Place: place(call), Props: map[string]any{"RepositoryName": name}})
	if err != nil {
		return nil, wire.Errorf("RepositoryAlreadyExistsException", "The repository with name '%s' already exists in the registry with id '%s'", name, call.Account)
	}
	return map[string]any{"repository": repositoryView(r)}, nil
}

// noImages answers with an empty list: the registry itself is not here.
func noImages(field string) Handler {
	return func(*cloud.Cloud, *wire.Call) (any, error) { return map[string]any{field: []any{}}, nil }
}
