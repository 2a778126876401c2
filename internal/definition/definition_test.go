package definition_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/config"
	"awscdk.dev/operator/internal/definition"

	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

var cluster *rest.Config

func TestMain(m *testing.M) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		fmt.Fprintln(os.Stderr, "KUBEBUILDER_ASSETS is not set: run `make test`, or KUBEBUILDER_ASSETS=$(hack/envtest-assets) go test …")
		os.Exit(1)
	}
	env := &envtest.Environment{}
	var err error
	if cluster, err = env.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "start the control plane:", err)
		os.Exit(1)
	}
	status := m.Run()
	_ = env.Stop()
	os.Exit(status)
}

func scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	_ = apiextensionsv1.AddToScheme(s)
	_ = rbacv1.AddToScheme(s)
	return s
}

func clientOf(t *testing.T, config *rest.Config) client.Client {
	t.Helper()
	c, err := client.New(config, client.Options{Scheme: scheme()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// wanted is this version's definition.
func wanted(t *testing.T) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	crd, err := definition.Parse(config.Definition)
	if err != nil {
		t.Fatal(err)
	}
	return crd
}

// spec is the schema of the spec of a definition's only version.
func spec(crd *apiextensionsv1.CustomResourceDefinition) map[string]apiextensionsv1.JSONSchemaProps {
	return crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].Properties
}

// without is a definition that lacks a field of the spec.
func without(t *testing.T, field string) *apiextensionsv1.CustomResourceDefinition {
	crd := wanted(t)
	delete(spec(crd), field)
	return crd
}

// with is a definition that has one field of the spec more.
func with(crd *apiextensionsv1.CustomResourceDefinition, field string) *apiextensionsv1.CustomResourceDefinition {
	spec(crd)[field] = apiextensionsv1.JSONSchemaProps{Type: "string"}
	return crd
}

// limited is a client that may do what the chart's Job may.
func limited(t *testing.T, admin client.Client) client.Client {
	t.Helper()
	const user = "the-job"
	for _, o := range []client.Object{
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: user}, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{"apiextensions.k8s.io"}, Resources: []string{"customresourcedefinitions"}, ResourceNames: []string{"cdktsstacks.awscdk.dev"}, Verbs: []string{"create", "get", "patch"}},
		}},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: user}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: user},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}},
		},
	} {
		if err := client.IgnoreAlreadyExists(admin.Create(t.Context(), o)); err != nil {
			t.Fatal(err)
		}
	}
	config := rest.CopyConfig(cluster)
	config.Impersonate = rest.ImpersonationConfig{UserName: user}
	return clientOf(t, config)
}

func TestTheClustersDefinitionIsBroughtUpToDate(t *testing.T) {
	storedElsewhere := func(t *testing.T) *apiextensionsv1.CustomResourceDefinition {
		crd := wanted(t)
		next := *crd.Spec.Versions[0].DeepCopy()
		next.Name, crd.Spec.Versions[0].Storage = "v9", false
		crd.Spec.Versions = append(crd.Spec.Versions, next)
		return crd
	}
	for name, c := range map[string]struct {
		there func(*testing.T) *apiextensionsv1.CustomResourceDefinition
		force bool
		says  string
		fails string
		has   string // a field that the definition has afterwards
		lacks string
	}{
		"none is there":           {nil, false, "created", "", "stackName", ""},
		"the same is there":       {wanted, false, "updated", "", "stackName", ""},
		"an earlier one is there": {func(t *testing.T) *apiextensionsv1.CustomResourceDefinition { return without(t, "retry") }, false, "updated", "", "retry", ""},
		"another's with fields of its own": {func(t *testing.T) *apiextensionsv1.CustomResourceDefinition {
			return with(without(t, "retry"), "legacy")
		}, false, "updated: it no longer has spec.legacy", "", "retry", "legacy"},
		"a newer one stays":                {func(t *testing.T) *apiextensionsv1.CustomResourceDefinition { return with(wanted(t), "future") }, false, "kept: it is of a newer version, with spec.future", "", "future", ""},
		"a newer one goes by force":        {func(t *testing.T) *apiextensionsv1.CustomResourceDefinition { return with(wanted(t), "future") }, true, "updated", "", "retry", "future"},
		"objects may be stored in another": {storedElsewhere, true, "", "stores objects as v9", "retry", ""},
	} {
		t.Run(name, func(t *testing.T) {
			admin := clientOf(t, cluster)
			job := limited(t, admin)
			t.Cleanup(func() { remove(t, admin) })
			if c.there != nil {
				there := c.there(t)
				there.Labels = map[string]string{"somebody": "else"}
				if err := admin.Create(t.Context(), there); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			said, err := definition.Apply(ctx, job, wanted(t), c.force)
			if (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Fatalf("error %v, want %q", err, c.fails)
			}
			if c.says == "" != (said == "") || !strings.HasPrefix(said, c.says) {
				t.Errorf("said %q, want %q", said, c.says)
			}
			check(t, admin, c.there != nil, c.has, c.lacks)
		})
	}
}

func check(t *testing.T, admin client.Client, was bool, has, lacks string) {
	t.Helper()
	var is apiextensionsv1.CustomResourceDefinition
	if err := admin.Get(t.Context(), client.ObjectKey{Name: "cdktsstacks.awscdk.dev"}, &is); err != nil {
		t.Fatal(err)
	}
	if _, ok := spec(&is)[has]; !ok {
		t.Errorf("the definition lacks spec.%s", has)
	}
	if _, ok := spec(&is)[lacks]; ok {
		t.Errorf("the definition still has spec.%s", lacks)
	}
	if was && is.Labels["somebody"] != "else" {
		t.Error("a label of somebody else is gone")
	}
	if is.Annotations["helm.sh/resource-policy"] != "keep" || is.Annotations["kustomize.toolkit.fluxcd.io/substitute"] != "disabled" {
		t.Errorf("annotations %v", is.Annotations)
	}
}

func remove(t *testing.T, admin client.Client) {
	crd := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: "cdktsstacks.awscdk.dev"}}
	ctx := context.Background()
	// The API server looks for objects of a removed definition for up to a minute at a time.
	for range 2400 {
		if err := admin.Delete(ctx, crd); err != nil && client.IgnoreNotFound(err) == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Error("the definition could not be removed")
}
