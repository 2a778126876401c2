package decide

import (
	"slices"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"
)

// graded are the severities of types, the first that fits counts; what none of
// them names is Medium.
var graded = []struct {
	severity v1alpha1.DriftSeverity
	types    []string
}{
	{v1alpha1.SeverityCritical, []string{
		"AWS::IAM::*", "AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress",
	}},
	{v1alpha1.SeverityHigh, []string{
		"AWS::KMS::*", "AWS::SecretsManager::*", "AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy",
		"AWS::Lambda::Permission", "AWS::ECR::Repository", "AWS::Cognito::*", "AWS::WAFv2::*", "AWS::CertificateManager::*",
		"AWS::Organizations::*", "AWS::SSO::*", "AWS::RAM::*", "AWS::CloudTrail::*", "AWS::GuardDuty::*", "AWS::Config::*",
		"AWS::EC2::NetworkAcl", "AWS::EC2::NetworkAclEntry", "AWS::EC2::Route", "AWS::EC2::RouteTable", "AWS::EC2::Subnet",
		"AWS::EC2::VPC", "AWS::EC2::VPCEndpoint", "AWS::EC2::VPCPeeringConnection", "AWS::Route53::*",
		"AWS::ElasticLoadBalancingV2::Listener", "AWS::ElasticLoadBalancingV2::ListenerRule",
	}},
	{v1alpha1.SeverityLow, []string{"AWS::CloudWatch::Dashboard", "AWS::SSM::Document", "AWS::ResourceGroups::*"}},
}

// ranks are the severities, the least first.
var ranks = []v1alpha1.DriftSeverity{v1alpha1.SeverityLow, v1alpha1.SeverityMedium, v1alpha1.SeverityHigh, v1alpha1.SeverityCritical}

func rank(s v1alpha1.DriftSeverity) int { return slices.Index(ranks, s) }

// grade gives each resource its severity, puts the most severe first, and gives
// the highest.
func (p *pass) grade(found []v1alpha1.DriftedResource) (highest v1alpha1.DriftSeverity) {
	for i := range found {
		found[i].Severity = p.severityOf(found[i])
	}
	slices.SortStableFunc(found, func(a, b v1alpha1.DriftedResource) int { return rank(b.Severity) - rank(a.Severity) })
	if len(found) == 0 {
		return ""
	}
	return found[0].Severity
}

func (p *pass) severityOf(r v1alpha1.DriftedResource) v1alpha1.DriftSeverity {
	if d := p.obj.Spec.Drift; d != nil {
		for _, rule := range d.Severity {
			if ofType(rule.Type, r.Type) && (rule.LogicalID == "" || segmentsMatch(rule.LogicalID, r.LogicalID)) {
				return rule.Severity
			}
		}
	}
	s := usualSeverity(r.Type)
	switch {
	case r.Change == driftDeleted && rank(s) < rank(v1alpha1.SeverityHigh):
		return v1alpha1.SeverityHigh
	case r.Change != driftDeleted && onlyTags(r):
		return v1alpha1.SeverityLow
	}
	return s
}

func usualSeverity(of string) v1alpha1.DriftSeverity {
	for _, g := range graded {
		if slices.ContainsFunc(g.types, func(t string) bool { return ofType(t, of) }) {
			return g.severity
		}
	}
	if holdsData[of] {
		return v1alpha1.SeverityHigh
	}
	return v1alpha1.SeverityMedium
}

// onlyTags says whether nothing but tags of a resource differs.
func onlyTags(r v1alpha1.DriftedResource) bool {
	if len(r.Properties) == 0 || r.PropertiesOmitted > 0 {
		return false
	}
	return !slices.ContainsFunc(r.Properties, func(q v1alpha1.DriftedProperty) bool {
		return q.Path != "/Tags" && !strings.HasPrefix(q.Path, "/Tags/")
	})
}

// driftDeleted is the Change of a resource that is gone.
const driftDeleted = "DELETED"
