package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What a check is when the spec does not say.
const (
	DefaultCheckRetries      = 3
	DefaultCheckInterval     = 10 * time.Second
	DefaultFailureThreshold  = 3
	DefaultSamples           = 1
	DefaultMinHealthyPercent = 100
	DefaultMinDaysLeft       = 30
)

// Check is one question asked of a deployment before it counts as done, and
// with every also afterwards. Exactly one of http, targetGroups, certificate,
// alarms and afterDeploy says what is asked.
//
// +kubebuilder:validation:XValidation:rule="[has(self.http), has(self.targetGroups), has(self.certificate), has(self.alarms), has(self.afterDeploy)].filter(set, set).size() == 1",message="an item of verification needs exactly one of http, targetGroups, certificate, alarms and afterDeploy"
// +kubebuilder:validation:XValidation:rule="!has(self.afterDeploy) || !(has(self.every) || has(self.retries) || has(self.interval) || has(self.failureThreshold))",message="afterDeploy takes no every, retries, interval or failureThreshold: the hook is run once for a deployment, and again by spec.retry"
// +kubebuilder:validation:XValidation:rule="!has(self.failureThreshold) || has(self.every)",message="failureThreshold needs every, which has the check asked after the deployment too"
type Check struct {
	// name tells the checks of an object apart in status.verification, events and
	// metrics. Default: what is asked, such as http, and http-2 for the second of
	// them.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?$')",message="name must hold only letters, digits, '-', '_' and '.', for example homepage"
	Name string `json:"name,omitempty"`
	// http asks a URL.
	// +optional
	HTTP *HTTPCheck `json:"http,omitempty"`
	// targetGroups asks the load balancers how many targets are healthy.
	// +optional
	TargetGroups *TargetGroupsCheck `json:"targetGroups,omitempty"`
	// certificate asks a host for its TLS certificate.
	// +optional
	Certificate *CertificateCheck `json:"certificate,omitempty"`
	// alarms asks CloudWatch for the states of alarms.
	// +optional
	Alarms *AlarmsCheck `json:"alarms,omitempty"`
	// afterDeploy is the place of the hook lifecycleHooks.afterDeploy among the
	// checks. Without it the hook comes last.
	// +optional
	AfterDeploy *AfterDeployCheck `json:"afterDeploy,omitempty"`
	// retries is how many times an answer that is not healthy is asked for again
	// before the deployment fails: it has interval times retries to become well.
	// Default: 3.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	Retries *int32 `json:"retries,omitempty"`
	// interval is the pause between two of these tries. Default: 10s.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('10m')",message="interval must lie between 1s and 10m, for example 30s"
	Interval *metav1.Duration `json:"interval,omitempty"`
	// every has the check asked after the deployment too, with this pause; absent,
	// it is asked of deployments only. What it finds then is told by the condition
	// Healthy, and changes nothing about Ready.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('30s') && duration(self) <= duration('24h')",message="every must lie between 30s and 24h, for example 5m"
	Every *metav1.Duration `json:"every,omitempty"`
	// failureThreshold is how many answers in a row must not be healthy before a
	// check that is asked after the deployment is called so. Default: 3.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=20
	FailureThreshold *int32 `json:"failureThreshold,omitempty"`
}

// HTTPCheck is healthy when a URL, asked with GET, answers with the status and
// the content that are wanted, quickly enough. Redirects are followed, three at
// most. Addresses of the cluster, of private networks and of the machine are
// refused unless the operator was started to allow them.
//
// +kubebuilder:validation:XValidation:rule="has(self.url) != has(self.urlFromOutput)",message="http needs exactly one of url and urlFromOutput"
// +kubebuilder:validation:XValidation:rule="!has(self.path) || has(self.urlFromOutput)",message="http.path follows urlFromOutput: with url, write it there"
type HTTPCheck struct {
	// url to ask. Credentials belong into headersFrom.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="self.matches('^https?://([A-Za-z0-9_.-]+|\\\\[[0-9A-Fa-f:.]+\\\\])(:[0-9]{1,5})?([/?][^\\\\s#]*)?$')",message="http.url must be https:// or http:// with a host, without a user, a password or a fragment, for example https://www.example.com/health; credentials belong into headersFrom"
	URL string `json:"url,omitempty"`
	// urlFromOutput names the output of the stack that holds the URL.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9]+$')",message="http.urlFromOutput must be the name of an output of the stack, for example ApplicationUrl"
	URLFromOutput string `json:"urlFromOutput,omitempty"`
	// path is added to the URL of the output, for example /health.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.matches('^/[^\\\\s#]*$')",message="http.path must start with '/', for example /health"
	Path string `json:"path,omitempty"`
	// status is that of a healthy answer. Default: 200 or, with healthyWhen, any
	// of 200 to 299 unless that speaks about status.
	// +optional
	// +kubebuilder:validation:Minimum=100
	// +kubebuilder:validation:Maximum=599
	Status *int32 `json:"status,omitempty"`
	// healthyWhen is an expression in CEL that is true for a healthy answer. It
	// speaks about body (the JSON of the answer, or its text when it is not JSON),
	// status (a number) and headers (by their names in small letters).
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	HealthyWhen string `json:"healthyWhen,omitempty"`
	// samples is how many requests are made, one after the other; all of them must
	// be answered well.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=20
	// +kubebuilder:default=1
	Samples *int32 `json:"samples,omitempty"`
	// maxLatency is how long an answer may take: of the samples, 95 in 100.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1ms') && duration(self) <= duration('30s')",message="http.maxLatency must lie between 1ms and 30s, for example 500ms"
	MaxLatency *metav1.Duration `json:"maxLatency,omitempty"`
	// degradedAbove is how many times longer than after the last good deployments
	// an answer may take, for example "1.5": the median of the samples against the
	// median of those of up to five deployments. Less than 10 ms more is never too
	// much. The first deployment has nothing to compare with.
	// +optional
	// +kubebuilder:validation:MaxLength=8
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9]{1,3}([.][0-9]{1,2})?$') && double(self) > 1.0 && double(self) <= 100.0",message="http.degradedAbove must be a number above 1 and up to 100, for example \"1.5\""
	DegradedAbove string `json:"degradedAbove,omitempty"`
	// headersFrom names what headers are sent, such as Authorization.
	// +optional
	HeadersFrom *HeadersFrom `json:"headersFrom,omitempty"`
	// timeout is how long one answer may take, redirects included.
	// +optional
	// +kubebuilder:default="10s"
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('30s')",message="http.timeout must lie between 1s and 30s, for example 10s"
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	// caFrom names the authorities that the certificate is checked with, in the
	// place of those that the operator trusts.
	// +optional
	CAFrom *CAFrom `json:"caFrom,omitempty"`
}

// TargetGroupsCheck is healthy when enough targets of each target group are.
// Targets that are leaving (draining) are not counted.
type TargetGroupsCheck struct {
	// minHealthyPercent is how many targets of each group must be healthy, of 100.
	// A group without a target is not healthy.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	// +kubebuilder:default=100
	MinHealthyPercent *int32 `json:"minHealthyPercent,omitempty"`
	// resources are the logical ids of target groups of the stack. One of a nested
	// stack is led by the id of that and "/". Without resources and fromOutputs
	// all groups of the stack are asked, but for those without a target while
	// others have some: a blue/green service has one of them.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MaxLength=512
	// +kubebuilder:validation:items:Pattern=`^[A-Za-z0-9]+(/[A-Za-z0-9]+)*$`
	Resources []string `json:"resources,omitempty"`
	// fromOutputs are outputs of the stack that hold ARNs of target groups.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MaxLength=255
	// +kubebuilder:validation:items:Pattern=`^[A-Za-z0-9]+$`
	FromOutputs []string `json:"fromOutputs,omitempty"`
}

// CertificateCheck is healthy when the TLS certificate of a host is valid for
// it, and for some time to come.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.url) && has(self.urlFromOutput))",message="certificate takes one of url and urlFromOutput"
type CertificateCheck struct {
	// minDaysLeft is for how many days the certificate must still be valid.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=800
	// +kubebuilder:default=30
	MinDaysLeft *int32 `json:"minDaysLeft,omitempty"`
	// url is where the certificate is: its host and port. Default: that of the
	// first http check.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="self.matches('^https://([A-Za-z0-9_.-]+|\\\\[[0-9A-Fa-f:.]+\\\\])(:[0-9]{1,5})?([/?][^\\\\s#]*)?$')",message="certificate.url must be https:// with a host, for example https://www.example.com"
	URL string `json:"url,omitempty"`
	// urlFromOutput names the output of the stack that holds the URL, or the name
	// of the host.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9]+$')",message="certificate.urlFromOutput must be the name of an output of the stack, for example ApplicationUrl"
	URLFromOutput string `json:"urlFromOutput,omitempty"`
	// caFrom names the authorities that the certificate is checked with, in the
	// place of those that the operator trusts.
	// +optional
	CAFrom *CAFrom `json:"caFrom,omitempty"`
}

// AlarmsCheck is healthy when no CloudWatch alarm is in the state ALARM.
//
// +kubebuilder:validation:XValidation:rule="!has(self.ofStack) || self.ofStack || (has(self.names) && self.names.size() > 0)",message="alarms with ofStack: false needs names"
type AlarmsCheck struct {
	// names of alarms in the account and region of the stack. One that does not
	// exist is told, and the check has no answer.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=50
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=255
	Names []string `json:"names,omitempty"`
	// ofStack asks for all alarms that are resources of the stack too. Default:
	// true without names, else false.
	// +optional
	OfStack *bool `json:"ofStack,omitempty"`
	// quietFor is for how long after a deployment no alarm may be in ALARM, so
	// that a bad version has time to show. Default: the alarms are looked at once.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('0s') && duration(self) <= duration('3h')",message="alarms.quietFor must lie between 0s and 3h, for example 5m"
	QuietFor *metav1.Duration `json:"quietFor,omitempty"`
}

// AfterDeployCheck is the hook lifecycleHooks.afterDeploy.
type AfterDeployCheck struct{}

// CheckResult is what a check found.
//
// +kubebuilder:validation:Enum=Healthy;Unhealthy;Unknown
type CheckResult string

// The results.
const (
	CheckHealthy   CheckResult = "Healthy"
	CheckUnhealthy CheckResult = "Unhealthy"
	// CheckUnknown: nobody could be asked, for a reason that is not the stack's.
	CheckUnknown CheckResult = "Unknown"
)

// VerificationStatus is what the checks of spec.verification found.
type VerificationStatus struct {
	// digest is of spec.verification when a deployment was last verified.
	// +optional
	Digest string `json:"digest,omitempty"`
	// checks by name, in their order.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=17
	Checks []CheckStatus `json:"checks,omitempty"`
}

// CheckStatus is what one check found. It is written when result or message
// change, and not for each answer.
type CheckStatus struct {
	// name of the check.
	Name   string      `json:"name"`
	Result CheckResult `json:"result"`
	// message says what is wrong, and how it is put right.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
	// measured is what was measured when result or message last changed.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Measured string `json:"measured,omitempty"`
	// since is when result and message were first found, or found again for
	// another deployment.
	Since metav1.Time `json:"since"`
	// operation is the deployment that the check was last asked for, by id.
	// +optional
	Operation string `json:"operation,omitempty"`
	// latency is what an http check measured for that deployment.
	// +optional
	Latency *Latency `json:"latency,omitempty"`
	// baseline is the latency after the last good deployments, newest first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=5
	Baseline []Latency `json:"baseline,omitempty"`
}

// Latency is how long answers took, in milliseconds.
type Latency struct {
	// p50Ms is the median, p95Ms what 95 of 100 answers did not exceed.
	P50MS int64 `json:"p50Ms"`
	P95MS int64 `json:"p95Ms"`
}
