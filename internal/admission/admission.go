// Package admission says what an API server that has our definition makes of an
// object, without an API server: which fields it does not know, and which values
// it refuses, by the schema and by its CEL rules. It is made of the packages that
// the API server itself is made of.
package admission

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	metavalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

// Violation is one thing that is wrong with an object.
type Violation struct {
	// Path of the field, as in spec.windows.allow[0].from.
	Path string
	// Unknown says that there is no such field. The API server drops it, and
	// kubectl refuses to send it.
	Unknown bool
	// Message says what is wrong. It never repeats the value, which may be secret.
	Message string
}

// Validator knows one definition. Its methods may be called at the same time.
type Validator struct {
	root   *schema.Structural
	values validation.SchemaValidator
	rules  *cel.Validator
	// fields are the paths of all that people write, sorted.
	fields []string
}

// New reads a CustomResourceDefinition in YAML, and compiles the rules of its
// first version, which takes about as long as a request.
func New(definition []byte) (*Validator, error) {
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(definition, &crd); err != nil {
		return nil, fmt.Errorf("read the definition: %w", err)
	}
	if len(crd.Spec.Versions) == 0 || crd.Spec.Versions[0].Schema == nil {
		return nil, fmt.Errorf("the definition %s has no schema", crd.Name)
	}
	var props apiextensions.JSONSchemaProps
	err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(crd.Spec.Versions[0].Schema.OpenAPIV3Schema, &props, nil)
	if err != nil {
		return nil, fmt.Errorf("read the schema of %s: %w", crd.Name, err)
	}
	root, err := schema.NewStructural(&props)
	if err != nil {
		return nil, fmt.Errorf("read the schema of %s: %w", crd.Name, err)
	}
	values, _, err := validation.NewSchemaValidator(&props)
	if err != nil {
		return nil, fmt.Errorf("read the schema of %s: %w", crd.Name, err)
	}
	return &Validator{root: root, values: values, rules: cel.NewValidator(root, true, celconfig.PerCallLimit), fields: fieldsOf(root)}, nil
}

// Check says what is wrong with an object that is to be created, in the order of
// the fields' paths. The object is not changed. Its status counts for nothing, as
// for the API server.
func (v *Validator) Check(ctx context.Context, object map[string]any) []Violation {
	obj := runtime.DeepCopyJSON(object)
	delete(obj, "status")
	found := v.metadata(obj)
	unknown := pruning.PruneWithOptions(obj, v.root, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	for _, path := range unknown {
		found = append(found, Violation{Path: path, Unknown: true, Message: "there is no such field"})
	}
	defaulting.Default(obj, v.root)
	defaulting.PruneNonNullableNullsWithoutDefaults(obj, v.root)
	errs := validation.ValidateCustomResource(nil, obj, v.values)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, v.root, obj)...)
	if slices.ContainsFunc(errs, keepsFromRules) {
		found = append(found, Violation{Path: "spec", Message: Unchecked + ": put right what is wrong here, and check again"})
	} else {
		more, _ := v.rules.Validate(ctx, nil, v.root, obj, nil, celconfig.RuntimeCELCostBudget)
		errs = append(errs, more...)
	}
	for _, e := range errs {
		found = append(found, Violation{Path: path(e), Message: message(e)})
	}
	slices.SortStableFunc(found, func(a, b Violation) int { return strings.Compare(a.Path, b.Path) })
	return slices.Compact(found)
}

// Unchecked begins the message that more may be wrong than is said.
const Unchecked = "some validation rules were not checked"

// keepsFromRules says whether the API server asks no rule after such an error:
// the value is not of the shape that rules are written for, or too large for them.
func keepsFromRules(e *field.Error) bool {
	return slices.Contains([]field.ErrorType{field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid}, e.Type)
}

// metadata checks what every object has.
func (v *Validator) metadata(obj map[string]any) (found []Violation) {
	meta, ok, unknown, err := objectmeta.GetObjectMetaWithOptions(obj, objectmeta.ObjectMetaOptions{ReturnUnknownFieldPaths: true})
	if err != nil {
		return []Violation{{Path: "metadata", Message: "it cannot be read: " + err.Error()}}
	}
	if !ok {
		return []Violation{{Path: "metadata", Message: "it is missing: an object needs metadata.name"}}
	}
	for _, path := range unknown {
		found = append(found, Violation{Path: path, Unknown: true, Message: "there is no such field"})
	}
	if meta.Namespace == "" {
		meta.Namespace = "default" // whoever applies it says
	}
	for _, e := range metavalidation.ValidateObjectMeta(meta, true, metavalidation.NameIsDNSSubdomain, field.NewPath("metadata")) {
		found = append(found, Violation{Path: path(e), Message: message(e)})
	}
	return found
}

func path(e *field.Error) string {
	if e.Field == "" || e.Field == "<nil>" {
		return "the object"
	}
	return e.Field
}

func message(e *field.Error) string {
	if e.Detail == "" {
		return strings.ToLower(e.Type.String())
	}
	if _, text, ok := strings.Cut(e.Detail, " in body "); ok {
		return "it " + text
	}
	return e.Detail
}

// Has says whether the definition has a field, as in spec.windows.allow; a field
// of list items has the path without their index.
func (v *Validator) Has(path string) bool {
	_, found := slices.BinarySearch(v.fields, path)
	return found
}

// ofMetadata are the fields of metadata that people write.
var ofMetadata = []string{"metadata.annotations", "metadata.finalizers", "metadata.labels", "metadata.name", "metadata.namespace"}

func fieldsOf(root *schema.Structural) []string {
	spec := root.Properties["spec"]
	all := collect(slices.Clone(ofMetadata), &spec, "spec")
	slices.Sort(all)
	return all
}

func collect(all []string, s *schema.Structural, path string) []string {
	for name := range s.Properties {
		below := s.Properties[name]
		all = collect(append(all, path+"."+name), &below, path+"."+name)
	}
	if s.Items != nil {
		all = collect(all, s.Items, path)
	}
	return all
}

// Decode reads a document of YAML or JSON as kubectl does: of two fields of one
// name the last counts.
func Decode(document []byte) (map[string]any, error) {
	data, err := yaml.YAMLToJSON(document)
	if err != nil {
		return nil, err
	}
	var obj map[string]any
	if err := json.Unmarshal(data, &obj); err != nil {
		return nil, err
	}
	return integers(obj).(map[string]any), nil
}

// integers makes whole numbers of JSON integers, as the API server does.
func integers(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key := range v {
			v[key] = integers(v[key])
		}
	case []any:
		for i := range v {
			v[i] = integers(v[i])
		}
	case float64:
		if whole := int64(v); float64(whole) == v {
			return whole
		}
	}
	return value
}
