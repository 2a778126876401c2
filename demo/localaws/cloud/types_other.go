package cloud

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"awscdk.dev/operator/demo/localaws/wire"
)

// otherTypes are CloudFormation's own types and the one for tests.
// AWS::CloudFormation::Stack and WaitCondition also have work done by the engine.
var otherTypes = map[string]*Type{
	"AWS::CDK::Metadata":         {NoTags: true, NoDrift: true, Delay: 10 * time.Millisecond},
	"AWS::CloudFormation::Stack": {Required: []string{"TemplateURL"}, NoDrift: true},
	"AWS::CloudFormation::WaitCondition": {
		NoTags: true, NoDrift: true, Replace: []string{"Handle", "Timeout", "Count"},
		Attributes: func(r *Resource) map[string]any { return map[string]any{"Data": wire.Text(r.Attrs["Data"])} },
	},
	"AWS::CloudFormation::WaitConditionHandle": {NoTags: true, NoDrift: true, Delay: 10 * time.Millisecond, ID: handleURL},
	"Custom::S3AutoDeleteObjects": {
		Required: []string{"ServiceToken", "BucketName"}, Replace: []string{"BucketName"}, NoTags: true, NoDrift: true,
		Delay: 60 * time.Millisecond, Hook: autoDelete,
		ID: func(_ *Cloud, r *Resource, _ string) string { return r.Text("BucketName") + "-auto-delete" },
	},
	"Custom::LocalTest": {
		Required: []string{"ServiceToken"}, NoTags: true, NoDrift: true, Delay: 20 * time.Millisecond, Hook: failOnDemand,
		Attributes: func(r *Resource) map[string]any { return map[string]any{"Value": r.Text("Value")} },
	},
	"Local::Test::Resource": {
		Named: "Name", Replace: []string{"Name", "Immutable"}, Delay: 20 * time.Millisecond, Hook: failOnDemand,
		Attributes: func(r *Resource) map[string]any {
			return map[string]any{"Value": r.Text("Value"), "Arn": ARN("local", r.Place, "test/%s", r.ID)}
		},
	},
}

// handleURL makes the URL that signals are PUT to.
func handleURL(c *Cloud, r *Resource, _ string) string {
	return c.endpoint + "/_localaws/signal/" + r.Place.Account + "/" + r.Place.Region + "/" + UUID()
}

// autoDelete does what the CDK's custom resource of this name does when it is
// deleted: it empties the bucket.
func autoDelete(c *Cloud, phase Phase, r *Resource, _ map[string]any) error {
	if phase == Deleting || phase == Undoing {
		clear(c.objects[r.Text("BucketName")])
	}
	return nil
}

var phaseNames = map[Phase]string{Creating: "Create", Updating: "Update", Deleting: "Delete", RollingBack: "Rollback", Undoing: "Rollback"}

// failOnDemand fails the phases that FailOn names ("Create", "Update,Delete",
// …), in what is or in what is to come; with FailTimes only that many times.
func failOnDemand(c *Cloud, phase Phase, r *Resource, next map[string]any) error {
	wanted := wire.Text(next["FailOn"])
	if phase != Creating && phase != Updating {
		wanted += "," + r.Text("FailOn")
	}
	name := phaseNames[phase]
	if !contains(strings.Split(wanted, ","), name) {
		return nil
	}
	counter := strings.Join([]string{r.Place.Account, r.Place.Region, r.StackID, r.Logical, name}, "/")
	c.failures[counter]++
	if limit, err := strconv.Atoi(wire.Text(next["FailTimes"])); err == nil && c.failures[counter] > limit {
		return nil
	}
	if message := wire.Text(next["Message"]); message != "" {
		return awsErrorf("%s", message)
	}
	return awsErrorf("Local::Test::Resource was told to fail on %s", name)
}

// Unreadable says whether drift detection cannot read a resource, and why: one
// of the type for tests whose FailOn names "Drift". The drift of the resource,
// and of a stack without other drift, is then UNKNOWN.
func Unreadable(kind string, props map[string]any) (reason string, yes bool) {
	if kind != "Local::Test::Resource" || !contains(strings.Split(wire.Text(props["FailOn"]), ","), "Drift") {
		return "", false
	}
	return cmp.Or(wire.Text(props["Message"]), "Local::Test::Resource was told to fail on Drift"), true
}

func contains(list []string, want string) bool {
	for _, s := range list {
		if strings.EqualFold(strings.TrimSpace(s), want) {
			return true
		}
	}
	return false
}
