package v1alpha1_test

import (
	"os"
	"regexp"
	"slices"
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
		walk("spec", version.Schema.OpenAPIV3Schema.Properties["spec"], nil, func(path string, rules apiextensionsv1.ValidationRules) {
			if !names.MatchString(path) {
				return
			}
			checked++
			field := path[strings.LastIndex(path, ".")+1:]
			for _, v := range rules {
				// Types of Kubernetes have their rule at a field of ours above them.
				own := strings.Contains(v.Rule, "self.matches('"+subdomain+"')") || strings.Contains(v.Rule, "."+field+".matches('"+subdomain+"')")
				if own && v.Message != "" {
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

// walk visits the fields of a schema with the rules that stand at them and above.
func walk(path string, schema apiextensionsv1.JSONSchemaProps, above apiextensionsv1.ValidationRules, visit func(string, apiextensionsv1.ValidationRules)) {
	rules := slices.Concat(above, schema.XValidations)
	visit(path, rules)
	for name, property := range schema.Properties {
		walk(path+"."+name, property, rules, visit)
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		walk(path+"[]", *schema.Items.Schema, rules, visit)
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
		walk(path+".*", *schema.AdditionalProperties.Schema, rules, visit)
	}
}
