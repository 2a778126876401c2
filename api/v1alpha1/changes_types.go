package v1alpha1

// ChangeAction says what becomes of a resource.
type ChangeAction string

// The actions. MayReplace is a change whose end CloudFormation cannot tell
// before it is made, since a value is known only then.
const (
	ChangeAdd        ChangeAction = "Add"
	ChangeModify     ChangeAction = "Modify"
	ChangeReplace    ChangeAction = "Replace"
	ChangeMayReplace ChangeAction = "MayReplace"
	ChangeRemove     ChangeAction = "Remove"
	ChangeImport     ChangeAction = "Import"
)

// ChangeClass says how a change concerns people; none for one that is ordinary.
type ChangeClass string

// The classes, the worst first; a change has the first that fits.
const (
	// ChangeDestructive removes or replaces the resource, or may replace it.
	ChangeDestructive ChangeClass = "Destructive"
	// ChangeSecurity newly allows something to somebody.
	ChangeSecurity ChangeClass = "Security"
	// ChangeMoved moves the construct in the app, and changes nothing in AWS.
	ChangeMoved ChangeClass = "Moved"
)

// ChangeCounts are the numbers of resources that a plan changes, by what becomes
// of them.
type ChangeCounts struct {
	// +optional
	Add int32 `json:"add,omitempty"`
	// +optional
	Modify int32 `json:"modify,omitempty"`
	// replace counts those that will or may be replaced.
	// +optional
	Replace int32 `json:"replace,omitempty"`
	// +optional
	Remove int32 `json:"remove,omitempty"`
	// import counts those that exist already and are taken into the stack.
	// +optional
	Import int32 `json:"import,omitempty"`
	// dataLoss counts the databases, buckets, keys and the like that are
	// replaced or removed, and whose data CloudFormation does not keep.
	// +optional
	DataLoss int32 `json:"dataLoss,omitempty"`
	// security counts those that newly allow something to somebody, or whose
	// policies change without CloudFormation showing how.
	// +optional
	Security int32 `json:"security,omitempty"`
	// moved counts those whose construct was only moved in the app.
	// +optional
	Moved int32 `json:"moved,omitempty"`
}

// Changes is what a change set does to the resources of a stack, nested stacks
// included.
type Changes struct {
	// operation is the id of the deployment that the change set is of.
	Operation string `json:"operation"`
	// digest names the plan for those who approve it: it is of the template, the
	// parameters, the tags, the roles, the state of the stack and all changes.
	// +optional
	Digest string `json:"digest,omitempty"`
	// summary says it in words, the worst first, for example
	// "1 to replace, 2 to add, 3 to modify".
	Summary      string `json:"summary"`
	ChangeCounts `json:",inline"`
	// customNamed counts those that would be replaced under the name that the
	// template gives them, which CloudFormation refuses.
	// +optional
	CustomNamed int32 `json:"customNamed,omitempty"`
	// protected counts those that spec.protect names and that are removed or
	// replaced.
	// +optional
	Protected int32 `json:"protected,omitempty"`
	// resources are the changes, the worst first; bounded.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=30
	Resources []ResourceChange `json:"resources,omitempty"`
	// unseen is true when there are more changes in nested stacks that could not
	// be read. Such a plan counts as one that removes resources.
	// +optional
	Unseen bool `json:"unseen,omitempty"`
	// policies are what spec.policies, and those of the operator, say of the plan.
	// +optional
	Policies *PolicyResults `json:"policies,omitempty"`
	// traffic is what the plan would do to live traffic without the app having
	// asked for it, and which rollouts it would meet; absent for nothing.
	// +optional
	Traffic *TrafficStatus `json:"traffic,omitempty"`
	// stackDigest is of the state of the stack that the plan is made for. When
	// that moves while the plan waits, the plan is made again.
	// +optional
	StackDigest string `json:"stackDigest,omitempty"`
	// protectDigest is of the spec.protect that the plan was compared with.
	// +optional
	ProtectDigest string `json:"protectDigest,omitempty"`
	// omitted is how many more there are.
	// +optional
	Omitted int32 `json:"omitted,omitempty"`
	// validation is what the app's own validators found; its list is cut to ten.
	// +optional
	Validation *Validation `json:"validation,omitempty"`
	// detailsConfigMap names the ConfigMap that has the plan as a whole, with the
	// values before and after, under plan.yaml.
	// +optional
	DetailsConfigMap string `json:"detailsConfigMap,omitempty"`
}

// ResourceChange is what becomes of one resource.
type ResourceChange struct {
	Action ChangeAction `json:"action"`
	// class is Destructive, Security or Moved, absent for an ordinary change.
	// +optional
	Class ChangeClass `json:"class,omitempty"`
	// logicalId is its id in the template; in a nested stack it is led by the
	// ids of the stacks that it is in, with "/" between them.
	LogicalID string `json:"logicalId"`
	// type is the CloudFormation type, for example AWS::S3::Bucket.
	// +optional
	Type string `json:"type,omitempty"`
	// path is the CDK construct path, where it is known.
	// +optional
	Path string `json:"path,omitempty"`
	// properties that change, as JSON pointers where CloudFormation gives them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=5
	Properties []string `json:"properties,omitempty"`
	// because names the properties that cause a replacement.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=5
	Because []string `json:"because,omitempty"`
	// kept is true when the old resource is retained, or a snapshot of it is
	// made, although it leaves the stack.
	// +optional
	Kept bool `json:"kept,omitempty"`
	// protected is true when spec.protect names it and it is removed or
	// replaced.
	// +optional
	Protected bool `json:"protected,omitempty"`
	// dataLoss is true when it holds data that goes with it.
	// +optional
	DataLoss bool `json:"dataLoss,omitempty"`
	// allows says what it newly allows and to whom, a sentence each.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=5
	Allows []string `json:"allows,omitempty"`
	// movedFrom is the construct path that it had, when it is only moved.
	// +optional
	MovedFrom string `json:"movedFrom,omitempty"`
	// customName is the name that the template gives it, when it would be
	// replaced under that very name: CloudFormation refuses this, so give it
	// another name, or none.
	// +optional
	CustomName string `json:"customName,omitempty"`
}
