package e2e

import (
	"slices"
	"strings"
	"testing"

	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/test/e2e/rig"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestTwoOperatorsOfOneNamespaceSaySo installs one operator for the whole cluster
// beside one of a namespace.
func TestTwoOperatorsOfOneNamespaceSaySo(t *testing.T) {
	w := &world{Rig: rig.Start(t, "--speed", "0")}
	for _, name := range []string{"cdk-team", "cdk-all", "other"} {
		if err := w.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
	w.Namespace(t, "team", keyID, secretKey)
	theirs, others := rig.Stack("team", "web", "Web", w.HTTP.URL+"/web.git", ""), rig.Stack("other", "web", "Web", w.HTTP.URL+"/web.git", "")
	theirs.Spec.Suspend, others.Spec.Suspend = true, true
	w.Create(t, theirs)
	w.Create(t, others)
	w.Manage(t, rig.ManagerOptions{Data: t.TempDir(), Namespace: "team", Flags: []string{"--leader-elect", "--leader-election-namespace", "cdk-team"}})
	awstest.Eventually(t, "the operator of the namespace leads", func() bool {
		leases, err := w.Kubectl(t, "get", "lease", "-n", "cdk-team", "awscdk-operator", "-o", "jsonpath={.spec.holderIdentity}")
		return err == nil && leases != ""
	})
	forAll := w.Manage(t, rig.ManagerOptions{Data: t.TempDir(), Flags: []string{"--leader-elect", "--leader-election-namespace", "cdk-all"}})
	awstest.Eventually(t, "the log says so", func() bool {
		return strings.Contains(forAll.Log(t), "to be the only operator of team") && strings.Contains(forAll.Log(t), "the Lease cdk-team/awscdk-operator")
	})
	told := func(namespace string) bool {
		return slices.ContainsFunc(w.Events(t, namespace), func(e eventsv1.Event) bool {
			return e.Regarding.Name == "web" && e.Reason == "PrerequisiteMissing" && strings.Contains(e.Note, "the Lease cdk-team/awscdk-operator")
		})
	}
	awstest.Eventually(t, "the object that both look after is told", func() bool { return told("team") })
	if told("other") {
		t.Error("an object that one looks after is told")
	}
	// What docs/how-to/install.md says to type.
	shown, err := w.Kubectl(t, "get", "leases", "-A", "--field-selector", "metadata.name=awscdk-operator", "--show-labels")
	if err != nil || !strings.Contains(shown, "watches.awscdk.dev/team=") || !strings.Contains(shown, "awscdk.dev/watches=all") {
		t.Errorf("%s, %v", shown, err)
	}
}
