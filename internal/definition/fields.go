package definition

import (
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// fieldsOf lists what the versions of a definition let objects say: the paths of
// their fields, and the values that a field is limited to, as path=value. The API
// grows by both, so they tell an older definition from a newer one.
func fieldsOf(crd *apiextensionsv1.CustomResourceDefinition) []string {
	var all []string
	for _, v := range crd.Spec.Versions {
		if v.Schema != nil && v.Schema.OpenAPIV3Schema != nil {
			for _, part := range []string{"spec", "status"} {
				if p, ok := v.Schema.OpenAPIV3Schema.Properties[part]; ok {
					all = collect(all, p, part)
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Compare says what a definition lacks of another, and what it has beyond it.
func Compare(is, want *apiextensionsv1.CustomResourceDefinition) (lacks, more []string) {
	return except(fieldsOf(want), fieldsOf(is)), except(fieldsOf(is), fieldsOf(want))
}

func collect(all []string, s apiextensionsv1.JSONSchemaProps, path string) []string {
	for _, value := range s.Enum {
		all = append(all, path+"="+string(value.Raw))
	}
	for name, p := range s.Properties {
		all = collect(append(all, path+"."+name), p, path+"."+name)
	}
	if s.Items != nil && s.Items.Schema != nil {
		all = collect(all, *s.Items.Schema, path)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
		all = collect(all, *s.AdditionalProperties.Schema, path+".*")
	}
	return all
}

// except lists what is in all and not in without. Both are sorted.
func except(all, without []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool {
		_, found := slices.BinarySearch(without, s)
		return found
	})
}
