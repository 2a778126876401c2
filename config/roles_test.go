package config_test

import (
	"fmt"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	authorizationv1 "k8s.io/api/authorization/v1"
)

type errNotYet struct{ err error }

func (e errNotYet) Error() string { return fmt.Sprint("it said ", e.err) }

// eventually tries for a minute: the API server learns of roles, labels and policies a moment
// after they are written.
func (w *team) eventually(what string, try func() error) {
	w.Helper()
	var err error
	for range 1200 {
		if err = try(); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	w.Errorf("%s: %v", what, err)
}

// aggregate is what the cluster's controller makes of the roles for one of its own.
func (w *team) aggregate(into string) string {
	w.Helper()
	var all rbacv1.ClusterRoleList
	w.must(admin.List(w.Context(), &all, client.MatchingLabels{"rbac.authorization.k8s.io/aggregate-to-" + into: "true"}))
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: w.namespace + "-" + into}}
	for _, part := range all.Items {
		if part.Labels["kubernetes.io/bootstrapping"] == "" {
			role.Rules = append(role.Rules, part.Rules...)
		}
	}
	w.must(admin.Create(w.Context(), role))
	return role.Name
}

func TestViewEditAndAdmin(t *testing.T) {
	w := newTeam(t, nil)
	for _, c := range []struct {
		role                       string
		read, edit, order, approve bool
	}{
		{"view", true, false, false, false},
		{"edit", true, true, true, false},
		{"admin", true, true, true, true},
	} {
		user := w.user(c.role, w.aggregate(c.role))
		object := "web-" + c.role
		w.must(admin.Create(t.Context(), w.stack(object, nil)))
		w.eventually(c.role+" reads", func() error {
			return user.Get(t.Context(), client.ObjectKeyFromObject(w.stack(object, nil)), w.stack(object, nil))
		})
		list := &unstructured.UnstructuredList{Object: map[string]any{"apiVersion": "awscdk.dev/v1alpha1", "kind": "CdkTsStackList"}}
		for what, try := range map[string]struct {
			err error
			may bool
		}{
			"lists":                    {user.List(t.Context(), list, client.InNamespace(w.namespace)), c.read},
			"makes one":                {user.Create(t.Context(), w.stack("new-"+c.role, nil)), c.edit},
			"edits one":                {user.Patch(t.Context(), w.stack(object, nil), patch(fields{"spec": fields{"suspend": true}})), c.edit},
			"requests a deployment":    {user.Status().Patch(t.Context(), w.stack(object, nil), patch(fields{"status": fields{"phase": "", "message": "again"}})), c.order},
			"writes the whole status":  {user.Status().Update(t.Context(), w.stack(object, nil)), false},
			"deletes one":              {user.Delete(t.Context(), w.stack(object, nil)), c.edit},
			"reads in other namespace": {user.List(t.Context(), list, client.InNamespace("default")), false},
		} {
			if apierrors.IsForbidden(try.err) == try.may {
				t.Errorf("%s %s: %v", c.role, what, try.err)
			}
		}
		for _, verb := range []string{"approve", "override"} {
			if may := w.may(user, verb); may != c.approve {
				t.Errorf("%s may %s: %t", c.role, verb, may)
			}
		}
	}
}

func (w *team) may(user client.Client, verb string) bool {
	w.Helper()
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: w.namespace, Verb: verb, Group: "awscdk.dev", Resource: "cdktsstacks"},
	}}
	w.must(user.Create(w.Context(), review))
	return review.Status.Allowed
}
