package decide

import (
	"strings"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
)

func TestADriftRuleMatchesWhatItSays(t *testing.T) {
	service := v1alpha1.DriftedResource{
		LogicalID: "Nested-1A2B/Service", Type: "AWS::ECS::Service", Path: "Web/Api/Service/Resource", Change: "MODIFIED",
		Properties: []v1alpha1.DriftedProperty{{Path: "/Tags/2/Value", Actual: "by hand"}},
	}
	long := service
	long.Properties = []v1alpha1.DriftedProperty{{Path: "/Tags/2/Value", Actual: strings.Repeat("x", MaxDriftValue-1) + "…"}}
	deleted := v1alpha1.DriftedResource{LogicalID: "Queue", Type: "AWS::SQS::Queue", Change: driftDeleted}
	for name, c := range map[string]struct {
		rule    v1alpha1.DriftIgnore
		of      v1alpha1.DriftedResource
		ignores bool
	}{
		"a type":                             {v1alpha1.DriftIgnore{Type: "AWS::ECS::Service"}, service, true},
		"another type":                       {v1alpha1.DriftIgnore{Type: "AWS::ECS::Serv"}, service, false},
		"all types of a service":             {v1alpha1.DriftIgnore{Type: "AWS::ECS::*"}, service, true},
		"all types of another service":       {v1alpha1.DriftIgnore{Type: "AWS::EC::*"}, service, false},
		"the id":                             {v1alpha1.DriftIgnore{LogicalID: "Nested-1A2B/Service"}, service, true},
		"the id in any nested stack":         {v1alpha1.DriftIgnore{LogicalID: "*/Service"}, service, true},
		"the id in no nested stack":          {v1alpha1.DriftIgnore{LogicalID: "Service"}, service, false},
		"the nested stack":                   {v1alpha1.DriftIgnore{LogicalID: "Nested-1A2B"}, service, false},
		"the construct":                      {v1alpha1.DriftIgnore{ConstructPath: "Web/Api/Service"}, service, true},
		"what it is in":                      {v1alpha1.DriftIgnore{ConstructPath: "Web/Api"}, service, true},
		"the beginning of its name":          {v1alpha1.DriftIgnore{ConstructPath: "Web/Ap"}, service, false},
		"a construct, of what has no path":   {v1alpha1.DriftIgnore{ConstructPath: "Web"}, deleted, false},
		"the property":                       {v1alpha1.DriftIgnore{Property: "/Tags/2/Value"}, service, true},
		"the property at any place":          {v1alpha1.DriftIgnore{Property: "/Tags/*/Value"}, service, true},
		"what the property is in":            {v1alpha1.DriftIgnore{Property: "/Tags"}, service, true},
		"the beginning of the property":      {v1alpha1.DriftIgnore{Property: "/Tag"}, service, false},
		"what is below the property":         {v1alpha1.DriftIgnore{Property: "/Tags/2/Value/Deep"}, service, false},
		"the value":                          {v1alpha1.DriftIgnore{Value: "by hand"}, service, true},
		"the property and another value":     {v1alpha1.DriftIgnore{Property: "/Tags", Value: "by"}, service, false},
		"the value and another type":         {v1alpha1.DriftIgnore{Type: "AWS::SQS::Queue", Value: "by hand"}, service, false},
		"a value that was cut":               {v1alpha1.DriftIgnore{Value: long.Properties[0].Actual}, long, false},
		"a resource that was deleted":        {v1alpha1.DriftIgnore{LogicalID: "Queue"}, deleted, true},
		"a property of what was deleted":     {v1alpha1.DriftIgnore{LogicalID: "Queue", Property: "/Tags"}, deleted, false},
		"nothing, with a reason":             {v1alpha1.DriftIgnore{Reason: "noise"}, service, false},
		"any id of one segment":              {v1alpha1.DriftIgnore{LogicalID: "*"}, deleted, true}, // the API server refuses it
		"a resource beside its property":     {v1alpha1.DriftIgnore{LogicalID: "Other", Property: "/Tags"}, service, false},
		"the id and a property that differs": {v1alpha1.DriftIgnore{LogicalID: "*/Service", Property: "/Tags/*/Value", Value: "by hand"}, service, true},
	} {
		t.Run(name, func(t *testing.T) {
			matched := make([]bool, 1)
			kept, ignored := ignore([]v1alpha1.DriftIgnore{c.rule}, []v1alpha1.DriftedResource{c.of}, matched)
			if (len(kept) == 0) != c.ignores || (ignored != nil) != c.ignores || matched[0] != c.ignores {
				t.Errorf("kept %+v, ignored %+v, matched %v", kept, ignored, matched)
			}
		})
	}
}

// More has drifted than is listed: it is drift, whatever a rule says of what is.
func TestDriftBeyondWhatIsListedIsNotIgnored(t *testing.T) {
	p := &pass{obj: &v1alpha1.CdkTsStack{}, st: &v1alpha1.CdkTsStackStatus{}}
	p.obj.Spec.Drift = &v1alpha1.Drift{Ignore: []v1alpha1.DriftIgnore{{LogicalID: "Queue"}, {Property: "/A"}}}
	queue := v1alpha1.DriftedResource{LogicalID: "Queue", Change: driftDeleted}
	cut := v1alpha1.DriftedResource{LogicalID: "Topic", Change: "MODIFIED", Properties: []v1alpha1.DriftedProperty{{Path: "/A"}}, PropertiesOmitted: 1}
	for name, c := range map[string]struct {
		found   Drift
		drifted bool
	}{
		"all is ignored":            {Drift{Drifted: true, Resources: []v1alpha1.DriftedResource{queue}}, false},
		"more resources":            {Drift{Drifted: true, Resources: []v1alpha1.DriftedResource{queue}, Omitted: 1}, true},
		"more properties":           {Drift{Drifted: true, Resources: []v1alpha1.DriftedResource{cut}}, true},
		"a verdict without details": {Drift{Drifted: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if s := p.sift(c.found); s.drifted != c.drifted {
				t.Errorf("%+v", s)
			}
		})
	}
}

// Only the differences that a status has room for are kept, the worst first.
func TestDriftThatIsListedIsTheWorst(t *testing.T) {
	p := &pass{obj: &v1alpha1.CdkTsStack{}, st: &v1alpha1.CdkTsStackStatus{}}
	found := Drift{Drifted: true}
	for range maxDriftedResources + 5 {
		found.Resources = append(found.Resources, v1alpha1.DriftedResource{LogicalID: "Function", Type: "AWS::Lambda::Function", Change: "MODIFIED", Properties: make([]v1alpha1.DriftedProperty, maxDriftedProperties+2)})
	}
	found.Resources = append(found.Resources, v1alpha1.DriftedResource{LogicalID: "Role", Type: "AWS::IAM::Role", Change: "MODIFIED"})
	s := p.sift(found)
	if len(s.resources) != maxDriftedResources || s.omitted != 6 || s.resources[0].LogicalID != "Role" || s.severity != v1alpha1.SeverityCritical {
		t.Errorf("%d resources, %d omitted, first %s, severity %s", len(s.resources), s.omitted, s.resources[0].LogicalID, s.severity)
	}
	if r := s.resources[1]; len(r.Properties) != maxDriftedProperties || r.PropertiesOmitted != 2 {
		t.Errorf("%d properties, %d omitted", len(r.Properties), r.PropertiesOmitted)
	}
}

func TestPathsOverlap(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"/Tags", "/Tags/0/Value", true}, {"/Tags/0/Value", "/Tags/3", true}, {"/Tags/0/Value", "/Tags/0/Key", false},
		{"/Environment/Variables/A", "/Environment/Variables/B", false}, {"/A", "/AB", false}, {"/A/1", "/A/b", false},
	} {
		if got := overlap(c.a, c.b); got != c.want || overlap(c.b, c.a) != got {
			t.Errorf("%s and %s: %v", c.a, c.b, got)
		}
	}
}
