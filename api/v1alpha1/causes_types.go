package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// CauseSource is where causes of a failure are looked for.
// +kubebuilder:validation:Enum=Hooks;CloudTrail;Logs;Tasks
type CauseSource string

// The sources. What the stack's own events tell is read in any case.
const (
	// CauseHooks are the results of CloudFormation hooks, with what they advise.
	CauseHooks CauseSource = "Hooks"
	// CauseCloudTrail are calls that AWS refused to those who act for the stack,
	// and who changed what has drifted.
	CauseCloudTrail CauseSource = "CloudTrail"
	// CauseLogs are the last lines that functions of custom resources, and the
	// containers of ECS tasks, have written.
	CauseLogs CauseSource = "Logs"
	// CauseTasks is why ECS stopped the tasks of a service.
	CauseTasks CauseSource = "Tasks"
)

// Where else a cause may be from.
const (
	// CauseEvents are further failures among the events of the stack.
	CauseEvents CauseSource = "Events"
	// CauseAlarms are alarms that rolled a deployment back.
	CauseAlarms CauseSource = "Alarms"
)

// Causes says where AWS is asked for the causes of a failure.
type Causes struct {
	// sources are asked when a deployment, a rollback or a destruction fails in
	// CloudFormation, once, with the role that looks for drift: Hooks, CloudTrail,
	// Logs, Tasks. An empty list asks none of them. The operator's flag
	// --cause-sources bounds them for all objects.
	// +required
	// +listType=set
	// +kubebuilder:validation:MaxItems=4
	Sources []CauseSource `json:"sources"`
}

// CausesStatus is what was looked for, and found, of the causes of the last
// failure in CloudFormation. It goes when a later deployment is in place.
type CausesStatus struct {
	// operation is the one that failed, as in history; kind is what it was.
	Operation string        `json:"operation"`
	Kind      OperationKind `json:"kind"`
	// stackId is the stack that it failed on, and token what its requests carried.
	// +optional
	StackID string `json:"stackId,omitempty"`
	// +optional
	Token string `json:"token,omitempty"`
	// changeSetId is the change set that could not be made, if that is what failed.
	// +optional
	ChangeSetID string `json:"changeSetId,omitempty"`
	// startedAt and failedAt are when the operation began, and when it was seen to
	// have failed.
	StartedAt metav1.Time `json:"startedAt"`
	FailedAt  metav1.Time `json:"failedAt"`
	// looks is how often AWS was asked: once at the failure and, when CloudTrail
	// had nothing then, once more 15 minutes later, since it tells so late.
	// +optional
	Looks int32 `json:"looks,omitempty"`
	// lookAgainAt is when CloudTrail is asked once more.
	// +optional
	LookAgainAt *metav1.Time `json:"lookAgainAt,omitempty"`
	// found is how many causes were found, and summary what is likely the first
	// of them, in a sentence.
	// +optional
	Found int32 `json:"found,omitempty"`
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Summary string `json:"summary,omitempty"`
	// configMap has the whole, under causes.yaml: kubectl cdk why shows it.
	// +optional
	ConfigMap string `json:"configMap,omitempty"`
}

// CausesKey is the key of the ConfigMap of causes that holds its CauseDetails as
// YAML.
const CausesKey = "causes.yaml"

// CauseDetails are the causes of a failure as far as they were found, without
// secrets that the operator knows or recognises.
type CauseDetails struct {
	// operation is that of status.causes, kind what it was.
	Operation string        `json:"operation"`
	Kind      OperationKind `json:"kind"`
	// +optional
	Stack string `json:"stack,omitempty"`
	// failedAt is when it failed, and gatheredAt when AWS was asked last.
	FailedAt   metav1.Time `json:"failedAt"`
	GatheredAt metav1.Time `json:"gatheredAt"`
	// causes are what was found, the likeliest first.
	// +optional
	Causes []Cause `json:"causes,omitempty"`
	// omitted is how many more there are.
	// +optional
	Omitted int32 `json:"omitted,omitempty"`
	// notes say what could not be asked and why, and what may still come.
	// +optional
	Notes []string `json:"notes,omitempty"`
}

// Cause is one thing that may explain a failure.
type Cause struct {
	// source is Events, Alarms, Hooks, CloudTrail, Logs or Tasks.
	Source CauseSource `json:"source"`
	// logicalId and type are the resource that it is about, if it is about one.
	// +optional
	LogicalID string `json:"logicalId,omitempty"`
	// +optional
	Type string `json:"type,omitempty"`
	// at is when it happened.
	// +optional
	At *metav1.Time `json:"at,omitempty"`
	// message says what happened.
	Message string `json:"message"`
	// remediation is what a hook advises, and link where it says more.
	// +optional
	Remediation string `json:"remediation,omitempty"`
	// +optional
	Link string `json:"link,omitempty"`
	// origin is where to read on: a log group and its stream, or who was refused.
	// +optional
	Origin string `json:"origin,omitempty"`
	// lines are the last that were logged around the failure.
	// +optional
	Lines []string `json:"lines,omitempty"`
	// cut is true when there were more lines, or longer ones.
	// +optional
	Cut bool `json:"cut,omitempty"`
}

// ResourceWriter is who has changed a resource last, as CloudTrail tells.
type ResourceWriter struct {
	// principal is the ARN of who did it, or the AWS service.
	Principal string `json:"principal"`
	// event is what was called, for example sns:SetTopicAttributes.
	Event string `json:"event"`
	// at is when.
	At metav1.Time `json:"at"`
}

// WriterLookup is how far CloudTrail was asked who changed what has drifted.
type WriterLookup struct {
	// digest is of the drift that was asked about: only another is asked about.
	Digest string `json:"digest"`
	// since is when that drift was first seen.
	Since metav1.Time `json:"since"`
	// looks is how often CloudTrail was asked: once and, when it did not know all,
	// once more 15 minutes later.
	// +optional
	Looks int32 `json:"looks,omitempty"`
	// lookAgainAt is when it is asked once more.
	// +optional
	LookAgainAt *metav1.Time `json:"lookAgainAt,omitempty"`
	// error says why it could not be asked.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Error string `json:"error,omitempty"`
}
