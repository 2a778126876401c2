// Package policy judges plans by rules of users, in CEL over the plan, the
// template and the object. It looks at nothing itself: texts and facts are passed
// in.
package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/expr"
)

// Source is the text of a policy.
type Source struct {
	// Name is what findings call the policy, Where the place of its text, for
	// example "ConfigMap team-a/rules".
	Name, Where string
	// Files are rules in YAML, by name.
	Files map[string]string
	// Warns says that no rule of it holds a plan.
	Warns bool
}

// Set are policies that compile.
type Set struct {
	policies []compiled
	digest   string
}

// compiled is one file of a policy.
type compiled struct {
	*file
	policy string
	warns  bool
}

// environments are what expressions may speak about.
type environments struct {
	ofPlan, ofResource *expr.Env
}

// Compiler compiles policies and keeps what it has compiled, since compiling
// costs a thousand times what it costs to find a text again. It is safe for
// concurrent use; its zero value is ready.
type Compiler struct {
	mu    sync.Mutex
	env   *environments
	files map[[sha256.Size]byte]result
}

type result struct {
	file *file
	err  error
}

// maxCompiled is how many files are kept.
const maxCompiled = 512

// maxMistakes is how many files that do not compile are told of at once.
const maxMistakes = 5

// Compile makes a set of policies. Its error names for each mistake the place, the
// key, the rule, the line and the column.
func (c *Compiler) Compile(sources []Source) (*Set, error) {
	set := &Set{}
	var mistakes []string
	sum := sha256.New()
	for _, s := range sources {
		for _, name := range slices.Sorted(maps.Keys(s.Files)) {
			key := sha256.Sum256([]byte(s.Files[name]))
			fmt.Fprintf(sum, "%q %q %t %q %x\n", s.Name, s.Where, s.Warns, name, key)
			f, err := c.file(key, s.Files[name])
			if err != nil {
				mistakes = append(mistakes, fmt.Sprintf("%s, key %s: %v", s.Where, name, err))
				continue
			}
			set.policies = append(set.policies, compiled{f, s.Name, s.Warns})
		}
		if len(s.Files) == 0 {
			mistakes = append(mistakes, s.Where+": it has no keys in data: each holds rules as YAML")
		}
	}
	if len(mistakes) > maxMistakes {
		mistakes = append(mistakes[:maxMistakes:maxMistakes], fmt.Sprintf("and %d more", len(mistakes)-maxMistakes))
	}
	if len(mistakes) > 0 {
		return nil, errors.New(strings.Join(mistakes, "; "))
	}
	set.digest = hex.EncodeToString(sum.Sum(nil)[:8])
	return set, nil
}

// file compiles a file, or finds it among those that were compiled, mistakes
// included; key is the digest of the text.
func (c *Compiler) file(key [sha256.Size]byte, text string) (*file, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, is := c.files[key]; is {
		return known.file, known.err
	}
	if c.env == nil {
		env, err := newEnvironments()
		if err != nil {
			return nil, err
		}
		c.env, c.files = env, map[[sha256.Size]byte]result{}
	}
	if len(c.files) >= maxCompiled {
		clear(c.files) // those in use come back
	}
	f, err := c.env.compile(text)
	c.files[key] = result{f, err}
	return f, err
}

func newEnvironments() (*environments, error) {
	options := expr.Options{Functions: functions, MaxCost: maxRuleCost, MaxTime: maxTime}
	ofPlan, err := expr.NewWith(options, "plan", "template", "object")
	if err != nil {
		return nil, err
	}
	ofResource, err := expr.NewWith(options, "plan", "template", "object", "resource")
	return &environments{ofPlan, ofResource}, err
}

// Empty says whether there are no policies.
func (s *Set) Empty() bool { return len(s.policies) == 0 }

// Digest is of the policies, and of the object when they may look at it; "" when
// there are none. With equal digests of a plan and of this, the findings are
// equal.
func (s *Set) Digest(o *v1alpha1.CdkTsStack) string {
	switch {
	case s.Empty():
		return ""
	case !slices.ContainsFunc(s.policies, func(c compiled) bool { return c.readsObject }):
		return s.digest
	}
	facts, _ := objectFacts(o) // what the API server stores can be written
	return digest([]any{s.digest, facts})
}

// digest is of the JSON of a value, in 16 hex digits.
func digest(v any) string {
	data, _ := json.Marshal(v) // plain data always encodes
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}
