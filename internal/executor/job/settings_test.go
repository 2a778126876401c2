package job

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"awscdk.dev/operator/api/v1alpha1"
)

// memory are resources of which "" is not asked for.
func memory(request, limit string) *corev1.ResourceRequirements {
	r := &corev1.ResourceRequirements{}
	if request != "" {
		r.Requests = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(request)}
	}
	if limit != "" {
		r.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(limit)}
	}
	return r
}

func TestWhatNobodyAskedForGivesWay(t *testing.T) {
	for name, c := range map[string]struct {
		defaults, own  *corev1.ResourceRequirements
		request, limit string
	}{
		"nobody asks":                            {request: "512Mi", limit: "4Gi"},
		"a small request":                        {own: memory("1Gi", ""), request: "1Gi", limit: "4Gi"},
		"a request beyond the usual limit":       {own: memory("8Gi", ""), request: "8Gi", limit: "8Gi"},
		"the same of the operator":               {defaults: memory("8Gi", ""), request: "8Gi", limit: "8Gi"},
		"a limit below the usual request":        {own: memory("", "256Mi"), request: "256Mi", limit: "256Mi"},
		"both":                                   {own: memory("8Gi", "9Gi"), request: "8Gi", limit: "9Gi"},
		"a request beyond the operator's limit":  {defaults: memory("", "2Gi"), own: memory("8Gi", ""), request: "8Gi", limit: "2Gi"},
		"a limit below the operator's request":   {defaults: memory("8Gi", ""), own: memory("", "2Gi"), request: "2Gi", limit: "2Gi"},
		"a limit that the object asks for alone": {defaults: memory("1Gi", ""), own: memory("", "6Gi"), request: "1Gi", limit: "6Gi"},
	} {
		s := newSettings(v1alpha1.Runner{Resources: c.defaults}, &v1alpha1.Runner{Resources: c.own})
		got := s.resources()
		if request, limit := got.Requests.Memory().String(), got.Limits.Memory().String(); request != c.request || limit != c.limit {
			t.Errorf("%s: request %s, limit %s; want %s, %s", name, request, limit, c.request, c.limit)
		}
	}
}
