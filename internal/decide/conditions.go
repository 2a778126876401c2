package decide

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func (p *pass) setCondition(kind string, status metav1.ConditionStatus, reason, message string) {
	meta.SetStatusCondition(&p.st.Conditions, metav1.Condition{
		Type:               kind,
		Status:             status,
		ObservedGeneration: p.obj.Generation,
		LastTransitionTime: p.metaNow(),
		Reason:             orUnknown(reason),
		Message:            message,
	})
}

// setPresent keeps a condition of kstatus's abnormal-true kind only while it
// is true.
func (p *pass) setPresent(kind string, on bool, reason, message string) {
	if !on {
		meta.RemoveStatusCondition(&p.st.Conditions, kind)
		return
	}
	p.setCondition(kind, metav1.ConditionTrue, reason, message)
}

func orUnknown(reason string) string {
	if reason == "" {
		return "Unknown"
	}
	return reason
}
