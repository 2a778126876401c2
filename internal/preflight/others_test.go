package preflight_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/preflight"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// installation is one that leads, unless it says otherwise.
type installation struct {
	namespace string
	labels    map[string]string
	name      string        // of its Lease, "" for the usual one
	silent    time.Duration // since its last sign
	released  bool
}

func (i installation) lead(t *testing.T, c client.Client) {
	t.Helper()
	must(t, client.IgnoreAlreadyExists(c.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: i.namespace}})))
	l := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: i.namespace, Name: preflight.LeaseName, Labels: i.labels}}
	if i.name != "" {
		l.Name = i.name
	}
	l.Spec = coordinationv1.LeaseSpec{HolderIdentity: ptr.To("pod-1"), RenewTime: ptr.To(metav1.NewMicroTime(time.Now().Add(-i.silent)))}
	if i.released {
		l.Spec.HolderIdentity = ptr.To("")
	}
	must(t, c.Create(t.Context(), l))
	t.Cleanup(func() { _ = c.Delete(context.Background(), l) })
}

func TestAnotherInstallationForTheSameNamespacesIsTold(t *testing.T) {
	stale := preflight.Watches([]string{"team-a"})
	for label, value := range preflight.Watches([]string{"team-b"}) {
		stale[label] = value // what election leaves of an earlier time stays: only its value tells
	}
	for name, c := range map[string]struct {
		others []installation
		ours   []string
		// need is what is told, "" for nothing, concerned the namespaces whose objects are.
		need      string
		concerned string
	}{
		"nobody else":                               {},
		"one's own":                                 {others: []installation{{namespace: "own", labels: preflight.Watches(nil)}}},
		"one of a namespace beside one for all":     {others: []installation{{namespace: "cdk-a", labels: preflight.Watches([]string{"team-a"})}}, need: "to be the only operator of team-a: another one leads by the Lease cdk-a/awscdk-operator and", concerned: "team-a"},
		"one for all beside one of a namespace":     {others: []installation{{namespace: "cdk-all", labels: preflight.Watches(nil)}}, ours: []string{"team-a"}, need: "to be the only operator of team-a: ", concerned: "team-a"},
		"two for all":                               {others: []installation{{namespace: "cdk-all", labels: preflight.Watches(nil)}}, need: "to be the only operator of all namespaces: ", concerned: "team-a team-b"},
		"two that share one":                        {others: []installation{{namespace: "cdk-ab", labels: preflight.Watches([]string{"team-b", "team-a"})}}, ours: []string{"team-b", "team-c"}, need: "to be the only operator of team-b: ", concerned: "team-b"},
		"two that share none":                       {others: []installation{{namespace: "cdk-a", labels: preflight.Watches([]string{"team-a"})}}, ours: []string{"team-b"}},
		"one that looks after fewer than before":    {others: []installation{{namespace: "cdk-b", labels: stale}}, need: "to be the only operator of team-b: ", concerned: "team-b"},
		"one of an earlier version":                 {others: []installation{{namespace: "cdk-old"}}, need: "to be the only operator: another one leads by the Lease cdk-old/awscdk-operator, of a version that does not say"},
		"one that was uninstalled":                  {others: []installation{{namespace: "cdk-a", labels: preflight.Watches(nil), released: true}}},
		"one that has given no sign for an hour":    {others: []installation{{namespace: "cdk-a", labels: preflight.Watches(nil), silent: time.Hour}}},
		"a Lease of something else":                 {others: []installation{{namespace: "cdk-a", labels: preflight.Watches(nil), name: "other"}}},
		"more than are named, in the order of them": {others: []installation{{namespace: "cdk-g", labels: preflight.Watches([]string{"g", "f", "e", "d", "c", "b", "a"})}}, need: "to be the only operator of a, b, c, d, e and 2 more: ", concerned: ""},
	} {
		t.Run(name, func(t *testing.T) {
			k := admin(t)
			for _, other := range c.others {
				other.lead(t, k)
			}
			found := othersFound(t, preflight.Options{Live: k, Client: k, Namespaces: c.ours, Own: "own"})
			if c.need == "" {
				if len(found) > 0 {
					t.Errorf("told: %s", found[0])
				}
				return
			}
			if len(found) != 1 || !strings.HasPrefix(found[0].String(), c.need) {
				t.Fatalf("told: %v, want %s", found, c.need)
			}
			var concerned []string
			for _, namespace := range []string{"team-a", "team-b"} {
				if found[0].Concerns(&v1alpha1.CdkTsStack{ObjectMeta: metav1.ObjectMeta{Namespace: namespace}}) {
					concerned = append(concerned, namespace)
				}
			}
			if got := strings.Join(concerned, " "); got != c.concerned {
				t.Errorf("it concerns %q, want %q", got, c.concerned)
			}
		})
	}
}

// An installation of some namespaces may not list Leases elsewhere, and sees those
// in its namespaces.
func TestAnInstallationOfSomeNamespacesSeesThoseInThem(t *testing.T) {
	k := admin(t)
	installation{namespace: "team-a", labels: preflight.Watches(nil)}.lead(t, k)
	installation{namespace: "cdk-all", labels: preflight.Watches(nil)}.lead(t, k)
	operator, err := cluster.AddUser(envtest.User{Name: "of-team-a"}, nil)
	must(t, err)
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "stacks"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, ResourceNames: []string{preflight.LeaseName}, Verbs: []string{"list"}},
	}}
	must(t, k.Create(t.Context(), role))
	must(t, k.Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "stacks"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "stacks"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "of-team-a"}},
	}))
	c := clientFor(t, operator.Config())
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) { // a role counts a moment after it was made
		found := othersFound(t, preflight.Options{Live: c, Client: c, Namespaces: []string{"team-a"}, Own: "team-cdk"})
		if len(found) == 1 && strings.Contains(found[0].Message, "the Lease team-a/awscdk-operator") {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("told: %v", found)
		}
	}
}

// othersFound is what the check of other installations finds.
func othersFound(t *testing.T, o preflight.Options) []preflight.Missing {
	t.Helper()
	o.Schemas, o.Now, o.Log = schemas(t), time.Now, slog.New(slog.DiscardHandler)
	for _, found := range preflight.New(o).Find(t.Context()) {
		if found.Check == "other operators" {
			return found.Missing
		}
	}
	t.Fatal("there is no such check")
	return nil
}
