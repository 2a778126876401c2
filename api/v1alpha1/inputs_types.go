package v1alpha1

// DeleteBeforeDependentsAnnotation has the stack of a deleted object deleted
// although others still depend on it, when it is "true".
const DeleteBeforeDependentsAnnotation = "awscdk.dev/delete-before-dependents"

// Dependency is another CdkTsStack of the same namespace.
type Dependency struct {
	// name of the CdkTsStack.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="name must be the name of a CdkTsStack in this namespace, for example network"
	Name string `json:"name"`
}

// StackOutput is an output of the stack of another CdkTsStack of the same
// namespace.
type StackOutput struct {
	// name of the CdkTsStack.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="name must be the name of a CdkTsStack in this namespace, for example network"
	Name string `json:"name"`
	// output is the key of the output, as in the status of that CdkTsStack.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9]+$')",message="output must be the key of an output of the stack: letters and digits, for example VpcId"
	Output string `json:"output"`
}

// InputKey is a key of a ConfigMap or of a Secret of the same namespace.
type InputKey struct {
	// name of the object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="name must be the name of an object in this namespace, for example settings"
	Name string `json:"name"`
	// key inside it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[-._a-zA-Z0-9]+$') && self != '.' && !self.startsWith('..')",message="key must be a key of a Secret or ConfigMap: letters, digits, '-', '_' and '.', for example vpc-id"
	Key string `json:"key"`
}

// ContextFrom is a value of the app's context that is read from elsewhere. A
// Secret cannot be read: context ends in files of the build and in templates.
//
// +kubebuilder:validation:XValidation:rule="has(self.stack) != has(self.configMapKeyRef)",message="an item of contextFrom needs exactly one of stack and configMapKeyRef"
type ContextFrom struct {
	// key of the context value, as the app asks for it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[^=\\\\x00-\\\\x1f\\\\x7f]+$')",message="key must not contain '=' or control characters, for example vpcId"
	Key string `json:"key"`
	// stack is an output of another stack.
	// +optional
	Stack *StackOutput `json:"stack,omitempty"`
	// configMapKeyRef is a key of a ConfigMap.
	// +optional
	ConfigMapKeyRef *InputKey `json:"configMapKeyRef,omitempty"`
}

// ParameterFrom is a value of a parameter of the template that is read from
// elsewhere. It is given to CloudFormation, and kept nowhere.
//
// +kubebuilder:validation:XValidation:rule="(has(self.stack) ? 1 : 0) + (has(self.configMapKeyRef) ? 1 : 0) + (has(self.secretKeyRef) ? 1 : 0) == 1",message="an item of parametersFrom needs exactly one of stack, configMapKeyRef and secretKeyRef"
type ParameterFrom struct {
	// parameter is the logical id of the template's parameter.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9]+$')",message="parameter must be the logical id of a parameter: letters and digits, for example DatabasePassword"
	Parameter string `json:"parameter"`
	// stack is an output of another stack.
	// +optional
	Stack *StackOutput `json:"stack,omitempty"`
	// configMapKeyRef is a key of a ConfigMap.
	// +optional
	ConfigMapKeyRef *InputKey `json:"configMapKeyRef,omitempty"`
	// secretKeyRef is a key of a Secret. The parameter must be declared with
	// noEcho, since CloudFormation shows the others to everyone who may read
	// the stack.
	// +optional
	SecretKeyRef *InputKey `json:"secretKeyRef,omitempty"`
}
