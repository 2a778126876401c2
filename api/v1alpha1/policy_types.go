package v1alpha1

// Enforcement says what a rule does to a plan that breaks it.
//
// +kubebuilder:validation:Enum=Deny;Warn
type Enforcement string

// The enforcements.
const (
	// EnforcementDeny holds the plan until it, or the rule, is changed.
	EnforcementDeny Enforcement = "Deny"
	// EnforcementWarn only tells.
	EnforcementWarn Enforcement = "Warn"
)

// Policy names rules that plans have to meet.
//
// +kubebuilder:validation:XValidation:rule="has(self.configMapRef) != has(self.builtIn)",message="a policy needs exactly one of configMapRef and builtIn"
type Policy struct {
	// name of the policy, which messages use.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="name must hold only lower-case letters, digits and '-', for example team-rules"
	Name string `json:"name"`
	// configMapRef names a ConfigMap of this namespace. Each of its keys holds
	// rules as YAML, with expressions in CEL over the plan, the template and this
	// object.
	// +optional
	ConfigMapRef *ConfigMapReference `json:"configMapRef,omitempty"`
	// builtIn names rules that come with the operator: NoPublicBuckets (S3),
	// NoOpenPorts (22 and 3389 to the internet), EncryptionAtRest (RDS, DocumentDB,
	// Neptune, EBS, EFS, SQS), BackupRetention (RDS, DocumentDB, Neptune,
	// DynamoDB), NoBroadIAM (wide permissions in new statements), or Baseline,
	// which is all of them.
	// +optional
	// +kubebuilder:validation:Enum=Baseline;NoPublicBuckets;NoOpenPorts;EncryptionAtRest;BackupRetention;NoBroadIAM
	BuiltIn string `json:"builtIn,omitempty"`
	// enforcement is Deny, by which each rule does as it says itself, or Warn,
	// by which none of them holds a plan.
	// +optional
	// +kubebuilder:default=Deny
	Enforcement Enforcement `json:"enforcement,omitempty"`
}

// ConfigMapReference names a ConfigMap of the same namespace.
type ConfigMapReference struct {
	// name of the ConfigMap.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="name must be the name of a ConfigMap in this namespace, for example team-rules"
	Name string `json:"name"`
}

// PolicyResults are what the policies say of a plan.
type PolicyResults struct {
	// digest is of the policies, and of what they can read of this object.
	Digest string `json:"digest"`
	// denied is how many rules the plan breaks that hold it, and warned how many
	// that only tell, counted for each resource.
	// +optional
	Denied int32 `json:"denied,omitempty"`
	// +optional
	Warned int32 `json:"warned,omitempty"`
	// findings are the rules that the plan breaks, those that hold it first; bounded.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	Findings []PolicyFinding `json:"findings,omitempty"`
	// omitted is how many more there are.
	// +optional
	Omitted int32 `json:"omitted,omitempty"`
}

// PolicyFinding is a rule that a plan breaks.
type PolicyFinding struct {
	// policy is the name of the policy in spec.policies, or operator/NAME for a
	// ConfigMap of the operator's namespace that holds for all objects.
	Policy string `json:"policy"`
	// rule is the name of the rule.
	Rule        string      `json:"rule"`
	Enforcement Enforcement `json:"enforcement"`
	// logicalId is the resource that breaks the rule, absent for a rule on the
	// plan as a whole.
	// +optional
	LogicalID string `json:"logicalId,omitempty"`
	// type is the CloudFormation type of the resource.
	// +optional
	Type string `json:"type,omitempty"`
	// path is the CDK construct path, where it is known.
	// +optional
	Path string `json:"path,omitempty"`
	// message is what the rule says.
	Message string `json:"message"`
}
