package config_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/go-logr/logr"
)

// cluster is the one control plane of these tests, admin a client that may do all.
var (
	cluster *envtest.Environment
	admin   client.Client
)

func TestMain(m *testing.M) { os.Exit(tests(m)) }

func tests(m *testing.M) int {
	log.SetLogger(logr.Discard())
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		fmt.Fprintln(os.Stderr, "KUBEBUILDER_ASSETS is not set: run `make test`, or KUBEBUILDER_ASSETS=$(hack/envtest-assets) go test …")
		return 1
	}
	cluster = &envtest.Environment{CRDDirectoryPaths: []string{"crd"}, ErrorIfCRDPathMissing: true}
	_, err := cluster.Start()
	defer func() { _ = cluster.Stop() }()
	if err == nil {
		admin, err = client.New(cluster.Config, client.Options{})
	}
	if err == nil {
		err = install()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "start the control plane:", err)
		return 1
	}
	return m.Run()
}

// install applies the roles and the policies, which do nothing until they are bound.
func install() error {
	ctx := context.Background()
	for _, name := range []string{"awscdk-operator-system"} {
		if err := admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			return err
		}
	}
	files, err := filepath.Glob(filepath.Join("policies", "*.yaml"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("there are no policies: %w", err)
	}
	for _, file := range append(files, filepath.Join("rbac", "aggregated.yaml")) {
		objects, err := read(file)
		if err != nil {
			return err
		}
		for _, o := range objects {
			if err := admin.Create(ctx, o); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	return nil
}

func read(file string) (objects []*unstructured.Unstructured, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for reader := utilyaml.NewYAMLOrJSONDecoder(bufio.NewReader(bytes.NewReader(data)), 4096); ; {
		o := &unstructured.Unstructured{}
		if err := reader.Decode(o); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return objects, err
		}
		if len(o.Object) > 0 {
			objects = append(objects, o)
		}
	}
}

// team is a namespace of a test's own, and who works there.
type team struct {
	*testing.T
	namespace string
	// alice may edit objects, and nothing else.
	alice client.Client
}

func newTeam(t *testing.T, labels map[string]string) *team {
	t.Helper()
	w := &team{T: t, namespace: strings.ToLower(t.Name())}
	w.must(admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace, Labels: labels}}))
	w.alice = w.user("alice", "awscdk-operator-view", "awscdk-operator-edit")
	return w
}

func (w *team) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// user is a client of somebody with ClusterRoles in the namespace.
func (w *team) user(name string, roles ...string) client.Client {
	w.Helper()
	for _, role := range roles {
		w.bind(name, rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role})
		var is rbacv1.ClusterRole
		w.must(admin.Get(w.Context(), client.ObjectKey{Name: role}, &is))
		w.effective(name, is.Rules)
	}
	as := rest.CopyConfig(cluster.Config)
	as.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: []string{"system:authenticated"}}
	c, err := client.New(as, client.Options{})
	w.must(err)
	return c
}

func (w *team) bind(user string, role rbacv1.RoleRef) {
	w.Helper()
	w.must(admin.Create(w.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: user + "-" + role.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}},
		RoleRef:    role,
	}))
}

// grant gives somebody one right in the namespace.
func (w *team) grant(user, name string, rule rbacv1.PolicyRule) {
	w.Helper()
	w.must(admin.Create(w.Context(), &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}, Rules: []rbacv1.PolicyRule{rule}}))
	w.bind(user, rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name})
	w.effective(user, []rbacv1.PolicyRule{rule})
}

// effective waits until the API server has taken notice of what somebody may do,
// which it does a moment after the binding was made.
func (w *team) effective(user string, rules []rbacv1.PolicyRule) {
	w.Helper()
	for _, rule := range rules {
		resource, sub, _ := strings.Cut(rule.Resources[0], "/")
		attributes := &authorizationv1.ResourceAttributes{Namespace: w.namespace, Verb: rule.Verbs[0], Group: rule.APIGroups[0], Resource: resource, Subresource: sub}
		if len(rule.ResourceNames) > 0 {
			attributes.Name = rule.ResourceNames[0]
		}
		allowed := false
		for range 1200 {
			review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: user, Groups: []string{"system:authenticated"}, ResourceAttributes: attributes}}
			w.must(admin.Create(w.Context(), review))
			if allowed = review.Status.Allowed; allowed {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		if !allowed {
			w.Fatalf("%s may not %s %s", user, attributes.Verb, rule.Resources[0])
		}
	}
}

// stack is an object that no policy of the example refuses, with other fields laid over.
func (w *team) stack(name string, fields map[string]any) *unstructured.Unstructured {
	spec := map[string]any{
		"stackName": "Web", "awsRegion": "eu-central-1", "credentialsSecretName": "aws",
		"roleARN": "arn:aws:iam::123456789012:role/cdk/deployer",
		"source":  map[string]any{"git": map[string]any{"repository": "https://github.com/acme/web.git"}},
		"actions": map[string]any{"destroy": false},
	}
	for key, value := range fields {
		spec[key] = value
		if value == nil {
			delete(spec, key)
		}
	}
	o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "awscdk.dev/v1alpha1", "kind": "CdkTsStack", "spec": spec}}
	o.SetNamespace(w.namespace)
	o.SetName(name)
	return o
}

// enforce binds a policy to the namespace, with parameters if there are any, and waits until an
// object that it has to refuse is refused.
func (w *team) enforce(policy string, params map[string]string, refuses map[string]any) {
	w.Helper()
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: w.namespace},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: policy, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
			MatchResources: &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": w.namespace}}},
		},
	}
	if params != nil {
		w.must(admin.Create(w.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "awscdk-operator-system", Name: w.namespace}, Data: params}))
		deny := admissionv1.DenyAction
		binding.Spec.ParamRef = &admissionv1.ParamRef{Name: w.namespace, Namespace: "awscdk-operator-system", ParameterNotFoundAction: &deny}
	}
	w.must(admin.Create(w.Context(), binding))
	w.Cleanup(func() { _ = admin.Delete(context.Background(), binding) })
	for range 1200 {
		if err := w.alice.Create(w.Context(), w.stack("probe", refuses), client.DryRunAll); err != nil && strings.Contains(err.Error(), policy) && strings.Contains(err.Error(), "spec.") {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	w.Fatalf("%s refuses nothing", policy)
}

// verdict is what is expected of an attempt: "" that it goes through.
func (w *team) verdict(what string, err error, says ...string) {
	w.Helper()
	if len(says) == 0 {
		if err != nil {
			w.Errorf("%s: %v", what, err)
		}
		return
	}
	if err == nil {
		w.Errorf("%s was let through", what)
		return
	}
	for _, part := range says {
		if !strings.Contains(err.Error(), part) {
			w.Errorf("%s: %q does not say %q", what, err, part)
		}
	}
}
