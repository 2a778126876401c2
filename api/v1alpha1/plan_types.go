package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Plan is the outcome of a build: all that a change set needs. Nothing in it
// is secret.
type Plan struct {
	// stackName is the name in CloudFormation.
	StackName string `json:"stackName"`
	// artifactId is the id of the stack in the cloud assembly.
	// +optional
	ArtifactID string `json:"artifactId,omitempty"`
	Account    string `json:"account,omitempty"`
	Region     string `json:"region,omitempty"`
	// templateURL is where the template was published.
	TemplateURL string `json:"templateURL"`
	// templateDigest is the SHA-256 of the template, in hex.
	TemplateDigest string `json:"templateDigest"`
	// commit is the commit that was built.
	// +optional
	Commit *Commit `json:"commit,omitempty"`
	// +optional
	Parameters map[string]string `json:"parameters,omitempty"`
	// inputsDigest names the values of spec.parametersFrom, which are given to
	// CloudFormation beside parameters and are not kept here.
	// +optional
	InputsDigest string `json:"inputsDigest,omitempty"`
	// openParameters are those of the template that have neither a value nor
	// a default. A stack that has them keeps their values; one that does not
	// cannot be deployed.
	// +optional
	// +listType=atomic
	OpenParameters []string `json:"openParameters,omitempty"`
	// +optional
	Tags map[string]string `json:"tags,omitempty"`
	// notificationARNs are the SNS topics that CloudFormation tells of the stack's
	// events. Absent leaves those of the stack as they are; empty removes them.
	// +optional
	// +listType=atomic
	NotificationARNs []string `json:"notificationARNs,omitzero"`
	// terminationProtection as the app asks; absent means that it says nothing.
	// +optional
	TerminationProtection *bool `json:"terminationProtection,omitempty"`
	// deployRoleARN is assumed for every CloudFormation call.
	// +optional
	DeployRoleARN string `json:"deployRoleARN,omitempty"`
	// +optional
	DeployRoleExternalID string `json:"deployRoleExternalID,omitempty"`
	// deployRoleSession is what the app asks for when the role is assumed.
	// +optional
	DeployRoleSession *RoleSession `json:"deployRoleSession,omitempty"`
	// lookupRoleARN may read what the stack holds; it is assumed to look for
	// drift.
	// +optional
	LookupRoleARN string `json:"lookupRoleARN,omitempty"`
	// +optional
	LookupRoleExternalID string `json:"lookupRoleExternalID,omitempty"`
	// +optional
	LookupRoleSession *RoleSession `json:"lookupRoleSession,omitempty"`
	// executionRoleARN is handed to CloudFormation.
	// +optional
	ExecutionRoleARN string `json:"executionRoleARN,omitempty"`
	// bootstrapVersion is the least bootstrap version that the app needs.
	// +optional
	BootstrapVersion int32 `json:"bootstrapVersion,omitempty"`
	// bootstrapParameter is the SSM parameter that holds the version.
	// +optional
	BootstrapParameter string `json:"bootstrapParameter,omitempty"`
	// dependsOn names the other stacks of the app that this one needs.
	// +optional
	// +listType=atomic
	DependsOn []string `json:"dependsOn,omitempty"`
	// inputs are the paths of the repository that the build read: the project's
	// folder and what it takes from beside it; a folder stands for all in it.
	// Absent when that cannot be told, or is the whole repository.
	// +optional
	// +listType=atomic
	Inputs []string `json:"inputs,omitempty"`
	// constructPaths maps logical ids to CDK construct paths; bounded, for
	// messages. It is dropped when the operation ends.
	// +optional
	ConstructPaths map[string]string `json:"constructPaths,omitempty"`
	// validation is what the app's own validators found. It is dropped when the
	// operation ends.
	// +optional
	Validation *Validation `json:"validation,omitempty"`
	// revertsDrift is true for a plan that was not built: its change set puts
	// back what drifted, and leaves template, parameters and tags as they are.
	// +optional
	RevertsDrift bool `json:"revertsDrift,omitempty"`
}

// RoleSession is what an app asks for, beside the role itself, when a role is
// assumed: the assumeRoleAdditionalOptions of its synthesizer.
type RoleSession struct {
	// tags are the session tags; they are passed on to roles that are assumed
	// from this one.
	// +optional
	// +listType=atomic
	Tags []SessionTag `json:"tags,omitempty"`
	// policy narrows the session; it is an IAM policy in JSON.
	// +optional
	Policy string `json:"policy,omitempty"`
	// policyARNs are managed policies that narrow the session.
	// +optional
	// +listType=atomic
	PolicyARNs []string `json:"policyARNs,omitempty"`
	// +optional
	SourceIdentity string `json:"sourceIdentity,omitempty"`
	// +optional
	DurationSeconds int32 `json:"durationSeconds,omitempty"`
	// name is the name of the session.
	// +optional
	Name string `json:"name,omitempty"`
	// +optional
	ExternalID string `json:"externalID,omitempty"`
}

// SessionTag is one tag of a session.
type SessionTag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Commit is who wrote what.
type Commit struct {
	Hash string `json:"hash"`
	// +optional
	Author string `json:"author,omitempty"`
	// +optional
	Subject string `json:"subject,omitempty"`
	// +optional
	Time *metav1.Time `json:"time,omitempty"`
}

// Deployment is a deployment that ended well: enough to put it back without
// building anything.
type Deployment struct {
	Target Target `json:"target"`
	// generation of the spec that was deployed.
	// +optional
	Generation int64 `json:"generation,omitempty"`
	Plan       Plan  `json:"plan"`
	// at is when it ended.
	At metav1.Time `json:"at"`
}
