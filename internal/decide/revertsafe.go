package decide

import (
	"fmt"
	"slices"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// beyondDrift says what a plan that puts drift back would do that it must not,
// nil for nothing. CloudFormation puts back everything at once, what is ignored
// included, and its drift-aware change sets are known to hold changes that
// nothing has made, replacements among them: see
// https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2559
// and /2505.
func (p *pass) beyondDrift(cs ChangeSet) *problem.Problem {
	d := p.st.Drift
	switch {
	case d == nil:
		return errRevertRefused.New("what has drifted is not known")
	case cs.Unseen:
		return errRevertRefused.New("it does more, in nested stacks that could not be looked into")
	case d.Ignored != nil && int(d.Ignored.Count) > len(d.Ignored.Differences):
		return errRevertIgnored.New("spec.drift.ignore ignores %d differences, more than can be compared with it", d.Ignored.Count)
	}
	for _, c := range cs.Changes {
		if what := changeBeyond(c, d); what != nil {
			return what
		}
	}
	return nil
}

// refuseRevert ends a revert whose plan goes too far.
func (p *pass) refuseRevert(op *v1alpha1.Operation, beyond *problem.Problem) bool {
	fix := byHand
	if beyond.Reason == errRevertIgnored.Reason {
		fix = "take the rule out of spec.drift.ignore, or change the rest back by hand"
	}
	beyond.Message = fmt.Sprintf("the plan that puts back the drift of %s (%s) is not executed: %s. See status.changes; %s", op.Plan.StackName, p.st.Changes.Summary, beyond.Message, fix)
	return p.fail(beyond)
}

func changeBeyond(c Change, d *v1alpha1.DriftStatus) *problem.Problem {
	at := fmt.Sprintf("%s (%s)", c.LogicalID, c.Type)
	action, paths := actionOf(c), changedPaths(c)
	i := slices.IndexFunc(d.Resources, func(r v1alpha1.DriftedResource) bool { return r.LogicalID == c.LogicalID })
	switch {
	case destructive(action):
		return errRevertRefused.New("it would %s %s", verbs[action], at)
	case mayMoveTraffic(c):
		return errRevertRefused.New("it may shift traffic at %s", at)
	case ignoresAt(d, c.LogicalID, paths):
		return errRevertIgnored.New("it would put back what spec.drift.ignore ignores of %s, too", at)
	case i < 0, (action == v1alpha1.ChangeAdd) != (d.Resources[i].Change == driftDeleted), action == v1alpha1.ChangeImport:
		return errRevertRefused.New("it would change %s, which the drift check does not name", at)
	case action == v1alpha1.ChangeAdd && holdsData[c.Type]:
		return errRevertRefused.New("it would make a new and empty %s in the place of the one that was deleted with its data", at)
	case action == v1alpha1.ChangeAdd:
		return nil // it was deleted, and is made again
	}
	if len(paths) == 0 {
		return errRevertRefused.New("it does not say what it would change of %s", at)
	}
	for _, path := range paths {
		if !slices.ContainsFunc(d.Resources[i].Properties, func(q v1alpha1.DriftedProperty) bool { return overlap(q.Path, path) }) {
			return errRevertRefused.New("it would change %s of %s, which the drift check does not name", path, at)
		}
	}
	return nil
}

// ignoresAt says whether a rule ignores the whole of a resource, or something at,
// above or below one of the paths in it.
func ignoresAt(d *v1alpha1.DriftStatus, id string, paths []string) bool {
	return d.Ignored != nil && slices.ContainsFunc(d.Ignored.Differences, func(i v1alpha1.IgnoredDifference) bool {
		return i.LogicalID == id && (i.Path == "" || slices.ContainsFunc(paths, func(path string) bool { return overlap(i.Path, path) }))
	})
}

// changedPaths are the places that a change changes, as drift detection writes
// them: below the properties. Details may be left out, names are not.
func changedPaths(c Change) []string {
	var all []string
	for _, name := range c.Properties {
		all = append(all, "/"+strings.TrimPrefix(name, "/"))
	}
	for _, d := range c.Details {
		path := "/" + strings.TrimPrefix(d.Path, "/")
		all = append(all, strings.TrimPrefix(path, "/Properties"))
	}
	return all
}

// overlap says whether two paths are the same, or one is above the other. Places
// in a list are not told apart: the two lists may have another order.
func overlap(a, b string) bool {
	as, bs := strings.Split(a, "/"), strings.Split(b, "/")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] && !(isIndex(as[i]) && isIndex(bs[i])) {
			return false
		}
	}
	return true
}

func isIndex(segment string) bool {
	return segment != "" && strings.Trim(segment, "0123456789") == ""
}

// steersTraffic are the properties that decide where traffic goes, by type; no
// property means any. Somebody, or a deployment that goes on, may have moved it:
// putting that back would swing it.
var steersTraffic = map[string][]string{
	"AWS::ElasticLoadBalancingV2::Listener":       {"DefaultActions"},
	"AWS::ElasticLoadBalancingV2::ListenerRule":   {"Actions", "Priority", "Conditions"},
	"AWS::ECS::Service":                           {"TaskDefinition", "LoadBalancers", "TaskSets", "DeploymentConfiguration", "DeploymentController"},
	"AWS::ECS::TaskSet":                           nil,
	"AWS::Lambda::Alias":                          {"FunctionVersion", "RoutingConfig"},
	"AWS::ApiGateway::Stage":                      {"CanarySetting", "DeploymentId"},
	"AWS::ApiGatewayV2::Stage":                    {"DeploymentId"},
	"AWS::AppMesh::Route":                         nil,
	"AWS::VpcLattice::Listener":                   {"DefaultAction"},
	"AWS::VpcLattice::Rule":                       nil,
	"AWS::CloudFront::ContinuousDeploymentPolicy": nil,
	"AWS::GlobalAccelerator::EndpointGroup":       nil,
	"AWS::Route53::RecordSet":                     nil,
	"AWS::Route53::RecordSetGroup":                nil,
}

// mayMoveTraffic says whether a change may move traffic from where it goes now.
func mayMoveTraffic(c Change) bool {
	properties, steers := steersTraffic[c.Type]
	if !steers || c.Action == "Add" {
		return false
	}
	if len(properties) == 0 {
		return true
	}
	return slices.ContainsFunc(changedPaths(c), func(path string) bool {
		return slices.ContainsFunc(properties, func(property string) bool { return overlap("/"+property, path) })
	})
}
