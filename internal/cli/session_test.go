package cli_test

import (
	"context"
	"fmt"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// clearStacks takes all objects away. A test's context has ended when it is cleaned up.
func clearStacks() {
	var list v1alpha1.CdkTsStackList
	_ = cluster.List(context.Background(), &list, client.InNamespace("default"))
	for i := range list.Items {
		o := &list.Items[i]
		_ = cluster.Delete(context.Background(), o)
		if len(o.Finalizers) > 0 {
			_ = cluster.Patch(context.Background(), o, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`)))
		}
	}
}

func (s *session) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *session) source(name string) string {
	var o v1alpha1.CdkTsStack
	s.must(cluster.Get(s.t.Context(), client.ObjectKey{Namespace: "default", Name: name}, &o))
	out, err := yaml.Marshal(o.Spec.Source)
	s.must(err)
	return string(out)
}

// pod makes a pod, or gives the one of that name another status.
func (s *session) pod(text string) string {
	s.t.Helper()
	var p corev1.Pod
	s.must(yaml.UnmarshalStrict([]byte(text), &p))
	if p.Namespace == "" {
		p.Namespace = "default"
	}
	p.Spec.NodeName = "node-1"
	status := p.Status
	for _, all := range [][]corev1.Container{p.Spec.InitContainers, p.Spec.Containers} {
		for i := range all {
			all[i].Image = "runner"
		}
	}
	for _, all := range [][]corev1.ContainerStatus{status.InitContainerStatuses, status.ContainerStatuses} {
		for i := range all {
			all[i].Image, all[i].ImageID = "runner", "runner"
			node.setOpen(p.Name+"/"+all[i].Name, all[i].State.Running != nil)
		}
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.Namespace}}
	if err := cluster.Create(s.t.Context(), ns); err != nil && !apierrors.IsAlreadyExists(err) {
		s.t.Fatal(err)
	}
	switch err := cluster.Create(s.t.Context(), &p); {
	case apierrors.IsAlreadyExists(err):
		s.must(cluster.Get(s.t.Context(), client.ObjectKeyFromObject(&p), &p))
	default:
		s.must(err)
		s.cleanup(p.DeepCopy())
	}
	p.Status = status
	s.must(cluster.Status().Update(s.t.Context(), &p))
	return ""
}

func (s *session) cleanup(o client.Object) {
	s.t.Cleanup(func() { _ = cluster.Delete(context.Background(), o, client.GracePeriodSeconds(0)) })
}

func (s *session) events(name, text string) string {
	var o v1alpha1.CdkTsStack
	s.must(cluster.Get(s.t.Context(), client.ObjectKey{Namespace: "default", Name: name}, &o))
	var all []eventsv1.Event
	s.must(yaml.UnmarshalStrict([]byte(text), &all))
	for i := range all {
		e := &all[i]
		e.Namespace, e.Name = "default", fmt.Sprintf("%s-%d", name, i)
		e.Regarding = corev1.ObjectReference{APIVersion: v1alpha1.GroupVersion.String(), Kind: "CdkTsStack", Namespace: "default", Name: name, UID: o.UID}
		e.ReportingController, e.ReportingInstance, e.Action = "awscdk-operator", "manager", "Reconcile"
		s.must(cluster.Create(s.t.Context(), e))
		s.cleanup(e)
	}
	return ""
}

// allow gives a user rights to resources, each with its group behind a dot.
func (s *session) allow(user, verbs, resources string) string {
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	for _, r := range strings.Split(resources, ",") {
		resource, group, _ := strings.Cut(r, ".")
		role.Rules = append(role.Rules, rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: strings.Split(verbs, ",")})
	}
	s.must(cluster.Create(s.t.Context(), role))
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: user}},
	}
	s.must(cluster.Create(s.t.Context(), binding))
	s.cleanup(role)
	s.cleanup(binding)
	return ""
}
