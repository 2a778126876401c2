package cdk

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	// maxTemplate is CloudFormation's limit for a template in S3, in bytes
	// (CloudFormation quotas, "Template body size in an S3 object").
	maxTemplate = 1 << 20
	// maxPaths bounds Resolved.ConstructPaths.
	maxPaths = 512
)

// Environment is where a stack is deployed to.
type Environment struct {
	Account, Region string
	// Partition is aws, aws-cn, …; "" follows from the region.
	Partition string
}

// Resolved is a stack in its environment: all that a change set needs.
type Resolved struct {
	StackName, ArtifactID string
	Account, Region       string
	// TemplateFile is absolute, TemplateDigest its SHA-256 in hex.
	TemplateFile, TemplateDigest string
	// TemplateURL is where the assets' publishing puts the template
	// (https://…), TemplateObject the same as s3://bucket/key. Both are ""
	// for an app whose synthesizer publishes no template (the legacy and the
	// bootstrapless one): the caller has to upload or to inline it.
	TemplateURL, TemplateObject string
	Parameters, Tags            map[string]string
	// OpenParameters are those of the template that have neither a value nor
	// a default: only a stack that has them already can be updated.
	OpenParameters   []string
	NotificationARNs []string
	// TerminationProtection is nil when the app says nothing.
	TerminationProtection *bool
	// DeployRoleARN is assumed for CloudFormation calls, ExecutionRoleARN is
	// handed to CloudFormation; "" is the run's own identity.
	DeployRoleARN, DeployRoleExternalID, ExecutionRoleARN string
	// LookupRoleARN is assumed to read what the stack holds; "" is none.
	LookupRoleARN, LookupRoleExternalID string
	// DeployRoleOptions and LookupRoleOptions are the app's
	// assumeRoleAdditionalOptions as they stand, nil for none.
	DeployRoleOptions, LookupRoleOptions json.RawMessage
	// BootstrapVersion is the least that is needed, 0 is none at all.
	BootstrapVersion   int32
	BootstrapParameter string
	DependsOn          []string
	AssetManifests     []string
	// ConstructPaths maps logical ids of resources to construct paths, 512
	// at most.
	ConstructPaths map[string]string
	// Findings are those of the app's validators.
	Findings Findings
}

// Resolve fills in account, region and partition where the assembly leaves
// them open. It is a *problem.Problem with reason WrongEnvironment when the app pins
// the stack elsewhere, TemplateTooLarge when CloudFormation would not take it,
// EmptyStack or NotSupported when there is nothing that could be deployed.
func (s *Stack) Resolve(env Environment) (Resolved, error) {
	if s.pinnedElsewhere(env) {
		return Resolved{}, s.elsewhere(env)
	}
	env.Partition = partition(env)
	template, err := readBounded(s.TemplateFile, maxManifest)
	if err != nil {
		return Resolved{}, stalls(ErrAssemblyInvalid, "The template of stack %s cannot be read: %v.", s.StackName, err)
	}
	if size := len(template); size > maxTemplate {
		return Resolved{}, stalls(ErrTemplateTooLarge, "The template of stack %s has %d bytes; CloudFormation takes %d. Split the stack, move resources to nested stacks, or drop metadata (pathMetadata: false in cdk.json).", s.StackName, size, maxTemplate)
	}
	content := parseTemplate(template)
	if err := s.deployable(content); err != nil {
		return Resolved{}, err
	}
	digest := sha256.Sum256(template)
	p := s.properties
	r := Resolved{
		StackName: s.StackName, ArtifactID: s.ArtifactID, Account: env.Account, Region: env.Region,
		TemplateFile: s.TemplateFile, TemplateDigest: hex.EncodeToString(digest[:]),
		TemplateObject: env.fill(p.StackTemplateAssetObjectURL),
		Parameters:     maps.Clone(p.Parameters), Tags: maps.Clone(p.Tags), NotificationARNs: slices.Clone(p.NotificationARNs),
		TerminationProtection: p.TerminationProtection,
		DeployRoleARN:         env.fill(p.AssumeRoleARN), DeployRoleExternalID: env.fill(p.AssumeRoleExternalID),
		LookupRoleARN: env.fill(p.LookupRole.ARN), LookupRoleExternalID: env.fill(p.LookupRole.ExternalID),
		DeployRoleOptions: env.fillJSON(p.AssumeRoleOptions), LookupRoleOptions: env.fillJSON(p.LookupRole.Options),
		ExecutionRoleARN: env.fill(p.CloudFormationExecutionRoleARN),
		BootstrapVersion: p.RequiresBootstrapStackVersion, BootstrapParameter: env.fill(p.BootstrapStackVersionSSMParameter),
		DependsOn: slices.Clone(s.DependsOn), AssetManifests: slices.Clone(s.AssetManifests),
		OpenParameters: content.open(p.Parameters), ConstructPaths: s.constructPaths(content),
		Findings: s.Findings(),
	}
	return r, r.setURL(env)
}

// setURL derives the template's web address from the S3 one.
func (r *Resolved) setURL(env Environment) error {
	for _, text := range []string{r.TemplateObject, r.DeployRoleARN, r.LookupRoleARN, r.ExecutionRoleARN} {
		if strings.Contains(text, "${AWS::") {
			return stalls(ErrWrongEnvironment, "The account of stack %s is not known, but the app needs it. Check the credentials, or set CDK_DEFAULT_ACCOUNT.", r.StackName)
		}
	}
	object, ok := strings.CutPrefix(r.TemplateObject, "s3://")
	if !ok {
		r.TemplateURL = r.TemplateObject
		return nil
	}
	r.TemplateURL = fmt.Sprintf("https://s3.%s.%s/%s", env.Region, urlSuffix(env.Partition), object)
	return nil
}

// pinnedElsewhere tells whether the app pins another account or region; one
// that is not known yet cannot be another.
func (s *Stack) pinnedElsewhere(env Environment) bool {
	return differs(s.Account, env.Account) || differs(s.Region, env.Region)
}

func differs(pinned, wanted string) bool { return pinned != "" && wanted != "" && pinned != wanted }

func (s *Stack) elsewhere(env Environment) error {
	switch {
	case !differs(s.Account, env.Account):
		return stalls(ErrWrongEnvironment, "The app pins stack %s to region %s, but spec.awsRegion is %s. Change spec.awsRegion, or let the app use CDK_DEFAULT_REGION.", s.StackName, s.Region, env.Region)
	case !differs(s.Region, env.Region):
		return stalls(ErrWrongEnvironment, "The app pins stack %s to account %s, but the credentials are of account %s. Use credentials of that account, or let the app use CDK_DEFAULT_ACCOUNT.", s.StackName, s.Account, env.Account)
	}
	return stalls(ErrWrongEnvironment, "The app pins stack %s to account %s and region %s, but the credentials and spec.awsRegion are of account %s and region %s.", s.StackName, s.Account, s.Region, env.Account, env.Region)
}

// fill replaces the placeholders that the CDK's schema allows.
func (e Environment) fill(text string) string {
	pairs := []string{"${AWS::Partition}", e.Partition}
	if e.Account != "" {
		pairs = append(pairs, "${AWS::AccountId}", e.Account)
	}
	if e.Region != "" {
		pairs = append(pairs, "${AWS::Region}", e.Region)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// fillJSON is fill for JSON as it stands: what is filled in needs no quoting.
func (e Environment) fillJSON(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return nil
	}
	return json.RawMessage(e.fill(string(raw)))
}

// regions lists the prefixes of regions outside of the partition aws, and the
// domain of each partition (AWS SDK, partitions.json).
var regions = []struct{ prefix, partition, suffix string }{
	{"cn-", "aws-cn", "amazonaws.com.cn"},
	{"us-gov-", "aws-us-gov", "amazonaws.com"},
	{"us-iso-", "aws-iso", "c2s.ic.gov"},
	{"us-isob-", "aws-iso-b", "sc2s.sgov.gov"},
	{"eu-isoe-", "aws-iso-e", "cloud.adc-e.uk"},
	{"us-isof-", "aws-iso-f", "csp.hci.ic.gov"},
	{"eusc-", "aws-eusc", "amazonaws.eu"},
}

func partition(env Environment) string {
	if env.Partition != "" {
		return env.Partition
	}
	for _, r := range regions {
		if strings.HasPrefix(env.Region, r.prefix) {
			return r.partition
		}
	}
	return "aws"
}

func urlSuffix(partition string) string {
	for _, r := range regions {
		if r.partition == partition {
			return r.suffix
		}
	}
	return "amazonaws.com"
}
