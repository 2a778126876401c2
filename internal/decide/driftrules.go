package decide

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// The bounds of what status.drift lists.
const (
	maxDriftedResources  = 50
	maxDriftedProperties = 20
	maxIgnored           = 50
	// maxRuleText bounds one rule in status.drift.unmatched, in bytes.
	maxRuleText = 256
)

// MaxDriftValue is how many characters of a value the status has; one that is
// longer is cut and matches no rule.
const MaxDriftValue = 256

// sifted is what is left of the findings of a drift check when the rules of
// spec.drift have been asked.
type sifted struct {
	// drifted: something differs that no rule ignores.
	drifted   bool
	resources []v1alpha1.DriftedResource
	omitted   int32
	severity  v1alpha1.DriftSeverity
	ignored   *v1alpha1.IgnoredDrift
	unmatched []string
}

// sift asks the rules about what was found. It costs nothing where there is
// neither drift nor a rule.
func (p *pass) sift(found Drift) sifted {
	rules := ignoreRules(&p.obj.Spec)
	matched := make([]bool, len(rules))
	s := sifted{drifted: found.Drifted}
	if found.Drifted {
		s.resources, s.ignored = ignore(rules, found.Resources, matched)
		if s.ignored != nil {
			s.ignored.Differences = fitBeside(s.ignored.Differences) // the count tells of the rest
		}
		// Of a stack that is said to have drifted, without saying where, nothing is
		// ignored.
		s.drifted = len(s.resources) > 0 || found.Omitted > 0 || s.ignored == nil
		s.severity = p.grade(s.resources)
		var left int
		s.resources, left = fitDrift(s.resources)
		s.omitted = int32(found.Omitted + left)
	}
	s.unmatched = p.unmatched(rules, matched)
	return s
}

func ignoreRules(spec *v1alpha1.CdkTsStackSpec) []v1alpha1.DriftIgnore {
	if spec.Drift == nil {
		return nil
	}
	return spec.Drift.Ignore
}

// NamesConstructs says whether a rule asks for the construct paths of what has
// drifted.
func NamesConstructs(spec *v1alpha1.CdkTsStackSpec) bool {
	return slices.ContainsFunc(ignoreRules(spec), func(r v1alpha1.DriftIgnore) bool { return r.ConstructPath != "" })
}

// ignore takes out of the findings what a rule ignores, and notes which rules
// matched anything. Ignored is nil when nothing was.
func ignore(rules []v1alpha1.DriftIgnore, found []v1alpha1.DriftedResource, matched []bool) (kept []v1alpha1.DriftedResource, ignored *v1alpha1.IgnoredDrift) {
	if len(rules) == 0 {
		return slices.Clone(found), nil
	}
	note := func(rule int, r v1alpha1.DriftedResource, path string) {
		matched[rule] = true
		if ignored == nil {
			ignored = &v1alpha1.IgnoredDrift{}
		}
		if ignored.Count++; ignored.Count <= maxIgnored {
			ignored.Differences = append(ignored.Differences, v1alpha1.IgnoredDifference{LogicalID: r.LogicalID, Type: r.Type, Path: path, Rule: int32(rule)})
		}
	}
	for _, r := range found {
		if i := slices.IndexFunc(rules, func(rule v1alpha1.DriftIgnore) bool { return wholly(rule) && concerns(rule, r) }); i >= 0 {
			note(i, r, "")
			continue
		}
		left := slices.DeleteFunc(slices.Clone(r.Properties), func(q v1alpha1.DriftedProperty) bool {
			i := slices.IndexFunc(rules, func(rule v1alpha1.DriftIgnore) bool { return !wholly(rule) && concerns(rule, r) && covers(rule, q) })
			if i >= 0 {
				note(i, r, q.Path)
			}
			return i >= 0
		})
		if len(left) == 0 && len(r.Properties) > 0 && r.PropertiesOmitted == 0 {
			continue
		}
		r.Properties = left
		kept = append(kept, r)
	}
	return kept, ignored
}

// wholly says whether a rule ignores resources without regard to what of them
// differs.
func wholly(rule v1alpha1.DriftIgnore) bool { return rule.Property == "" && rule.Value == "" }

// concerns says whether a rule is about a resource. One in which nothing is set,
// which the API server refuses, is about none.
func concerns(rule v1alpha1.DriftIgnore, r v1alpha1.DriftedResource) bool {
	rule.Reason = ""
	switch {
	case rule == v1alpha1.DriftIgnore{}:
		return false
	case !ofType(rule.Type, r.Type), rule.LogicalID != "" && !segmentsMatch(rule.LogicalID, r.LogicalID):
		return false
	case rule.ConstructPath != "" && r.Path != rule.ConstructPath && !strings.HasPrefix(r.Path, rule.ConstructPath+"/"):
		return false
	}
	return true
}

// covers says whether a rule that concerns a resource ignores one of its
// properties.
func covers(rule v1alpha1.DriftIgnore, q v1alpha1.DriftedProperty) bool {
	if rule.Property != "" && !leads(rule.Property, q.Path) {
		return false
	}
	return rule.Value == "" || rule.Value == q.Actual && !wasCut(q.Actual)
}

// wasCut says whether a value may be a part of another.
func wasCut(value string) bool {
	return utf8.RuneCountInString(value) >= MaxDriftValue && strings.HasSuffix(value, "…")
}

// ofType says whether a rule's type, "" for any, is that of a resource.
func ofType(rule, resource string) bool {
	if service, all := strings.CutSuffix(rule, "::*"); all {
		return strings.HasPrefix(resource, service+"::")
	}
	return rule == "" || rule == resource
}

// segmentsMatch compares two paths segment by segment; "*" is any segment.
func segmentsMatch(pattern, path string) bool {
	return strings.Count(pattern, "/") == strings.Count(path, "/") && leads(pattern, path)
}

// leads says whether a path is at or below one with the segments of pattern.
func leads(pattern, path string) bool {
	for {
		want, moreWanted, wantMore := strings.Cut(pattern, "/")
		have, moreThere, haveMore := strings.Cut(path, "/")
		switch {
		case want != "*" && want != have:
			return false
		case !wantMore:
			return true
		case !haveMore:
			return false
		}
		pattern, path = moreWanted, moreThere
	}
}

// rulesDigest is of the rules that a check goes by, "" for none.
func rulesDigest(spec *v1alpha1.CdkTsStackSpec) string {
	d := spec.Drift
	if d == nil || len(d.Ignore) == 0 && len(d.Severity) == 0 {
		return ""
	}
	return digest(d.Ignore, d.Severity)
}

// unmatched are the rules that have matched nothing since they were last edited.
func (p *pass) unmatched(rules []v1alpha1.DriftIgnore, matched []bool) []string {
	if len(rules) == 0 {
		return nil
	}
	was := p.st.Drift
	fresh := was == nil || was.RulesDigest != rulesDigest(&p.obj.Spec)
	var idle []string
	for i, rule := range rules {
		text := ruleText(i, rule)
		if !matched[i] && (fresh || slices.Contains(was.Unmatched, text)) {
			idle = append(idle, text)
		}
	}
	return idle
}

// stillUnmatched are those rules when a check has found nothing out.
func (p *pass) stillUnmatched() []string {
	rules := ignoreRules(&p.obj.Spec)
	return p.unmatched(rules, make([]bool, len(rules)))
}

// ruleText is a rule in words.
func ruleText(i int, rule v1alpha1.DriftIgnore) string {
	text := fmt.Sprintf("ignore[%d]:", i)
	for _, field := range []struct{ name, value string }{
		{"type", rule.Type}, {"logicalId", rule.LogicalID}, {"constructPath", rule.ConstructPath}, {"property", rule.Property}, {"value", rule.Value},
	} {
		if field.value != "" {
			text += " " + field.name + " " + field.value
		}
	}
	return problem.CutMiddle(text, maxRuleText)
}

// ignoredWords says how much is ignored, "" for nothing.
func ignoredWords(d *v1alpha1.DriftStatus) string {
	if d.Ignored == nil {
		return ""
	}
	things := "differences"
	if d.Ignored.Count == 1 {
		things = "difference"
	}
	return fmt.Sprintf("%d %s ignored by spec.drift.ignore", d.Ignored.Count, things)
}

// driftDigest names a drift by what differs: not by the values, so that what keeps
// changing is still the same drift, and not by what is ignored.
func driftDigest(d *v1alpha1.DriftStatus) string { return digest(driftNames(d), d.Omitted) }

// ignoredDigest is driftDigest of a drift with what is ignored beside it.
func ignoredDigest(d *v1alpha1.DriftStatus) string {
	var names []string
	if d.Ignored != nil {
		for _, i := range d.Ignored.Differences {
			names = append(names, i.LogicalID+i.Path)
		}
	}
	slices.Sort(names)
	return digest(driftDigest(d), "ignored", names)
}

func driftNames(d *v1alpha1.DriftStatus) []string {
	var names []string
	for _, r := range d.Resources {
		names = append(names, r.LogicalID+" "+r.Change)
		for _, q := range r.Properties {
			names = append(names, r.LogicalID+q.Path)
		}
	}
	slices.Sort(names)
	return names
}
