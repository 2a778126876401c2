package report

import (
	"slices"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestARollbackIsToldOnce(t *testing.T) {
	at := metav1.NewTime(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC))
	taken := func(state v1alpha1.RollbackState, ended bool) *v1alpha1.CdkTsStack {
		obj := &v1alpha1.CdkTsStack{}
		obj.Status.Rollback = &v1alpha1.RollbackStatus{Cause: v1alpha1.CauseUnhealthy, State: state, RequestedAt: at}
		if ended {
			obj.Status.Rollback.EndedAt = &at
		}
		return obj
	}
	deploying := func(m *v1alpha1.Monitoring) *v1alpha1.CdkTsStack {
		obj := &v1alpha1.CdkTsStack{}
		obj.Status.Operation = &v1alpha1.Operation{ID: "cdk-deploy-1", Kind: v1alpha1.OperationDeploy, Target: &v1alpha1.Target{}, Monitoring: m}
		return obj
	}
	denied := &v1alpha1.Monitoring{CancelDenied: "no"}
	for name, c := range map[string]struct {
		was, is *v1alpha1.CdkTsStack
		want    []string
	}{
		"it is decided":           {&v1alpha1.CdkTsStack{}, taken(v1alpha1.RollbackPending, false), nil},
		"it is done":              {taken(v1alpha1.RollbackPending, false), taken(v1alpha1.RollbackDone, true), []string{"RolledBack"}},
		"by CloudFormation":       {&v1alpha1.CdkTsStack{}, taken(v1alpha1.RollbackDone, true), []string{"RolledBack"}},
		"it was done before":      {taken(v1alpha1.RollbackDone, true), taken(v1alpha1.RollbackDone, true), nil},
		"it is given up":          {taken(v1alpha1.RollbackPending, false), taken(v1alpha1.RollbackNotDone, true), []string{"RollbackGivenUp"}},
		"a role may not cancel":   {deploying(nil), deploying(denied), []string{"CancelDenied"}},
		"it might not some time":  {deploying(denied), deploying(denied), nil},
		"a deployment that ended": {deploying(denied), &v1alpha1.CdkTsStack{}, nil},
		"a template is gone":      {deploying(&v1alpha1.Monitoring{}), deploying(&v1alpha1.Monitoring{LastGoodGone: "gone"}), []string{"LastGoodGone"}},
		"alarms cannot be seen":   {deploying(&v1alpha1.Monitoring{}), deploying(&v1alpha1.Monitoring{AlarmsUnseen: "no"}), []string{"AlarmsUnseen"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := reasons(Between(c.was, c.is)); !slices.Equal(got, c.want) {
				t.Errorf("the events are %v, want %v", got, c.want)
			}
		})
	}
}
