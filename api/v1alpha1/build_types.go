package v1alpha1

// Build says how the app is built.
//
// The names that are refused are those that the operator itself gives a value.
// +kubebuilder:validation:XValidation:rule="!has(self.env) || self.env.all(v, !(v.name in ['PATH', 'HOME', 'TMPDIR', 'AWS_REGION', 'AWS_DEFAULT_REGION', 'CDK_DEFAULT_ACCOUNT', 'CDK_DEFAULT_REGION', 'CDK_HOME', 'CDK_OUTDIR', 'CDK_CONTEXT_JSON', 'AWSCDK_OPERATOR_RUN']) && !v.name.startsWith('LD_') && !v.name.startsWith('AWS_ENDPOINT_URL'))",message="build.env must not set PATH, HOME, TMPDIR, LD_*, AWS_REGION, AWS_DEFAULT_REGION, AWS_ENDPOINT_URL*, CDK_DEFAULT_ACCOUNT, CDK_DEFAULT_REGION, CDK_HOME, CDK_OUTDIR, CDK_CONTEXT_JSON or AWSCDK_OPERATOR_RUN: the operator sets them; use spec.awsRegion for the region and spec.cdkContext for context"
// +kubebuilder:validation:XValidation:rule="!has(self.env) || self.env.all(v, !(v.name in ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_SECURITY_TOKEN', 'AWS_PROFILE', 'AWS_DEFAULT_PROFILE', 'AWS_ROLE_ARN', 'AWS_ROLE_SESSION_NAME', 'AWS_WEB_IDENTITY_TOKEN_FILE', 'AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE']) && !v.name.startsWith('AWS_CONTAINER_') && !v.name.startsWith('AWS_EC2_METADATA_'))",message="build.env must not set AWS credentials: put them into the Secret that spec.credentialsSecretName names"
type Build struct {
	// envFrom names Secrets and ConfigMaps of this namespace; each of their
	// keys becomes a variable. Of two of one name the later wins.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	EnvFrom []EnvFrom `json:"envFrom,omitempty"`

	// env are single variables; they win over those of envFrom. The CDK app
	// and the lifecycle hooks see them; install scripts do not. Variables that
	// the project's .npmrc, .yarnrc or .yarnrc.yml names as ${NAME} are also
	// used to fetch packages.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Env []EnvVar `json:"env,omitempty"`
}
