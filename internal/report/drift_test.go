package report

import (
	"slices"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var driftBegan = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// answered is an object after a drift check that ended some time after the
// condition Drifted took that status; "" for no answer yet.
func answered(status metav1.ConditionStatus, after time.Duration, resources ...string) *v1alpha1.CdkTsStack {
	obj := &v1alpha1.CdkTsStack{}
	at := metav1.NewTime(driftBegan.Add(after))
	d := &v1alpha1.DriftStatus{AttemptedAt: &at, CheckedAt: &at}
	obj.Status.Drift = d
	if status == "" {
		return obj
	}
	reason := map[metav1.ConditionStatus]string{metav1.ConditionTrue: "Drifted", metav1.ConditionFalse: "InSync", metav1.ConditionUnknown: "CheckFailed"}[status]
	meta.SetStatusCondition(&obj.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionDrifted, Status: status, Reason: reason, LastTransitionTime: metav1.NewTime(driftBegan)})
	obj.Status.DriftDetected = status == metav1.ConditionTrue
	if status == metav1.ConditionUnknown {
		d.Error, d.CheckedAt = "access denied", nil
	}
	for _, id := range resources {
		d.Resources = append(d.Resources, v1alpha1.DriftedResource{LogicalID: id})
	}
	return obj
}

// hooked has a hook before or after its drift checks, and is in that step.
func hooked(obj *v1alpha1.CdkTsStack, step v1alpha1.OperationStep, hooks v1alpha1.LifecycleHooks) *v1alpha1.CdkTsStack {
	obj.Spec.LifecycleHooks = &hooks
	if step != "" {
		obj.Status.Operation = &v1alpha1.Operation{ID: "cdk-drift-1", Kind: v1alpha1.OperationDriftCheck, Step: step}
	}
	return obj
}

func TestADriftCheckIsToldWhenItBringsNews(t *testing.T) {
	const yes, no, unknown = metav1.ConditionTrue, metav1.ConditionFalse, metav1.ConditionUnknown
	before, after := v1alpha1.LifecycleHooks{BeforeDriftDetection: ":"}, v1alpha1.LifecycleHooks{AfterDriftDetection: ":"}
	detecting := func(obj *v1alpha1.CdkTsStack) *v1alpha1.CdkTsStack {
		return hooked(obj, v1alpha1.StepDetecting, v1alpha1.LifecycleHooks{})
	}
	for name, c := range map[string]struct {
		was, is *v1alpha1.CdkTsStack
		want    []string
	}{
		"it begins":                         {answered(no, 0), detecting(answered(no, 0)), nil},
		"the first answer":                  {detecting(answered("", 0)), answered(no, 10*time.Minute), []string{"DriftCheckStart"}},
		"in sync, as before":                {detecting(answered(no, 0)), answered(no, 10*time.Minute), nil},
		"in sync, as before, an hour later": {detecting(answered(no, 0)), answered(no, time.Hour), nil},
		"drifted":                           {detecting(answered(no, 0)), answered(yes, 10*time.Minute, "A"), []string{"DriftCheckStart", "DriftDetected"}},
		"drifted, as before":                {detecting(answered(yes, 0, "A")), answered(yes, 10*time.Minute, "A"), nil},
		"another resource drifted, too":     {detecting(answered(yes, 0, "A")), answered(yes, 10*time.Minute, "A", "B"), []string{"DriftCheckStart", "DriftDetected"}},
		"drift lasts, and its event is about to vanish": {detecting(answered(yes, 45*time.Minute, "A")), answered(yes, 55*time.Minute, "A"), []string{"DriftDetected"}},
		"drift lasts, and was told again just before":   {detecting(answered(yes, 55*time.Minute, "A")), answered(yes, 65*time.Minute, "A"), nil},
		"in sync again":                      {detecting(answered(yes, 0, "A")), answered(no, 10*time.Minute), []string{"DriftCheckStart"}},
		"no answer":                          {detecting(answered(no, 0)), answered(unknown, 10*time.Minute), []string{"DriftCheckStart", "DriftCheckFailure"}},
		"no answer, as before":               {detecting(answered(unknown, 0)), answered(unknown, 10*time.Minute), nil},
		"its hook begins":                    {answered(no, 0), hooked(answered(no, 0), v1alpha1.StepBeforeHook, before), []string{"DriftCheckStart"}},
		"in sync, as before, after its hook": {hooked(answered(no, 0), v1alpha1.StepDetecting, before), hooked(answered(no, 10*time.Minute), "", before), nil},
		"in sync, as before, and a hook comes after it": {hooked(answered(no, 0), v1alpha1.StepDetecting, after), hooked(answered(no, 10*time.Minute), v1alpha1.StepAfterHook, after), []string{"DriftCheckStart"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, e := range Between(c.was, c.is) {
				got = append(got, e.Reason)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("the events are %v, want %v", got, c.want)
			}
		})
	}
}
