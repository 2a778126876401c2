package cdk

import "encoding/json"

// assemblyMajor is the newest major version of the cloud assembly's schema
// that is read. The format's authors raise the major version with every
// addition (npm @aws-cdk/cloud-assembly-schema, version.json: 55 at
// aws-cdk-lib 2.276.0), and the project's own CLI has read the assembly before
// it comes here, so the bound is far off: it is for a format of another kind.
const assemblyMajor = 99

// The types of artifacts that matter here.
const (
	typeStack    = "aws:cloudformation:stack"
	typeAssets   = "cdk:asset-manifest"
	typeAssembly = "cdk:cloud-assembly"
)

// assemblyManifest is manifest.json of a cloud assembly.
type assemblyManifest struct {
	Version string `json:"version"`
	// MinimumCLIVersion is set when the version alone does not tell.
	MinimumCLIVersion string                      `json:"minimumCliVersion"`
	Artifacts         map[string]artifactManifest `json:"artifacts"`
	Missing           []missingContext            `json:"missing"`
}

type artifactManifest struct {
	Type                   string                     `json:"type"`
	Environment            string                     `json:"environment"`
	Properties             json.RawMessage            `json:"properties"`
	Dependencies           []string                   `json:"dependencies"`
	DisplayName            string                     `json:"displayName"`
	Metadata               map[string][]metadataEntry `json:"metadata"`
	AdditionalMetadataFile string                     `json:"additionalMetadataFile"`
}

type metadataEntry struct {
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

type missingContext struct {
	Key      string `json:"key"`
	Provider string `json:"provider"`
}

// stackProperties are the properties of a stack's artifact.
type stackProperties struct {
	TemplateFile          string            `json:"templateFile"`
	StackName             string            `json:"stackName"`
	Parameters            map[string]string `json:"parameters"`
	Tags                  map[string]string `json:"tags"`
	NotificationARNs      []string          `json:"notificationArns"`
	TerminationProtection *bool             `json:"terminationProtection"`
	AssumeRoleARN         string            `json:"assumeRoleArn"`
	AssumeRoleExternalID  string            `json:"assumeRoleExternalId"`
	AssumeRoleOptions     json.RawMessage   `json:"assumeRoleAdditionalOptions"`
	LookupRole            struct {
		ARN        string          `json:"arn"`
		ExternalID string          `json:"assumeRoleExternalId"`
		Options    json.RawMessage `json:"assumeRoleAdditionalOptions"`
	} `json:"lookupRole"`
	CloudFormationExecutionRoleARN    string `json:"cloudFormationExecutionRoleArn"`
	StackTemplateAssetObjectURL       string `json:"stackTemplateAssetObjectUrl"`
	RequiresBootstrapStackVersion     int32  `json:"requiresBootstrapStackVersion"`
	BootstrapStackVersionSSMParameter string `json:"bootstrapStackVersionSsmParameter"`
}

// fileProperties are those of an asset manifest's artifact.
type fileProperties struct {
	File                              string `json:"file"`
	RequiresBootstrapStackVersion     int32  `json:"requiresBootstrapStackVersion"`
	BootstrapStackVersionSSMParameter string `json:"bootstrapStackVersionSsmParameter"`
}

// nestedProperties are those of a Stage's assembly.
type nestedProperties struct {
	DirectoryName string `json:"directoryName"`
}

// validationReport is validation-report.json: what the validation plugins of
// the app found, for the CLI to judge; see validation-report-schema in npm
// @aws-cdk/cloud-assembly-schema.
type validationReport struct {
	PluginReports []struct {
		PluginName string      `json:"pluginName"`
		Conclusion string      `json:"conclusion"`
		Violations []violation `json:"violations"`
		// Suppressed are those that the app has acknowledged.
		Suppressed []violation `json:"suppressedViolations"`
	} `json:"pluginReports"`
}

type violation struct {
	RuleName            string `json:"ruleName"`
	Description         string `json:"description"`
	Severity            string `json:"severity"`
	CustomSeverity      string `json:"customSeverity"`
	Reason              string `json:"reason"`
	ViolatingConstructs []struct {
		ConstructPath string `json:"constructPath"`
	} `json:"violatingConstructs"`
}
