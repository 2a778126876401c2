package v1alpha1

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Time is a moment, RFC 3339 in JSON. Unlike metav1.Time it reads anything:
// what the earlier operator's shell wrote must not keep this one from reading
// the object. An unreadable moment is the zero one.
//
// +kubebuilder:validation:Type=string
// +kubebuilder:validation:Format=date-time
type Time struct {
	metav1.Time `json:"-"`
}

// NewTime gives t as a pointer, or nil for the zero moment.
func NewTime(t metav1.Time) *Time {
	if t.IsZero() {
		return nil
	}
	return &Time{Time: t}
}

// UnmarshalJSON never fails.
func (t *Time) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &t.Time) != nil {
		t.Time = metav1.Time{}
	}
	return nil
}

// MarshalJSON writes RFC 3339, null for the zero moment.
func (t Time) MarshalJSON() ([]byte, error) { return t.Time.MarshalJSON() }
