package v1alpha1_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// subdomain is what Kubernetes takes for the name of an object (RFC 1123).
const subdomain = `^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`

// TestEveryNameOfAnObjectInTheSpecIsChecked looks for fields of the schema that
// name a Secret, a ConfigMap or a source, also those that are yet to come.
func TestEveryNameOfAnObjectInTheSpecIsChecked(t *testing.T) {
	data, err := os.ReadFile("../../config/crd/awscdk.dev_cdktsstacks.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(data, &crd); err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, version := range crd.Spec.Versions {
		walk("spec", version.Schema.OpenAPIV3Schema.Properties["spec"], func(path string, schema apiextensionsv1.JSONSchemaProps) {
			// Of a run's own volumes the node reads what they name, and a name that can be none
			// is a pod that does not start, which is told. Texts without a bound cannot have a rule.
			if !names.MatchString(path) || strings.HasPrefix(path, "spec.runner.volumes[].") {
				return
			}
			checked++
			for _, v := range schema.XValidations {
				if strings.Contains(v.Rule, "self.matches('"+subdomain+"')") && v.Message != "" {
					return
				}
			}
			t.Errorf("%s takes any text for the name of an object", path)
		})
	}
	if checked < 8 {
		t.Errorf("%d names were found, want 8 at least", checked)
	}
}

var names = regexp.MustCompile(`(?i)(secret|configMap)Name$|Ref\.name$`)

func walk(path string, schema apiextensionsv1.JSONSchemaProps, visit func(string, apiextensionsv1.JSONSchemaProps)) {
	visit(path, schema)
	for name, property := range schema.Properties {
		walk(path+"."+name, property, visit)
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		walk(path+"[]", *schema.Items.Schema, visit)
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
		walk(path+".*", *schema.AdditionalProperties.Schema, visit)
	}
}
