package controller_test

import (
	"net/http"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// diesWhileItVerifies is the life of a stack whose deployments are asked by an
// http check, the hook and its alarms: one that is healthy, and one that is not
// until it is put right.
func (w *world) diesWhileItVerifies(kill string) (deaths int) {
	w.Helper()
	web := serveSite(w)
	w.commitFiles(siteApp(w, web.URL, "one"))
	obj := w.stack("web")
	obj.Spec.Actions = &v1alpha1.Actions{DriftDetection: ptr.To(false)}
	obj.Spec.Retry = &v1alpha1.Retry{Interval: every(time.Second), MaxInterval: every(time.Second), Limit: ptr.To[int32](10)}
	obj.Spec.LifecycleHooks = &v1alpha1.LifecycleHooks{AfterDeploy: ":"}
	obj.Spec.Verification = []v1alpha1.Check{
		{HTTP: &v1alpha1.HTTPCheck{URLFromOutput: "Url", Path: "/health"}, Retries: ptr.To[int32](1), Interval: every(time.Second), Every: every(30 * time.Second)},
		{AfterDeploy: &v1alpha1.AfterDeployCheck{}},
		{Alarms: &v1alpha1.AlarmsCheck{QuietFor: every(time.Second)}, Interval: every(time.Second)},
	}
	w.create(obj)
	verified := func(n int) func() bool {
		return func() bool {
			o := w.get("web")
			if !ready(o) || len(o.Status.History) < n || health(o) == nil || health(o).Status != metav1.ConditionTrue {
				return false
			}
			for _, name := range []string{"http", "afterDeploy", "alarms"} {
				if c := checkOf(o, name); c.Result != v1alpha1.CheckHealthy || c.Operation != o.Status.LastDeployment.Operation {
					w.Errorf("it is ready, and of the check %s is known %+v", name, c)
				}
			}
			return true
		}
	}
	deaths += w.dieUntil(kill, verified(1))
	w.onlyOnce("CreateChangeSet", 1)

	web.status.Store(http.StatusServiceUnavailable)
	w.commitFiles(siteApp(w, web.URL, "two"))
	w.editStatus("web", `{"status":{"phase":""}}`)
	deaths += w.dieUntil(kill, func() bool { return because("VerificationFailed")(w.get("web")) })
	if o := w.get("web"); o.Status.Deployed.Target.Digest == o.Status.Target.Digest {
		w.Error("what is not healthy counts as deployed")
	}
	web.status.Store(http.StatusOK)
	deaths += w.dieUntil(kill, verified(3))
	w.onlyOnce("CreateChangeSet", 2)
	w.onlyOnce("ExecuteChangeSet", 2)
	return deaths + w.diesWhileItIsDeleted(kill, obj)
}
