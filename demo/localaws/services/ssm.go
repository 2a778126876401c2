package services

import (
	"slices"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

const ssmType = "AWS::SSM::Parameter"

var ssmHandlers = map[string]Handler{
	"GetParameter":        getParameter,
	"GetParameters":       getParameters,
	"GetParametersByPath": getParametersByPath,
	"PutParameter":        putParameter,
	"DeleteParameter":     deleteParameter,
	"DeleteParameters":    deleteParameters,
	"DescribeParameters":  describeParameters,
	"ListTagsForResource": ssmTags,
}

func parameterView(p cloud.Resource) map[string]any {
	version, _ := p.Attrs["Version"].(int)
	return map[string]any{
		"Name": p.ID, "Type": p.Text("Type"), "Value": p.Text("Value"), "Version": version + 1,
		"ARN": parameterARN(p), "LastModifiedDate": p.Changed, "DataType": "text",
	}
}

func parameterARN(p cloud.Resource) string {
	return cloud.ARN("ssm", p.Place, "parameter/%s", strings.TrimPrefix(p.ID, "/"))
}

// parameterName takes the name out of a name or an ARN.
func parameterName(ref string) string {
	if _, name, ok := strings.Cut(ref, ":parameter/"); ok {
		return "/" + name
	}
	return ref
}

func getParameter(c *cloud.Cloud, call *wire.Call) (any, error) {
	name := parameterName(call.Params.String("Name"))
	p, ok := c.Get(place(call), ssmType, name)
	if !ok {
		return nil, wire.Errorf("ParameterNotFound", "Parameter %s not found.", name)
	}
	return map[string]any{"Parameter": parameterView(p)}, nil
}

func getParameters(c *cloud.Cloud, call *wire.Call) (any, error) {
	found, invalid := []any{}, []any{}
	for _, name := range call.Params.Strings("Names") {
		if p, ok := c.Get(place(call), ssmType, parameterName(name)); ok {
			found = append(found, parameterView(p))
		} else {
			invalid = append(invalid, name)
		}
	}
	return map[string]any{"Parameters": found, "InvalidParameters": invalid}, nil
}

func getParametersByPath(c *cloud.Cloud, call *wire.Call) (any, error) {
	prefix := strings.TrimSuffix(call.Params.String("Path"), "/") + "/"
	list := []any{}
	for _, p := range c.List(place(call), ssmType) {
		rest, ok := strings.CutPrefix(p.ID, prefix)
		if ok && (call.Params.Bool("Recursive") || !strings.Contains(rest, "/")) {
			list = append(list, parameterView(p))
		}
	}
	return map[string]any{"Parameters": list}, nil
}

func putParameter(c *cloud.Cloud, call *wire.Call) (any, error) {
	name, version := call.Params.String("Name"), 1
	props := map[string]any{}
	for _, k := range []string{"Name", "Type", "Value", "Description", "Tier", "AllowedPattern"} {
		if call.Params.Has(k) {
			props[k] = call.Params.String(k)
		}
	}
	if _, ok := c.Get(place(call), ssmType, name); !ok {
		if props["Type"] == nil {
			props["Type"] = "String"
		}
		_, err := c.Create(cloud.Spec{Type: ssmType, Place: place(call), Props: props})
		return map[string]any{"Version": version, "Tier": "Standard"}, err
	}
	if !call.Params.Bool("Overwrite") {
		return nil, wire.Errorf("ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")
	}
	err := c.Change(place(call), ssmType, name, func(r *cloud.Resource) error {
		for k, v := range props {
			r.Props[k] = v
		}
		previous, _ := r.Attrs["Version"].(int)
		r.Attrs["Version"] = previous + 1
		version = previous + 2
		return nil
	})
	return map[string]any{"Version": version, "Tier": "Standard"}, err
}

func deleteParameter(c *cloud.Cloud, call *wire.Call) (any, error) {
	name := call.Params.String("Name")
	if _, ok := c.Get(place(call), ssmType, name); !ok {
		return nil, wire.Errorf("ParameterNotFound", "Parameter %s not found.", name)
	}
	return nil, c.Delete(cloud.Deleting, place(call), ssmType, name)
}

func deleteParameters(c *cloud.Cloud, call *wire.Call) (any, error) {
	deleted, invalid := []any{}, []any{}
	for _, name := range call.Params.Strings("Names") {
		if _, ok := c.Get(place(call), ssmType, name); !ok {
			invalid = append(invalid, name)
			continue
		}
		if err := c.Delete(cloud.Deleting, place(call), ssmType, name); err != nil {
			return nil, err
		}
		deleted = append(deleted, name)
	}
	return map[string]any{"DeletedParameters": deleted, "InvalidParameters": invalid}, nil
}

func describeParameters(c *cloud.Cloud, call *wire.Call) (any, error) {
	list := []any{}
	names := filterValues(call, "Name")
	for _, p := range c.List(place(call), ssmType) {
		if len(names) > 0 && !slices.Contains(names, p.ID) {
			continue
		}
		view := parameterView(p)
		delete(view, "Value")
		list = append(list, view)
	}
	return map[string]any{"Parameters": list}, nil
}

func filterValues(call *wire.Call, key string) []string {
	for _, f := range call.Params.Maps("ParameterFilters") {
		if f.String("Key") == key {
			return f.Strings("Values")
		}
	}
	return nil
}

func ssmTags(c *cloud.Cloud, call *wire.Call) (any, error) {
	p, ok := c.Get(place(call), ssmType, call.Params.String("ResourceId"))
	if !ok {
		return nil, wire.Errorf("InvalidResourceId", "The resource ID is not valid.")
	}
	return map[string]any{"TagList": cloud.TagList(p.AllTags())}, nil
}
