package chart_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestTheAPIServerTakesAllThatIsRendered(t *testing.T) {
	c := newCluster(t, helm4)
	for _, kind := range []string{"ServiceMonitor servicemonitors monitoring.coreos.com", "PrometheusRule prometheusrules monitoring.coreos.com", "HTTPRoute httproutes gateway.networking.k8s.io"} {
		c.foreignKind(strings.Fields(kind))
	}
	for _, ns := range []string{"a", "b"} {
		c.namespace(ns)
	}
	for name, values := range map[string]string{
		"by default": "", "with everything": everything, "in namespaces": "namespaced: true\nwatchNamespaces: [a, b]", "with builds in the manager's pod": "executor: Local\npersistence: {enabled: true}",
	} {
		t.Run(name, func(t *testing.T) {
			for _, o := range render(t, values) {
				c.takes(t, o)
				if pod := podOf(t, o); pod != nil {
					c.takes(t, pod)
				}
			}
		})
	}
	t.Run("and would refuse a pod that is not restricted", func(t *testing.T) {
		deployment := find(render(t, "securityContext: {allowPrivilegeEscalation: true}"), "Deployment", release)
		if err := c.dryRun(t, podOf(t, deployment)); err == nil || !strings.Contains(err.Error(), "violates PodSecurity") {
			t.Errorf("it says %v", err)
		}
	})
}

func (c *cluster) takes(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	if err := c.dryRun(t, o); err != nil {
		t.Errorf("%s %s: %v", o.GetKind(), o.GetName(), err)
	}
}

// dryRun has the API server check an object strictly, and not keep it.
func (c *cluster) dryRun(t *testing.T, o *unstructured.Unstructured) error {
	return c.Create(t.Context(), o.DeepCopy(), client.DryRunAll, client.FieldValidation("Strict"))
}

// foreignKind makes a kind that other projects define.
func (c *cluster) foreignKind(names []string) {
	c.Helper()
	kind, plural, group := names[0], names[1], names[2]
	const version = "v1"
	must(c, c.Create(c.Context(), &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: plural + "." + group, Annotations: map[string]string{"api-approved.kubernetes.io": "unapproved, for a test"}},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: group, Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Kind: kind, Plural: plural},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: version, Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
					Type: "object", XPreserveUnknownFields: ptr.To(true),
				}},
			}},
		},
	}))
	o := &unstructured.Unstructured{}
	o.SetAPIVersion(group + "/" + version)
	o.SetKind(kind)
	o.SetName("probe")
	o.SetNamespace(namespace)
	c.eventually(kind+" is served", func() bool { return c.Create(c.Context(), o.DeepCopy(), client.DryRunAll) == nil })
}

// podOf is the pod that a Deployment or a Job would make.
func podOf(t *testing.T, o *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	if kind := o.GetKind(); kind != "Deployment" && kind != "Job" {
		return nil
	}
	template, found, err := unstructured.NestedMap(o.Object, "spec", "template")
	if err != nil || !found {
		t.Fatalf("%s has no template: %v", o.GetName(), err)
	}
	var pod corev1.Pod
	must(t, runtime.DefaultUnstructuredConverter.FromUnstructured(template, &pod))
	pod.APIVersion, pod.Kind, pod.Name, pod.Namespace = "v1", "Pod", o.GetName(), o.GetNamespace()
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&pod)
	must(t, err)
	return &unstructured.Unstructured{Object: fields}
}
