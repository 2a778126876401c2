package cdk

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"awscdk.dev/operator/internal/problem"
)

// template is what is read of a template.
type template struct {
	Resources map[string]struct {
		Metadata map[string]json.RawMessage
	}
	Parameters map[string]struct {
		Default json.RawMessage
	}
	// invalid is true for one that is no JSON: CloudFormation will say why.
	invalid bool
}

func parseTemplate(content []byte) template {
	var t template
	t.invalid = json.NewDecoder(bytes.NewReader(content)).Decode(&t) != nil
	return t
}

// deployable refuses a stack that CloudFormation cannot make of the template
// alone.
func (s *Stack) deployable(t template) error {
	if s.legacyAssets > 0 {
		return stalls(ErrNotSupported, "Stack %s has assets and uses the LegacyStackSynthesizer, which leaves it to `cdk deploy` to publish them. Use the DefaultStackSynthesizer: remove `synthesizer` from the stack and \"@aws-cdk/core:newStyleStackSynthesis\": false from cdk.json.", s.StackName)
	}
	if len(t.Resources) == 0 && !t.invalid {
		return stalls(ErrEmptyStack, "Stack %s has no resources, and CloudFormation makes no stack without any. Add a resource to it; or, to delete a stack that exists, delete this object.", s.StackName)
	}
	return nil
}

// open names the parameters that have neither a default nor one of the values.
func (t template) open(values map[string]string) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(t.Parameters)) {
		if _, given := values[name]; !given && t.Parameters[name].Default == nil {
			names = append(names, name)
		}
	}
	return names
}

// constructPaths maps the template's resources to construct paths: from the
// metadata, else from what the template itself says.
func (s *Stack) constructPaths(t template) map[string]string {
	ids := slices.Sorted(maps.Keys(t.Resources))
	paths := map[string]string{}
	for _, id := range ids[:min(len(ids), maxPaths)] {
		path := s.paths[id]
		if path == "" {
			_ = json.Unmarshal(t.Resources[id].Metadata["aws:cdk:path"], &path)
		}
		if path != "" {
			paths[id] = problem.Cut(path, 256)
		}
	}
	return paths
}
