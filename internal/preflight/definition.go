package preflight

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// shownFields bounds how many fields a message names.
const shownFields = 5

// definition compares the resource definition in the cluster with the fields
// that this operator knows. One of an earlier version drops what it does not
// know without an error: fields that users set, and what is saved in the
// status. It reads what every account may read.
func (p *Preflight) definition(ctx context.Context) ([]Missing, error) {
	m := Missing{Need: "CustomResourceDefinition cdktsstacks.awscdk.dev", concerns: everyone}
	paths, err := p.o.Schemas.Paths()
	if err != nil {
		return nil, fmt.Errorf("list the API server's kinds: %w", err)
	}
	group, ok := paths["apis/"+v1alpha1.GroupVersion.String()]
	if !ok {
		// A definition is described a moment after it can be used.
		err := p.o.Live.List(ctx, &v1alpha1.CdkTsStackList{}, client.Limit(1))
		if !meta.IsNoMatchError(err) && !apierrors.IsNotFound(err) {
			return nil, errors.New("the API server does not describe CdkTsStack yet")
		}
		m.Message = "it is not in the cluster, so nothing can be looked after: upgrade the chart with crds.install, or kubectl apply -f config/crd"
		return []Missing{m}, nil
	}
	data, err := group.Schema("application/json")
	if err != nil {
		return nil, fmt.Errorf("read the definition of CdkTsStack: %w", err)
	}
	served, err := servedSchema(data)
	if err != nil {
		return nil, err
	}
	lacks := lacking(reflect.TypeFor[v1alpha1.CdkTsStackSpec](), served.Properties["spec"], "spec")
	lacks = append(lacks, lacking(reflect.TypeFor[v1alpha1.CdkTsStackStatus](), served.Properties["status"], "status")...)
	if len(lacks) == 0 {
		return nil, nil
	}
	slices.Sort(lacks)
	named := strings.Join(lacks[:min(len(lacks), shownFields)], ", ")
	if more := len(lacks) - shownFields; more > 0 {
		named += fmt.Sprintf(" and %d more", more)
	}
	m.Message = "it is of another version and lacks " + named + ", which are dropped without an error: upgrade the chart with crds.install, or kubectl apply -f config/crd"
	return []Missing{m}, nil
}

// schema is what matters of an OpenAPI schema.
type schema struct {
	Properties           map[string]schema `json:"properties"`
	Items                *schema           `json:"items"`
	AdditionalProperties *schema           `json:"additionalProperties"`
}

func servedSchema(data []byte) (schema, error) {
	var doc struct {
		Components struct {
			Schemas map[string]json.RawMessage `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return schema{}, fmt.Errorf("read the definition of CdkTsStack: %w", err)
	}
	for name, raw := range doc.Components.Schemas {
		if !strings.HasSuffix(name, ".CdkTsStack") {
			continue
		}
		var s schema
		if err := json.Unmarshal(raw, &s); err != nil {
			return schema{}, fmt.Errorf("read the definition of CdkTsStack: %w", err)
		}
		return s, nil
	}
	return schema{}, fmt.Errorf("the API server describes %s without the kind CdkTsStack", v1alpha1.GroupVersion)
}

// lacking lists the fields of a type of ours that a schema does not have.
func lacking(t reflect.Type, s schema, path string) []string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t.Kind() == reflect.Slice && s.Items != nil:
		return lacking(t.Elem(), *s.Items, path)
	case t.Kind() == reflect.Map && s.AdditionalProperties != nil:
		return lacking(t.Elem(), *s.AdditionalProperties, path)
	case t.Kind() != reflect.Struct || t.PkgPath() != ours:
		return nil
	}
	var lacks []string
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous && name == "" {
			lacks = append(lacks, lacking(field.Type, s, path)...)
			continue
		}
		if name == "-" {
			continue
		}
		below, ok := s.Properties[name]
		if !ok {
			lacks = append(lacks, path+"."+name)
			continue
		}
		lacks = append(lacks, lacking(field.Type, below, path+"."+name)...)
	}
	return lacks
}

// ours is the package whose types are looked into.
var ours = reflect.TypeFor[v1alpha1.CdkTsStack]().PkgPath()
