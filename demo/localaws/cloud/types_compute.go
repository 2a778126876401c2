package cloud

import (
	"strconv"
	"strings"
	"time"

	"awscdk.dev/operator/demo/localaws/wire"
)

var computeTypes = map[string]*Type{
	"AWS::Lambda::Function": {
		Named: "FunctionName", Replace: []string{"FunctionName", "PackageType"}, Required: []string{"Code", "Role"},
		Delay: 200 * time.Millisecond, Hook: functionHook,
		Attributes: func(r *Resource) map[string]any {
			return map[string]any{"Arn": ARN("lambda", r.Place, "function:%s", r.ID)}
		},
	},
	"AWS::Lambda::Permission": {
		Replace:  []string{"Action", "FunctionName", "Principal", "SourceArn", "SourceAccount"},
		Required: []string{"Action", "FunctionName", "Principal"}, NoTags: true, NoDrift: true, Delay: 30 * time.Millisecond,
		Attributes: func(r *Resource) map[string]any { return map[string]any{"Id": r.ID} },
		Hook:       needsFunction,
	},
	"AWS::Lambda::Version": {
		Replace: []string{"FunctionName", "Description", "CodeSha256"}, Required: []string{"FunctionName"}, NoTags: true,
		NoDrift: true, Delay: 60 * time.Millisecond, Hook: needsFunction, ID: versionID,
		Attributes: func(r *Resource) map[string]any {
			return map[string]any{"FunctionArn": r.ID, "Version": r.ID[strings.LastIndex(r.ID, ":")+1:]}
		},
	},
	AliasType: {
		Replace: []string{"FunctionName", "Name"}, Required: []string{"FunctionName", "FunctionVersion", "Name"},
		NoTags: true, Delay: 40 * time.Millisecond, Hook: needsFunction,
		ID: func(_ *Cloud, r *Resource, _ string) string {
			return ARN("lambda", r.Place, "function:%s:%s", functionName(r.Text("FunctionName")), r.Text("Name"))
		},
		Attributes: func(r *Resource) map[string]any { return map[string]any{"AliasArn": r.ID} },
	},
}

// functionName takes the name out of a function's ARN; a name stays itself.
func functionName(ref string) string {
	if parts := strings.Split(ref, ":"); len(parts) >= 7 {
		return parts[6]
	}
	return ref
}

func versionID(c *Cloud, r *Resource, _ string) string {
	name := functionName(r.Text("FunctionName"))
	counter := "version of " + r.Place.Account + r.Place.Region + name
	c.failures[counter]++
	return ARN("lambda", r.Place, "function:%s:%s", name, strconv.Itoa(c.failures[counter]))
}

// functionHook refuses code that isn't in the bucket, and roles that don't
// exist. Code is never run.
func functionHook(c *Cloud, phase Phase, r *Resource, next map[string]any) error {
	if phase != Creating && phase != Updating {
		return nil
	}
	code, _ := next["Code"].(map[string]any)
	bucket, object := wire.Text(code["S3Bucket"]), wire.Text(code["S3Key"])
	if bucket != "" {
		if _, ok := c.objects[bucket]; !ok {
			return awsErrorf("Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The specified bucket does not exist")
		}
		if _, ok := c.objects[bucket][object]; !ok {
			return awsErrorf("Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.")
		}
	}
	if bucket == "" && code["ZipFile"] == nil && code["ImageUri"] == nil {
		return awsErrorf("Please provide a source for function code.")
	}
	role := wire.Text(next["Role"])
	if _, ok := c.get(r.Place, "AWS::IAM::Role", role[strings.LastIndex(role, "/")+1:]); !ok {
		return awsErrorf("The role defined for the function cannot be assumed by Lambda.")
	}
	return nil
}

func needsFunction(c *Cloud, phase Phase, r *Resource, next map[string]any) error {
	if phase != Creating && phase != Updating {
		return nil
	}
	name := functionName(wire.Text(next["FunctionName"]))
	if _, ok := c.get(r.Place, "AWS::Lambda::Function", name); !ok {
		return awsErrorf("Function not found: %s", ARN("lambda", r.Place, "function:%s", name))
	}
	return nil
}
