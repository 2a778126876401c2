package chart_test

import (
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestInNamespacesItNeedsNoClusterRole(t *testing.T) {
	c := newCluster(t, helm4)
	s := newStacks(t, c)
	n := newNode(c)
	c.kubectl("", "apply", "--server-side", "--filename", chart+"/crds")
	c.served()
	s.object()
	c.install("install", chart, inProcess+"namespaced: true\nwatchNamespaces: [team]\ncrds: {install: false}")
	var roles rbacv1.ClusterRoleList
	must(t, c.List(t.Context(), &roles))
	for _, role := range roles.Items {
		if strings.HasPrefix(role.Name, release) {
			t.Errorf("there is a ClusterRole %s", role.Name)
		}
	}
	must(t, c.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "awscdk-operator-webhook"}, StringData: map[string]string{"token": "0123456789abcdef"},
	}))
	m := n.start(release)
	c.eventually("the object is adopted", func() bool {
		ready := meta.FindStatusCondition(s.web().Status.Conditions, v1alpha1.ConditionReady)
		return ready != nil && ready.Reason == "Adopted"
	})
	m.lacksNothing()
	for _, secret := range []string{"awscdk-operator-webhook", "awscdk-operator-ssh-key"} {
		if got := c.kubectl("", "auth", "can-i", "get", "secret/"+secret, "--namespace", namespace, "--as", "system:serviceaccount:"+namespace+":"+release); !strings.HasPrefix(got, "yes") {
			t.Errorf("may it read %s? %s", secret, got)
		}
	}
}

// A namespace that the operator may not read keeps none of the others waiting, and is
// looked after from when the operator may.
func TestANamespaceWithoutItsRoleHarmsNoOther(t *testing.T) {
	c := newCluster(t, helm4)
	s := newStacks(t, c)
	n := newNode(c)
	c.namespace("later")
	c.kubectl("", "apply", "--server-side", "--filename", chart+"/crds")
	c.served()
	s.object()
	c.install("install", chart, inProcess+"namespaced: true\nwatchNamespaces: [team, later]\ncrds: {install: false}")
	c.refusesSecond("namespaced: true\nwatchNamespaces: [later]\ncrds: {install: false}")
	binding := c.kubectl("", "get", "rolebindings", "--namespace", "later", "--output=yaml")
	c.kubectl("", "delete", "rolebindings", "--namespace", "later", "--all")
	m := n.start(release)
	c.eventually("the object of the other namespace is adopted", func() bool {
		ready := meta.FindStatusCondition(s.web().Status.Conditions, v1alpha1.ConditionReady)
		return ready != nil && ready.Reason == "Adopted"
	})
	if log := m.log.String(); !strings.Contains(log, `"namespaces":"later"`) {
		t.Error("the log does not say which namespace is left out")
	}
	c.kubectl(binding, "apply", "--filename", "-")
	select {
	case err := <-m.ended:
		m.stop = func() {}
		if err != nil {
			t.Errorf("the manager ended with %v, although it is only to begin anew", err)
		}
	case <-time.After(time.Minute):
		t.Error("the manager did not hear that it may read the namespace")
	}
	n.start(release).lacksNothing()
}

// refusesSecond fails the test when Helm installs the chart once more, in another
// namespace.
func (c *cluster) refusesSecond(values string) {
	c.Helper()
	out, err := c.run(inProcess+values, c.helm, "install", "second", chart, "--namespace", "second-system", "--create-namespace", "--timeout", "60s", "--values", "-")
	if err == nil || !strings.Contains(out, "cannot be imported into the current release") {
		c.Errorf("a second installation over the same namespace: %v\n%s", err, out)
	}
}
