package decide

import (
	"testing"

	"awscdk.dev/operator/api/v1alpha1"

	"github.com/google/go-cmp/cmp"
)

func TestWhatMovesTrafficIsToldFromWhatDoesNot(t *testing.T) {
	for path, want := range map[string]struct {
		kind   string
		shifts bool
	}{
		"/Actions/0/ForwardConfig/TargetGroups/0/Weight": {typeListenerRule, true},
		"/Actions/0/ForwardConfig":                       {typeListenerRule, true},
		"/Actions/1/TargetGroupArn":                      {typeListenerRule, true},
		"/Actions/0/RedirectConfig/Host":                 {typeListenerRule, false},
		"/Actions/0":                                     {typeListenerRule, false},
		"/Conditions/0/Values":                           {typeListenerRule, false},
		"/DefaultActions/0/TargetGroupArn":               {typeListener, true},
		"/DefaultActions/0/Type":                         {typeListener, false},
		"/RoutingConfig/AdditionalVersionWeights":        {typeAlias, true},
		"/FunctionVersion":                               {typeAlias, true},
		"/Description":                                   {typeAlias, false},
		"/Actions/0/TargetGroupArn/":                     {"AWS::SNS::Topic", false},
	} {
		if got := ShiftsTraffic(want.kind, path); got != want.shifts {
			t.Errorf("%s of %s: %v", path, want.kind, got)
		}
	}
}

func TestOnlyWhereTrafficIsMovedIsLeftOutOfDrift(t *testing.T) {
	rule := func(paths ...string) v1alpha1.DriftedResource {
		r := v1alpha1.DriftedResource{LogicalID: "Rule", Type: typeListenerRule, Change: "MODIFIED"}
		for _, path := range paths {
			r.Properties = append(r.Properties, v1alpha1.DriftedProperty{Path: path})
		}
		return r
	}
	for name, c := range map[string]struct{ in, want Drift }{
		"only weights, and managed": {
			Drift{Drifted: true, Shifted: []string{"Rule"}, Resources: []v1alpha1.DriftedResource{rule("/Actions/0/TargetGroupArn")}}, Drift{Shifted: []string{"Rule"}},
		},
		"only weights, and not managed": {
			Drift{Drifted: true, Resources: []v1alpha1.DriftedResource{rule("/Actions/0/TargetGroupArn")}},
			Drift{Drifted: true, Resources: []v1alpha1.DriftedResource{rule("/Actions/0/TargetGroupArn")}},
		},
		"a condition, too": {
			Drift{Drifted: true, Shifted: []string{"Rule"}, Resources: []v1alpha1.DriftedResource{rule("/Actions/0/TargetGroupArn", "/Conditions/0/Field")}},
			Drift{Drifted: true, Shifted: []string{"Rule"}, Resources: []v1alpha1.DriftedResource{rule("/Conditions/0/Field")}},
		},
		"it was deleted": {
			Drift{Drifted: true, Shifted: []string{"Rule"}, Resources: []v1alpha1.DriftedResource{rule()}},
			Drift{Drifted: true, Shifted: []string{"Rule"}, Resources: []v1alpha1.DriftedResource{rule()}},
		},
	} {
		if diff := cmp.Diff(c.want, withoutShifts(c.in)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// Where differences were left out, they may be of something else than traffic.
func TestWhatIsLeftOutIsNoShiftedTraffic(t *testing.T) {
	rule := v1alpha1.DriftedResource{LogicalID: "Rule", Type: typeListenerRule, PropertiesOmitted: 1, Properties: []v1alpha1.DriftedProperty{{Path: "/Actions/0/ForwardConfig/TargetGroups/0/Weight"}}}
	d := withoutShifts(Drift{Drifted: true, Shifted: []string{"Rule"}, Resources: []v1alpha1.DriftedResource{rule}})
	if !d.Drifted || len(d.Resources) != 1 {
		t.Errorf("drifted: %t, %d resources", d.Drifted, len(d.Resources))
	}
}
