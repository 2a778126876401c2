package decide

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"awscdk.dev/operator/api/v1alpha1"
)

// The monitoring of an update may begin long after the last event of it, such as
// when the manager was away or the update could not be cancelled: its events are
// looked for since it began, or it would not be known for ours.
func TestMonitoringLooksForTheEventsOfTheExecution(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	accepted := metav1.NewTime(now.Add(-time.Hour))
	op := &v1alpha1.Operation{
		ID: "cdk-deploy-1-u1", Kind: v1alpha1.OperationDeploy, Step: v1alpha1.StepMonitoring, StackID: arn,
		StepStartedAt: metav1.NewTime(now), AcceptedAt: &accepted, Plan: &v1alpha1.Plan{StackName: "Web"},
	}
	if n := lookAtOperation(op); n.Events != op.ID || !n.EventsSince.Equal(accepted.Time) {
		t.Errorf("the events of %q since %s, and it was accepted at %s", n.Events, n.EventsSince, accepted)
	}
	op.Step = v1alpha1.StepCancelling
	if n := lookAtOperation(op); n.Events != op.ID+"-cancel" || !n.EventsSince.Equal(now) {
		t.Errorf("the events of %q since %s, and it is cancelled since %s", n.Events, n.EventsSince, now)
	}
}
