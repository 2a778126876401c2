package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// OnFreezeError says what becomes of a plan when a freeze gives no answer.
//
// +kubebuilder:validation:Enum=Block;Allow
type OnFreezeError string

// What becomes of a plan when a freeze gives no answer.
const (
	// FreezeBlocks: the plan waits until there is an answer.
	FreezeBlocks OnFreezeError = "Block"
	// FreezeAllows: the plan is executed, and its history says so.
	FreezeAllows OnFreezeError = "Allow"
)

// Freeze holds finished plans while an endpoint says so, such as while there are
// open incidents. It does not hold rollbacks by CloudFormation, drift checks,
// verification or the deletion of the object.
type Freeze struct {
	// name is for people: it says in status.gates which freeze it is.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?$')",message="name must hold only letters, digits, '-', '_' and '.', for example incidents"
	Name string `json:"name"`
	// http is the endpoint that is asked.
	// +required
	HTTP FreezeHTTP `json:"http"`
	// onError says what to do when the endpoint does not answer, or not with
	// what deployWhen can be evaluated on: Block has the plan wait; Allow
	// executes it, which status.history and an event tell. A Secret that is
	// missing, or an address that must not be asked, always blocks.
	// +optional
	// +kubebuilder:default=Block
	OnError OnFreezeError `json:"onError,omitempty"`
}

// FreezeHTTP is an endpoint that is asked with GET whether a plan may be
// executed: every 30 seconds while one waits, and not otherwise.
type FreezeHTTP struct {
	// url of the endpoint. Addresses of the cluster, of private networks and of
	// the machine are refused unless the operator was started to allow them.
	// Credentials belong into headersFrom.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="self.matches('^https?://([A-Za-z0-9_.-]+|\\\\[[0-9A-Fa-f:.]+\\\\])(:[0-9]{1,5})?([/?][^\\\\s#]*)?$')",message="http.url must be https:// or http:// with a host, without a user, a password or a fragment, for example https://api.pagerduty.com/incidents; credentials belong into headersFrom"
	URL string `json:"url"`
	// headersFrom names what headers are sent, such as Authorization.
	// +optional
	HeadersFrom *HeadersFrom `json:"headersFrom,omitempty"`
	// deployWhen is an expression in CEL that is true when the plan may be
	// executed. It speaks about body (the JSON of the answer, or its text when
	// it is not JSON), status (a number) and headers (by their names in small
	// letters). An answer other than 2xx counts as an error unless the
	// expression speaks about status.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	DeployWhen string `json:"deployWhen"`
	// messageExpression is an expression in CEL that gives a short text while
	// deployWhen is false, such as which incidents are open. It speaks about what
	// deployWhen does. The first 256 bytes of the text are shown in status.gates,
	// without what headersFrom holds.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	MessageExpression string `json:"messageExpression,omitempty"`
	// timeout is how long the endpoint has for its whole answer, redirects
	// included.
	// +optional
	// +kubebuilder:default="10s"
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('30s')",message="http.timeout must lie between 1s and 30s, for example 10s"
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	// caFrom names the authorities that the endpoint's certificate is checked
	// with, in the place of those that the operator trusts.
	// +optional
	CAFrom *CAFrom `json:"caFrom,omitempty"`
}

// HeadersFrom names a Secret of this namespace. Each of its keys is the name of
// a header.
type HeadersFrom struct {
	// secretName names the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="secretName must be the name of a Secret in this namespace, for example pagerduty"
	SecretName string `json:"secretName"`
}

// CAFrom names a ConfigMap of this namespace with certificates in PEM.
type CAFrom struct {
	// configMapName names the ConfigMap.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="configMapName must be the name of a ConfigMap in this namespace, for example our-ca"
	ConfigMapName string `json:"configMapName"`
	// key inside it.
	// +optional
	// +kubebuilder:default="ca.crt"
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[-._a-zA-Z0-9]+$')",message="key must be a key of a ConfigMap: letters, digits, '-', '_' and '.', for example ca.crt"
	Key string `json:"key,omitempty"`
}
