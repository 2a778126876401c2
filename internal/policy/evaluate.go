package policy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/expr"
	"awscdk.dev/operator/internal/problem"
)

const (
	// maxRuleCost bounds what a rule may cost when it is asked once, and maxCost
	// what all rules may cost for one plan, in the units of CEL: a million take
	// about a third of a second. The built-in rules cost 55,000 for 2,000 resources.
	maxRuleCost = 1_000_000
	maxCost     = 2_000_000
	// maxTime bounds it in time, for a machine that is busy: then it is tried
	// again, and no rule is broken.
	maxTime = 20 * time.Second
	// maxFindings bounds how many findings are gathered.
	maxFindings = 1000
	// maxText bounds a finding's message, in bytes.
	maxText = 512
)

// ErrSlow is that the rules could not be evaluated in time.
var ErrSlow = errors.New("the policies could not be evaluated in time")

// Evaluate gives the rules that a plan breaks, those that hold it first. A rule
// that cannot be evaluated is broken, too: a plan is never let through unjudged.
func (s *Set) Evaluate(ctx context.Context, plan Plan) ([]v1alpha1.PolicyFinding, error) {
	if s.Empty() {
		return nil, nil
	}
	f, err := factsOf(plan)
	if err != nil {
		return nil, err
	}
	timed, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	j := &judge{ctx: expr.Within(timed, expr.NewBudget(maxCost)), facts: f, plan: &plan}
	j.vars = map[string]any{"plan": f.plan, "template": f.template, "object": f.object}
	for _, c := range s.policies {
		j.policy(c)
	}
	if timed.Err() != nil || j.slow {
		return nil, fmt.Errorf("%w, which is %s", ErrSlow, maxTime)
	}
	return append(j.denied, j.warned...), nil
}

// judge is one evaluation.
type judge struct {
	ctx            context.Context
	facts          *facts
	plan           *Plan
	vars           map[string]any
	denied, warned []v1alpha1.PolicyFinding
	// slow is true when the time was not enough for a rule.
	slow bool
}

func (j *judge) policy(c compiled) {
	if c.match != nil {
		switch applies, err := c.match.Bool(j.ctx, j.vars); {
		case err != nil:
			j.found(c, &rule{written: written{Name: "match"}}, nil, failed(err))
			return
		case !applies:
			return
		}
	}
	if j.plan.Unseen {
		j.found(c, &rule{written: written{Name: "nested-stacks"}}, nil, "not all nested stacks of the plan could be looked into: make them fewer than 100")
	}
	for _, r := range c.rules {
		if r.Resources == nil {
			j.rule(c, r, nil, j.vars)
			continue
		}
		for i := range j.plan.Changes {
			if change := &j.plan.Changes[i]; r.concerns(*change) {
				j.ofResource(c, r, change, j.facts.resources[i])
			}
		}
	}
}

// ofResource asks a rule about a resource.
func (j *judge) ofResource(c compiled, r *rule, change *Change, resource map[string]any) {
	if resource["unknown"] == true {
		j.found(c, r, change, "the rule could not be evaluated: CloudFormation does not show the properties of the resource, and the template of the stack does not have it")
		return
	}
	vars := maps.Clone(j.vars)
	vars["resource"] = resource
	j.rule(c, r, change, vars)
}

// rule asks a rule, change being nil for the plan as a whole.
func (j *judge) rule(c compiled, r *rule, change *Change, vars map[string]any) {
	if len(j.denied)+len(j.warned) >= maxFindings {
		return
	}
	holds, err := r.holds.Bool(j.ctx, vars)
	switch {
	case errors.Is(err, expr.ErrTime):
		j.slow = true
	case err != nil:
		j.found(c, r, change, failed(err))
	case !holds:
		j.found(c, r, change, r.say(j.ctx, vars))
	}
}

// say is what a broken rule says.
func (r *rule) say(ctx context.Context, vars map[string]any) string {
	if r.words == nil {
		return r.Message
	}
	words, err := r.words.String(ctx, vars)
	if err != nil {
		return "it is not met, and messageExpression cannot say why: " + err.Error()
	}
	return words
}

func failed(err error) string {
	if errors.Is(err, expr.ErrCost) {
		return "the rule could not be evaluated: " + err.Error()
	}
	return fmt.Sprintf("the rule could not be evaluated: %v: write .?name for what may be absent", err)
}

func (j *judge) found(c compiled, r *rule, change *Change, message string) {
	finding := v1alpha1.PolicyFinding{Policy: c.policy, Rule: r.Name, Enforcement: v1alpha1.EnforcementDeny, Message: problem.Cut(message, maxText)}
	if change != nil {
		finding.LogicalID, finding.Type, finding.Path = change.LogicalID, change.Type, change.Path
	}
	if c.warns || r.Enforcement == v1alpha1.EnforcementWarn {
		finding.Enforcement = v1alpha1.EnforcementWarn
		j.warned = append(j.warned, finding)
		return
	}
	j.denied = append(j.denied, finding)
}
