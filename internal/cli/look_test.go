package cli_test

import (
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
)

// TestAnOrderIsWatchedToItsEnd watches a stack that is ready, and about which the
// operator has not seen an order yet.
func TestAnOrderIsWatchedToItsEnd(t *testing.T) {
	long := strings.Repeat("a", 300)
	for name, c := range map[string]struct {
		annotations string
		orders      v1alpha1.OrdersStatus
	}{
		"a deployment":            {`kubectl.kubernetes.io/restartedAt: second`, v1alpha1.OrdersStatus{RestartedAt: "second"}},
		"a deployment, long name": {`kubectl.kubernetes.io/restartedAt: ` + long, v1alpha1.OrdersStatus{RestartedAt: long[:256]}},
		"an emergency":            {`emergency-deployment: "true"`, v1alpha1.OrdersStatus{RestartedAt: "first", Emergency: "true"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &session{t: t}
			s.object(`
metadata: {name: web, annotations: {` + c.annotations + `}}
spec: {stackName: Shop}
status:
  message: deployed before
  orders: {restartedAt: first}
  target: {revision: aaaa, digest: d, specDigest: s}
  conditions: [{type: Ready, status: "True", reason: Deployed, message: fine, lastTransitionTime: "2026-03-02T11:00:00Z"}]
`)
			t.Cleanup(clearStacks)
			heard, watched := time.Now().Add(500*time.Millisecond), time.Now().Add(2*time.Second)
			s.operator(func(*v1alpha1.CdkTsStack) bool { return time.Now().After(heard) }, func(st *v1alpha1.CdkTsStackStatus) {
				st.Orders, st.Message = c.orders.DeepCopy(), "a check goes on before the order"
				st.Orders.Current = "order-1"
			})
			s.operator(func(o *v1alpha1.CdkTsStack) bool { return time.Now().After(watched) && o.Status.Orders.Current != "" }, func(st *v1alpha1.CdkTsStackStatus) {
				st.Target.Order, st.Message = "order-1", "deployed as ordered"
			})
			got := s.play([]string{"status", "-w", "web"}, "", false)
			if !strings.Contains(got, "deployed as ordered") || !strings.Contains(got, "(exit code 0)") {
				t.Errorf("the last that was shown is not the end of the order:\n%s", got)
			}
		})
	}
}
