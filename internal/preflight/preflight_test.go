package preflight_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/controller"
	"awscdk.dev/operator/internal/preflight"

	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/openapi"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"
)

var cluster *envtest.Environment

func TestMain(m *testing.M) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		fmt.Fprintln(os.Stderr, "KUBEBUILDER_ASSETS is not set: run `make test`, or KUBEBUILDER_ASSETS=$(hack/envtest-assets) go test …")
		os.Exit(1)
	}
	cluster = &envtest.Environment{CRDDirectoryPaths: []string{filepath.Join("..", "..", "config", "crd")}, ErrorIfCRDPathMissing: true}
	if _, err := cluster.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "start the control plane:", err)
		os.Exit(1)
	}
	if err := described(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = cluster.Stop()
	os.Exit(code)
}

// described waits until the API server describes the definition, which it does
// a moment after it can be used.
func described() error {
	known, err := discovery.NewDiscoveryClientForConfig(cluster.Config)
	for range 600 {
		if err != nil {
			return err
		}
		paths, err := known.OpenAPIV3().Paths()
		if err != nil {
			return err
		}
		if _, ok := paths["apis/awscdk.dev/v1alpha1"]; ok {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("the API server does not describe CdkTsStack")
}

// install applies a manifest of config, as the tutorial does.
func install(t *testing.T, c client.Client, into client.Object, path ...string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(append([]string{"..", "..", "config"}, path...)...))
	must(t, err)
	must(t, yaml.Unmarshal([]byte(strings.Split(strings.TrimPrefix(string(data), "---\n"), "\n---\n")[0]), into))
	must(t, c.Create(t.Context(), into))
	t.Cleanup(func() { _ = c.Delete(context.Background(), into) })
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func admin(t *testing.T) client.Client { return clientFor(t, cluster.Config) }

func clientFor(t *testing.T, config *rest.Config) client.Client {
	t.Helper()
	scheme := controller.Scheme()
	must(t, apiextensionsv1.AddToScheme(scheme))
	c, err := client.New(config, client.Options{Scheme: scheme})
	must(t, err)
	return c
}

// around checks as the user of a config does, on a machine with all tools but
// those named.
func around(t *testing.T, config *rest.Config, without ...string) *preflight.Preflight {
	t.Helper()
	known, err := discovery.NewDiscoveryClientForConfig(config)
	must(t, err)
	c := clientFor(t, config)
	p := preflight.New(preflight.Options{
		Live: c, Client: c, Schemas: known.OpenAPIV3(), Now: time.Now, Log: slog.New(slog.DiscardHandler),
		LookPath: func(name string) (string, error) {
			if slices.Contains(without, name) {
				return "", errors.New("not found")
			}
			return "/bin/" + name, nil
		},
	})
	p.Check(t.Context())
	return p
}

// A manager whose runs have an image of their own needs no tools, and has none.
func TestToolsAreNotMissedWhereRunsHaveTheirOwn(t *testing.T) {
	known, err := discovery.NewDiscoveryClientForConfig(cluster.Config)
	must(t, err)
	c := admin(t)
	p := preflight.New(preflight.Options{Live: c, Client: c, Schemas: known.OpenAPIV3(), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	p.Check(t.Context())
	for _, m := range p.Missing() {
		if m.Need == "git" || m.Need == "node" || m.Concerns(plain) {
			t.Errorf("missing: %s", m)
		}
	}
}

func names(all []preflight.Missing) string {
	var needs []string
	for _, m := range all {
		needs = append(needs, m.String())
	}
	return strings.Join(needs, "\n")
}

var (
	plain  = &v1alpha1.CdkTsStack{Spec: v1alpha1.CdkTsStackSpec{Source: v1alpha1.Source{Git: v1alpha1.GitSource{Repository: "https://git.example/web.git"}}}}
	hooked = &v1alpha1.CdkTsStack{Spec: v1alpha1.CdkTsStackSpec{LifecycleHooks: &v1alpha1.LifecycleHooks{BeforeDeploy: "kubectl get cdk web"}}}
)

// What config holds is all that the operator needs: the definition has every
// field, and the generated role every right.
func TestNothingIsMissingWhenConfigIsInstalled(t *testing.T) {
	c := admin(t)
	install(t, c, &rbacv1.ClusterRole{}, "operator", "hooks.yaml")
	role := &rbacv1.ClusterRole{}
	install(t, c, role, "rbac", "role.yaml")
	operator, err := cluster.AddUser(envtest.User{Name: "operator", Groups: []string{"system:authenticated"}}, cluster.Config)
	must(t, err)
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "operator"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "operator"}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
	}
	must(t, c.Create(t.Context(), binding))
	t.Cleanup(func() { _ = c.Delete(context.Background(), binding) })
	if missing := around(t, operator.Config()).Missing(); len(missing) > 0 {
		t.Errorf("missing:\n%s", names(missing))
	}

	inJobs := preflight.New(preflight.Options{Live: c, Client: clientFor(t, operator.Config()), Schemas: schemas(t), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if inJobs.Check(t.Context()); len(inJobs.Missing()) > 0 {
		t.Errorf("where runs are Jobs it misses:\n%s", names(inJobs.Missing()))
	}

	// An upgrade that left the role of an earlier version behind.
	role.Rules = slices.DeleteFunc(role.Rules, func(r rbacv1.PolicyRule) bool {
		return slices.Contains(r.Resources, "rolebindings") || slices.Contains(r.Resources, "jobs")
	})
	must(t, c.Update(t.Context(), role))
	inJobs.Check(t.Context())
	has(t, inJobs.Missing(), "right to create jobs: the operator does not have it, so no build and no hook can run: kubectl apply -f config/rbac")
	p := around(t, operator.Config())
	has(t, p.Missing(), "right to create rolebindings: the operator does not have it, so kubectl can do nothing in hooks: kubectl apply -f config/rbac")
	if len(p.Of(hooked)) == 0 || len(p.Of(plain)) > 0 {
		t.Errorf("an object with hooks misses\n%s\nand one without\n%s", names(p.Of(hooked)), names(p.Of(plain)))
	}
}

func schemas(t *testing.T) openapi.Client {
	t.Helper()
	known, err := discovery.NewDiscoveryClientForConfig(cluster.Config)
	must(t, err)
	return known.OpenAPIV3()
}

func has(t *testing.T, all []preflight.Missing, want string) {
	t.Helper()
	if got := names(all); !strings.Contains(got, want) {
		t.Errorf("%q is not among\n%s", want, got)
	}
}

func TestTheRoleOfHooksIsMissed(t *testing.T) {
	p := around(t, cluster.Config)
	has(t, p.Missing(), "ClusterRole awscdk-operator-hooks: it does not exist, so kubectl can do nothing in hooks: kubectl apply -f config/operator/hooks.yaml")
	if len(p.Of(hooked)) != 1 || len(p.Of(plain)) > 0 {
		t.Errorf("an object with hooks misses\n%s\nand one without\n%s", names(p.Of(hooked)), names(p.Of(plain)))
	}
	if p.Hooks(t.Context()) == "" {
		t.Error("a hook is not told")
	}
	role := &rbacv1.ClusterRole{}
	install(t, admin(t), role, "operator", "hooks.yaml")
	if said := p.Hooks(t.Context()); said != "" {
		t.Errorf("after the installation a hook is told %q", said)
	}
	// One that has lost what an emergency needs is as dead as none.
	role.Rules = role.Rules[1:]
	must(t, admin(t).Update(t.Context(), role))
	p.Check(t.Context())
	has(t, p.Missing(), "it does not allow a hook to read its own object")
}

func TestADefinitionOfAnEarlierVersionIsTold(t *testing.T) {
	c := admin(t)
	crd := &apiextensionsv1.CustomResourceDefinition{}
	must(t, c.Get(t.Context(), types.NamespacedName{Name: "cdktsstacks.awscdk.dev"}, crd))
	before := crd.DeepCopy()
	root := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	spec, status := root.Properties["spec"], root.Properties["status"]
	delete(spec.Properties, "outputs")
	operation := status.Properties["operation"]
	delete(operation.Properties, "runStep")
	must(t, c.Update(t.Context(), crd))
	// The API server publishes a change a moment later.
	published := func(lacks bool) (said string) {
		for range 600 {
			if said = names(around(t, cluster.Config).Of(plain)); strings.Contains(said, "lacks") == lacks {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		return said
	}
	defer func() {
		must(t, c.Get(t.Context(), types.NamespacedName{Name: crd.Name}, crd))
		crd.Spec = before.Spec
		must(t, c.Update(t.Context(), crd))
		if said := published(false); strings.Contains(said, "lacks") {
			t.Errorf("after the upgrade it says %q", said)
		}
	}()
	said := published(true)
	if want := "CustomResourceDefinition cdktsstacks.awscdk.dev: it is of another version and lacks spec.outputs, status.operation.runStep, which are dropped without an error: upgrade the chart with crds.install, or kubectl apply -f config/crd"; said != want {
		t.Errorf("said %q, want %q", said, want)
	}
}

func TestToolsAreMissedByThoseWhoNeedThem(t *testing.T) {
	install(t, admin(t), &rbacv1.ClusterRole{}, "operator", "hooks.yaml")
	ssh := &v1alpha1.CdkTsStack{Spec: v1alpha1.CdkTsStackSpec{Source: v1alpha1.Source{Git: v1alpha1.GitSource{Repository: "git@git.example:web.git"}}}}
	p := around(t, cluster.Config, "kubectl", "ssh")
	for name, c := range map[string]struct {
		obj  *v1alpha1.CdkTsStack
		want string
	}{
		"a hook that calls kubectl": {hooked, "kubectl: it is not on the operator's PATH, so hooks that call it fail, or go on without its answer: install it where the operator runs"},
		"a repository over ssh":     {ssh, "ssh: it is not on the operator's PATH, so no build can reach a repository over ssh: install it where the operator runs"},
		"neither":                   {plain, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := names(p.Of(c.obj)); got != c.want {
				t.Errorf("missing %q, want %q", got, c.want)
			}
		})
	}
}
