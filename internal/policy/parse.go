package policy

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/expr"
)

// The bounds of one file of rules. A ConfigMap has 1 MiB at most.
const (
	maxRules    = 100
	maxTypes    = 50
	maxRuleName = 63
	maxMessage  = 500
)

// document is a file of rules as people write it.
type document struct {
	// Match says to which objects and plans the rules apply; absent, to all.
	Match string    `json:"match,omitempty"`
	Rules []written `json:"rules"`
}

// written is a rule as people write it.
type written struct {
	Name string `json:"name"`
	// Resources are the CloudFormation types that the rule is about, with "*"
	// for any letters; absent, it is about the plan as a whole.
	Resources []string `json:"resources,omitempty"`
	// Actions are what becomes of them; absent, all but Remove.
	Actions           []v1alpha1.ChangeAction `json:"actions,omitempty"`
	Expression        string                  `json:"expression"`
	Message           string                  `json:"message,omitempty"`
	MessageExpression string                  `json:"messageExpression,omitempty"`
	Enforcement       v1alpha1.Enforcement    `json:"enforcement,omitempty"`
}

// file is a file of rules that compiles.
type file struct {
	match *expr.Program
	rules []*rule
	// readsObject says that an expression may look at the object.
	readsObject bool
}

type rule struct {
	written
	holds *expr.Program
	// words is nil where the message is a plain one.
	words *expr.Program
}

var ruleName = regexp.MustCompile(`^[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?$`)

// everyAction are those that leave a resource.
var everyAction = []v1alpha1.ChangeAction{
	v1alpha1.ChangeAdd, v1alpha1.ChangeModify, v1alpha1.ChangeReplace, v1alpha1.ChangeMayReplace, v1alpha1.ChangeImport,
}

// compile reads a file of rules. Its error names the rule, the line and the
// column of the expression.
func (e *environments) compile(text string) (*file, error) {
	var doc document
	if err := yaml.UnmarshalStrict([]byte(text), &doc); err != nil {
		return nil, fmt.Errorf("it is no list of rules: %s", plainYAML.Replace(err.Error()))
	}
	switch {
	case len(doc.Rules) == 0:
		return nil, errors.New("it has no rules: write rules: [{name: …, expression: …, message: …}]")
	case len(doc.Rules) > maxRules:
		return nil, fmt.Errorf("it has %d rules, and at most %d are taken: put some into another key", len(doc.Rules), maxRules)
	}
	f := &file{readsObject: strings.Contains(text, "object")}
	var err error
	if doc.Match != "" {
		if f.match, err = e.ofPlan.Bool(doc.Match); err != nil {
			return nil, fmt.Errorf("match: %w", err)
		}
	}
	names := map[string]bool{}
	for i, w := range doc.Rules {
		if !ruleName.MatchString(w.Name) || len(w.Name) > maxRuleName {
			return nil, fmt.Errorf("rule %d: name is %q, want at most %d letters, digits, '-', '_' and '.', for example no-public-buckets", i+1, cut(w.Name), maxRuleName)
		}
		if names[w.Name] {
			return nil, fmt.Errorf("two rules are called %s: rename one", w.Name)
		}
		names[w.Name] = true
		r, err := e.compileRule(w)
		if err != nil {
			return nil, fmt.Errorf("rule %s: %w", w.Name, err)
		}
		f.rules = append(f.rules, r)
	}
	return f, nil
}

// plainYAML takes out of an error what says nothing about the text.
var plainYAML = strings.NewReplacer(
	"error converting YAML to JSON: ", "", "error unmarshaling JSON: while decoding JSON: ", "", "json: ", "", "Go struct field ", "", "Go value of type policy.document", "object with rules")

func (e *environments) compileRule(w written) (*rule, error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	if w.Actions == nil {
		w.Actions = everyAction
	}
	env := e.ofPlan
	if w.Resources != nil {
		env = e.ofResource
	}
	r := &rule{written: w}
	var err error
	if r.holds, err = env.Bool(w.Expression); err != nil {
		return nil, fmt.Errorf("expression: %w%s", err, w.hint(err))
	}
	if w.MessageExpression != "" {
		if r.words, err = env.String(w.MessageExpression); err != nil {
			return nil, fmt.Errorf("messageExpression: %w%s", err, w.hint(err))
		}
	}
	return r, nil
}

// check refuses what is wrong beside the expressions.
func (w *written) check() error {
	switch {
	case w.Enforcement != "" && w.Enforcement != v1alpha1.EnforcementDeny && w.Enforcement != v1alpha1.EnforcementWarn:
		return fmt.Errorf("enforcement is %q, want Deny or Warn", cut(string(w.Enforcement)))
	case w.Resources != nil && len(w.Resources) == 0:
		return errors.New(`resources is empty: name CloudFormation types, or "*" for all, or leave it out for a rule on the plan as a whole`)
	case len(w.Resources) > maxTypes:
		return fmt.Errorf("it has %d resources, and at most %d are taken", len(w.Resources), maxTypes)
	case len(w.Message) > maxMessage:
		return fmt.Errorf("message has %d bytes, and at most %d are taken", len(w.Message), maxMessage)
	case (w.Message == "") == (w.MessageExpression == ""):
		return errors.New("it needs one of message and messageExpression, which says what to do")
	case w.Resources == nil && w.Actions != nil:
		return errors.New("actions goes with resources")
	case w.Actions != nil && len(w.Actions) == 0:
		return errors.New("actions is empty: leave it out for all but Remove")
	}
	for _, t := range w.Resources {
		if _, err := path.Match(t, ""); err != nil || t != "*" && !strings.Contains(t, "::") {
			return fmt.Errorf(`resources has %q, want CloudFormation types such as AWS::S3::Bucket or AWS::RDS::*`, cut(t))
		}
	}
	for _, a := range w.Actions {
		if a != v1alpha1.ChangeRemove && !slices.Contains(everyAction, a) {
			return fmt.Errorf("actions has %q, want Add, Modify, Replace, MayReplace, Import or Remove", cut(string(a)))
		}
	}
	return nil
}

// hint helps with the mistake that is made first.
func (w *written) hint(err error) string {
	if w.Resources == nil && strings.Contains(err.Error(), "undeclared reference to 'resource'") {
		return `; a rule about resources names their types: resources: ["*"] for all`
	}
	return ""
}

// concerns says whether a rule is about a change.
func (r *rule) concerns(c Change) bool {
	return slices.Contains(r.Actions, c.Action) && slices.ContainsFunc(r.Resources, func(t string) bool {
		matches, _ := path.Match(t, c.Type) // a type has no slash
		return matches || t == "*"
	})
}
