package decide_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/ptr"
)

// gated is a spec with all gates that last, of business hours in New York.
func gated(s *v1alpha1.CdkTsStackSpec) {
	s.Windows = &v1alpha1.Windows{
		TimeZone: "America/New_York",
		Allow:    []v1alpha1.Window{{Name: "business", Days: []v1alpha1.Weekday{"Sun"}, From: "09:00", To: "17:00"}},
		Deny:     []v1alpha1.DenyWindow{{Window: v1alpha1.Window{Name: "year-end"}, Start: "2026-12-20T00:00", End: "2027-01-04T00:00"}},
	}
	s.Freeze = []v1alpha1.Freeze{{Name: "incidents", HTTP: v1alpha1.FreezeHTTP{URL: "https://incidents.example/open", DeployWhen: "body.count == 0"}}}
	s.Policies = []v1alpha1.Policy{{Name: "team", ConfigMapRef: &v1alpha1.ConfigMapReference{Name: "rules"}}}
	s.Limits = &v1alpha1.Limits{MaxRemoved: ptr.To[int32](0), MaxReplaced: ptr.To[int32](0)}
	s.Protect = []string{"Table0001", "Table0002"}
	s.Approval = &v1alpha1.Approval{}
}

// closeAllGates has a plan of 500 changes be more than any gate lets through.
func (h *hour) closeAllGates() {
	h.aws.changeSet.Changes = nil
	for i := range 500 {
		h.aws.changeSet.Changes = append(h.aws.changeSet.Changes, decide.Change{
			Action: "Modify", Replacement: "True", PolicyAction: "ReplaceAndDelete", LogicalID: fmt.Sprintf("Table%04d", i), Type: "AWS::DynamoDB::Table", Properties: []string{"KeySchema"}, Because: []string{"KeySchema"},
		})
	}
	h.aws.policies = decide.Policies{Digest: "p1"}
	for i := range 100 {
		h.aws.policies.Findings = append(h.aws.policies.Findings, v1alpha1.PolicyFinding{
			Policy: "team", Rule: "no-tables", Enforcement: v1alpha1.EnforcementDeny, LogicalID: fmt.Sprintf("Table%04d", i), Message: strings.Repeat("no ", 50),
		})
	}
	h.frozen = true
}

// busyWindows are as many as a spec may have, of which none opens within a year.
func busyWindows() *v1alpha1.Windows {
	w := &v1alpha1.Windows{TimeZone: "Australia/Lord_Howe"}
	for i := range 32 {
		w.Allow = append(w.Allow, v1alpha1.Window{From: fmt.Sprintf("%02d:%02d", i%24, i), To: fmt.Sprintf("%02d:%02d", (i+7)%24, i)})
		w.Deny = append(w.Deny, v1alpha1.DenyWindow{Window: v1alpha1.Window{From: fmt.Sprintf("%02d:%02d", i%24, i), To: fmt.Sprintf("%02d:%02d", (i+5)%24, i)}})
	}
	w.Deny[31] = v1alpha1.DenyWindow{Start: "2026-01-01T00:00", End: "2036-01-01T00:00"}
	return w
}

// BenchmarkAPlanThatWaits is what each look at a plan costs that waits at every
// gate: the target is 1 ms. It asks nobody, and writes nothing.
func BenchmarkAPlanThatWaits(b *testing.B) {
	for name, edit := range map[string]func(*v1alpha1.CdkTsStackSpec){
		"at every gate":            func(*v1alpha1.CdkTsStackSpec) {},
		"with the most of windows": func(s *v1alpha1.CdkTsStackSpec) { s.Windows = busyWindows() },
		"for what never opens": func(s *v1alpha1.CdkTsStackSpec) {
			s.Windows = busyWindows()
			s.Windows.Deny[31] = v1alpha1.DenyWindow{}
		},
	} {
		b.Run(name, func(b *testing.B) {
			h := newHour(b)
			gated(&h.obj.Spec)
			edit(&h.obj.Spec)
			h.closeAllGates()
			h.spend(5 * time.Minute)
			if got := len(h.obj.Status.Gates); got != 5 || h.obj.Status.Held == nil {
				b.Fatalf("it waits at %d gates: %s", got, h.face())
			}
			seen := h.observe(decide.Look(h.obj, h.now, h.cfg))
			b.ReportAllocs()
			for b.Loop() {
				decide.Look(h.obj, h.now, h.cfg)
				d := decide.Decide(h.obj, seen, h.now, h.cfg)
				if !equality.Semantic.DeepEqual(decide.Saved(&h.obj.Spec, &h.obj.Status), decide.Saved(&h.obj.Spec, &d.Status)) || d.Action != decide.ActNothing {
					b.Fatalf("it writes or does something while nothing changes: %s", d.Action)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/look")
		})
	}
}
