package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Weekday is a day of the week, as in Mon.
//
// +kubebuilder:validation:Enum=Mon;Tue;Wed;Thu;Fri;Sat;Sun
type Weekday string

// Overrun says what becomes of a deployment whose window closes before its plan
// is ready.
//
// +kubebuilder:validation:Enum=Finish;NotBeyond
type Overrun string

// The ways to overrun.
const (
	// OverrunFinish: a deployment that began in an open window is executed.
	OverrunFinish Overrun = "Finish"
	// OverrunNotBeyond: its plan waits for the next opening.
	OverrunNotBeyond Overrun = "NotBeyond"
)

// Windows say when a deployment may change the stack. A closed window holds the
// finished plan, which can be read in the meantime. It does not hold rollbacks
// by CloudFormation, drift checks or verification.
type Windows struct {
	// timeZone that all times are of, by its IANA name, such as
	// America/New_York. They are wall-clock times: a time that the clock skips
	// in spring is the moment of the change, and an hour that it repeats in
	// autumn belongs to a window whole.
	// +optional
	// +kubebuilder:default=UTC
	// +kubebuilder:validation:MaxLength=64
	TimeZone string `json:"timeZone,omitempty"`
	// allow: deployments may be executed in any of these; always, if there is
	// none.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Allow []Window `json:"allow,omitempty"`
	// deny: no deployment is executed in any of these, whatever allow says.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Deny []DenyWindow `json:"deny,omitempty"`
	// overrun: Finish executes a deployment that began while a window was open
	// although it has closed since; NotBeyond has it wait for the next opening.
	// +optional
	// +kubebuilder:default=NotBeyond
	Overrun Overrun `json:"overrun,omitempty"`
}

// Window is a part of the week.
type Window struct {
	// name is for people.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`
	// days on which it begins; every day, if there is none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=7
	Days []Weekday `json:"days,omitempty"`
	// from is when it begins, as in "09:00"; midnight if absent.
	// +optional
	// +kubebuilder:validation:MaxLength=5
	// +kubebuilder:validation:XValidation:rule="self.matches('^([01][0-9]|2[0-3]):[0-5][0-9]$')",message="from must be a time of day from 00:00 to 23:59, for example \"09:00\""
	From string `json:"from,omitempty"`
	// to is when it ends, as in "17:00"; one that is not after from is of the
	// next day, and midnight if absent.
	// +optional
	// +kubebuilder:validation:MaxLength=5
	// +kubebuilder:validation:XValidation:rule="self.matches('^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$')",message="to must be a time of day from 00:00 to 24:00, for example \"17:00\""
	To string `json:"to,omitempty"`
}

// DenyWindow is a part of the week, or a span of time.
//
// +kubebuilder:validation:XValidation:rule="has(self.start) == has(self.end)",message="start and end belong together: give both, for example \"2026-12-20T00:00\" and \"2027-01-04T00:00\""
// +kubebuilder:validation:XValidation:rule="!has(self.start) || !(has(self.days) || has(self.from) || has(self.to))",message="a window has either start and end or days, from and to: make two of it"
type DenyWindow struct {
	Window `json:",inline"`
	// start of a span of time, in the time zone above, as in
	// "2026-12-20T00:00".
	// +optional
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}$')",message="start must be a date and time without a zone, for example \"2026-12-20T00:00\""
	Start string `json:"start,omitempty"`
	// end of it, as in "2027-01-04T00:00".
	// +optional
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}$')",message="end must be a date and time without a zone, for example \"2027-01-04T00:00\""
	End string `json:"end,omitempty"`
}

// WindowStatus says whether a deployment may be executed now.
type WindowStatus struct {
	Open bool `json:"open"`
	// reason says which window it is that opens or closes.
	Reason string `json:"reason"`
	// nextOpening and nextClosing are when that changes, if it does within a
	// year.
	// +optional
	NextOpening *metav1.Time `json:"nextOpening,omitempty"`
	// +optional
	NextClosing *metav1.Time `json:"nextClosing,omitempty"`
}
