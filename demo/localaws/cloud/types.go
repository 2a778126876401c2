package cloud

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/demo/localaws/wire"
)

// Phase is what is being done to a resource when its hook runs.
type Phase int

// The phases of a resource's life that a type may check or refuse.
const (
	Creating Phase = iota
	Updating
	Deleting
	RollingBack // an update that undoes a failed one
	Undoing     // a deletion of what a failed operation had created
)

// Scope is how far a type's names reach.
type Scope int

// Scopes of names.
const (
	Regional Scope = iota
	AccountWide
	Everywhere
)

// Type is what the local AWS knows about a CloudFormation resource type.
// To add a type, add an entry to one of the tables.
type Type struct {
	Scope    Scope
	Named    string   // the property that names the resource
	Replace  []string // properties whose change needs a new resource
	Required []string
	IAM      bool // creating one needs CAPABILITY_IAM
	NoTags   bool // the stack's tags don't reach it
	NoDrift  bool // drift detection does not support it
	// WriteOnly are properties that nobody can read back, such as passwords:
	// drift detection leaves them out.
	WriteOnly []string
	MaxName   int  // longest generated name, 0 for 64
	Lower     bool // generated names are lower case
	Delay     time.Duration
	// ID makes the physical ID from the name, nil if the name is the ID.
	ID func(c *Cloud, r *Resource, name string) string
	// Attributes are what Fn::GetAtt can read.
	Attributes func(r *Resource) map[string]any
	// Hook may refuse a phase; next are the properties to come.
	Hook func(c *Cloud, phase Phase, r *Resource, next map[string]any) error
}

// Types are the resource types there are, by name.
var Types map[string]*Type

// The hooks look other types up, so the table can only be joined at run time.
func init() {
	Types = join(storageTypes, messagingTypes, identityTypes, computeTypes,
		networkTypes, securityTypes, balancingTypes, databaseTypes, otherTypes, ecsTypes, codeDeployTypes)
}

func join(tables ...map[string]*Type) map[string]*Type {
	out := map[string]*Type{}
	for _, table := range tables {
		maps.Copy(out, table)
	}
	return out
}

func (t *Type) home(p Place) Place {
	switch {
	case t == nil || t.Scope == Regional:
		return p
	case t.Scope == AccountWide:
		return Place{Account: p.Account}
	}
	return Place{}
}

func (t *Type) required(props map[string]any) error {
	var missing []string
	for _, name := range t.Required {
		if _, ok := props[name]; !ok {
			missing = append(missing, fmt.Sprintf("#: required key [%s] not found", name))
		}
	}
	if len(missing) > 0 {
		return awsErrorf("Properties validation failed with message: [%s]", strings.Join(missing, ", "))
	}
	return nil
}

func (t *Type) run(c *Cloud, phase Phase, r *Resource, next map[string]any) error {
	if t.Hook == nil {
		return nil
	}
	return t.Hook(c, phase, r, next)
}

func (t *Type) identify(c *Cloud, spec Spec, r *Resource) string {
	name := ""
	if t.Named != "" {
		name = wire.Text(r.Props[t.Named])
	}
	if name == "" {
		name = t.generate(spec)
	}
	if t.ID == nil {
		return name
	}
	return t.ID(c, r, name)
}

// generate makes a name as CloudFormation does: stack, logical ID and random
// characters, the first two shortened to fit.
func (t *Type) generate(spec Spec) string {
	suffix, limit := Random(12), t.MaxName
	if limit == 0 {
		limit = 64
	}
	room := limit - len(suffix) - 2
	stack, logical := spec.Stack, spec.Logical
	if len(stack)+len(logical) > room {
		stack = stack[:min(len(stack), room/2)]
		logical = logical[:min(len(logical), room-len(stack))]
	}
	name := stack + "-" + logical + "-" + suffix
	if t.Lower {
		return strings.ToLower(name)
	}
	return name
}

// Attribute reads one attribute of r, as Fn::GetAtt does.
func Attribute(r Resource, name string) (any, bool) {
	t := Types[r.Type]
	if t == nil || t.Attributes == nil {
		return nil, false
	}
	v, ok := t.Attributes(&r)[name]
	return v, ok
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
