package cloud

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"awscdk.dev/operator/demo/localaws/wire"
)

// Types of containers that other packages name too.
const (
	ClusterType        = "AWS::ECS::Cluster"
	TaskDefinitionType = "AWS::ECS::TaskDefinition"
	ServiceType        = "AWS::ECS::Service"
)

var ecsTypes = map[string]*Type{
	ClusterType: {
		Named: "ClusterName", Replace: []string{"ClusterName"}, Delay: 40 * time.Millisecond,
		Attributes: func(r *Resource) map[string]any {
			return map[string]any{"Arn": ARN("ecs", r.Place, "cluster/%s", r.ID)}
		},
	},
	TaskDefinitionType: {
		Replace: []string{
			"ContainerDefinitions", "Cpu", "ExecutionRoleArn", "Family", "Memory", "NetworkMode", "RequiresCompatibilities",
			"RuntimePlatform", "TaskRoleArn", "Volumes",
		},
		Delay: 20 * time.Millisecond, ID: taskDefinitionID,
		Attributes: func(r *Resource) map[string]any { return map[string]any{"TaskDefinitionArn": r.ID} },
	},
	ServiceType: {
		Named: "ServiceName", Replace: []string{"ServiceName", "Cluster", "LaunchType", "SchedulingStrategy", "DeploymentController"},
		Delay: 60 * time.Millisecond, Hook: serviceHook,
		ID: func(_ *Cloud, r *Resource, name string) string {
			r.Attrs["Name"] = name
			return ARN("ecs", r.Place, "service/%s/%s", clusterName(r.Text("Cluster")), name)
		},
		Attributes: func(r *Resource) map[string]any {
			return map[string]any{"ServiceArn": r.ID, "Name": wire.Text(r.Attrs["Name"])}
		},
	},
}

// taskDefinitionID numbers the revisions of a family, which is not a name: many
// may have it.
func taskDefinitionID(c *Cloud, r *Resource, name string) string {
	family := cmp.Or(r.Text("Family"), name)
	counter := "revision of " + r.Place.Account + r.Place.Region + family
	c.failures[counter]++
	return ARN("ecs", r.Place, "task-definition/%s:%d", family, c.failures[counter])
}

// clusterName is the name in a cluster's ARN; a name stays itself, and none is
// the default cluster.
func clusterName(ref string) string {
	return cmp.Or(ref[strings.LastIndex(ref, "/")+1:], "default")
}

// revised are the properties of a service whose change is a new service revision,
// and so a service deployment.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html
var revised = []string{
	"CapacityProviderStrategy", "EnableExecuteCommand", "ForceNewDeployment", "LoadBalancers", "NetworkConfiguration", "PlatformVersion",
	"ServiceConnectConfiguration", "ServiceRegistries", "TaskDefinition", "VolumeConfigurations",
}

// revisionOf is the part of a service's properties that a revision is made of.
func revisionOf(props map[string]any) map[string]any {
	out := map[string]any{}
	for _, name := range revised {
		if v, ok := props[name]; ok {
			out[name] = v
		}
	}
	return out
}

// serviceHook refuses what ECS refuses, and starts a service deployment for what
// is another revision than the one in service.
func serviceHook(c *Cloud, phase Phase, r *Resource, next map[string]any) error {
	switch phase {
	case Deleting, Undoing:
		for arn, d := range c.deployments {
			if d.Service == r.ID {
				delete(c.deployments, arn)
			}
		}
		return nil
	case Creating, Updating:
		if err := c.serviceFits(r, next); err != nil {
			return err
		}
	}
	c.deployService(r, next)
	return nil
}

func (c *Cloud) serviceFits(r *Resource, next map[string]any) error {
	if name := clusterName(wire.Text(next["Cluster"])); name != "default" {
		if _, ok := c.get(r.Place, ClusterType, name); !ok {
			return awsErrorf("Cluster not found.")
		}
	}
	if _, ok := c.get(r.Place, TaskDefinitionType, wire.Text(next["TaskDefinition"])); !ok {
		return awsErrorf("TaskDefinition not found.")
	}
	p := wire.Params(next)
	config := p.Map("DeploymentConfiguration")
	for _, hook := range config.Maps("LifecycleHooks") {
		if hook.String("TargetType") != "PAUSE" {
			return awsErrorf("the local AWS does not implement lifecycle hooks of type %s: nothing runs here", cmp.Or(hook.String("TargetType"), "AWS_LAMBDA"))
		}
	}
	if !shifts(config.String("Strategy")) {
		return nil
	}
	for _, lb := range p.Maps("LoadBalancers") {
		a := lb.Map("AdvancedConfiguration")
		for _, group := range []string{lb.String("TargetGroupArn"), a.String("AlternateTargetGroupArn")} {
			if _, ok := c.get(r.Place, TargetGroupType, group); !ok {
				return awsErrorf("The specified target group does not exist: %q", group)
			}
		}
		if rule := a.String("ProductionListenerRule"); c.forwarder(r.Place, rule) == nil {
			return awsErrorf("The specified production listener rule does not exist: %q", rule)
		}
	}
	return nil
}

// shifts says whether a strategy moves traffic between two target groups.
func shifts(strategy string) bool {
	return slices.Contains([]string{"BLUE_GREEN", "LINEAR", "CANARY"}, strategy)
}

// forwarder is the listener rule, or the listener, of an ARN, nil if there is none.
func (c *Cloud) forwarder(place Place, arn string) *Resource {
	for _, typ := range []string{ListenerRuleType, ListenerType} {
		if r, ok := c.get(place, typ, arn); ok {
			return r
		}
	}
	return nil
}

// forward has a listener rule, or a listener, share its requests out between
// two target groups, as ECS writes it.
func (c *Cloud) forward(place Place, arn, one string, weight int, other string) {
	r := c.forwarder(place, arn)
	if r == nil {
		return
	}
	property := "Actions"
	if r.Type == ListenerType {
		property = "DefaultActions"
	}
	r.Props[property] = []any{map[string]any{"Type": "forward", "ForwardConfig": map[string]any{"TargetGroups": []any{
		map[string]any{"TargetGroupArn": one, "Weight": strconv.Itoa(weight)},
		map[string]any{"TargetGroupArn": other, "Weight": strconv.Itoa(100 - weight)},
	}}}}
	r.Changed = c.Now()
}
