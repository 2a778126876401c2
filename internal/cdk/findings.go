package cdk

import (
	"cmp"

	"awscdk.dev/operator/internal/problem"
)

// The bounds of Findings: how many are listed, and the bytes of their texts.
const (
	maxFindings    = 30
	maxFinding     = 200
	maxFindingName = 64
)

// Findings are what the validation plugins of the app found of a stack, refused
// or not.
type Findings struct {
	Violations, Suppressed int
	// List has the violations first; no more than 30.
	List []Finding
}

// Finding is one violation of a rule, or one that the app suppresses.
type Finding struct {
	Plugin, Rule, Severity, Message string
	// Path is the first construct that it is about.
	Path string
	// Suppressed is true for one that the app has acknowledged, Reason is why.
	Suppressed bool
	Reason     string
}

// Findings are those of the stack itself; those of the stacks that it needs are
// told with them.
func (s *Stack) Findings() Findings {
	var found Findings
	var suppressed []Finding
	own := []*Stack{s}
	for _, report := range s.assembly.report.PluginReports {
		for _, v := range report.Violations {
			if v.concerns(own) {
				found.Violations++
				found.List = keepFinding(found.List, v.told(report.PluginName, own))
			}
		}
		for _, v := range report.Suppressed {
			if v.concerns(own) {
				found.Suppressed++
				one := v.told(report.PluginName, own)
				one.Suppressed, one.Reason = true, problem.Cut(v.Reason, maxFinding)
				suppressed = keepFinding(suppressed, one)
			}
		}
	}
	for _, one := range suppressed {
		found.List = keepFinding(found.List, one)
	}
	return found
}

func keepFinding(list []Finding, one Finding) []Finding {
	if len(list) == maxFindings {
		return list
	}
	return append(list, one)
}

func (v violation) told(plugin string, own []*Stack) Finding {
	f := Finding{
		Plugin: problem.Cut(plugin, maxFindingName), Rule: problem.Cut(v.RuleName, maxFindingName),
		Severity: problem.Cut(cmp.Or(v.CustomSeverity, v.Severity), maxFindingName), Message: problem.Cut(v.Description, maxFinding),
	}
	for _, c := range v.ViolatingConstructs {
		if f.Path == "" && concernsAny(own, c.ConstructPath) {
			f.Path = problem.CutMiddle(c.ConstructPath, maxFinding)
		}
	}
	return f
}
