package decide

import "encoding/json"

// KnownAfterApply stands in a value of a change set for what only exists once
// the change set was executed.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets-samples.html
const KnownAfterApply = "{{changeSet:KNOWN_AFTER_APPLY}}"

// Values are what a change set tells of the values of one change. They are no
// part of the digest of a plan: CloudFormation may refuse to tell them, and
// leaves some out; the template, the parameters and the state of the stack, of
// which the digest is, decide them.
type Values struct {
	// Before and After are the resource as it is and as it will be: each a JSON
	// object with "Properties", whose references are resolved as far as they can
	// be, and with "Metadata", "DeletionPolicy" and the like. Before is nil for
	// one that is added, After for one that is removed, and each where it is not
	// known; see Unvalued.
	Before, After json.RawMessage
	// Details are the single places that change.
	Details []Detail
}

// Detail is one place of a resource that changes, in CloudFormation's words:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceTargetDefinition.html
type Detail struct {
	// Path is a JSON pointer, for example /Properties/KeySchema/0/KeyType; of a
	// place that CloudFormation gives no path of, the name of the property or the
	// attribute.
	Path string
	// Change is Add, Remove or Modify, "" when it is not told.
	Change string
	// Before and After are the values, nil for none. CloudFormation cuts long
	// ones.
	Before, After *string
	// Dynamic says that After is known only once the change set is executed.
	Dynamic bool
	// Source is what made it change: DirectModification, ParameterReference,
	// ResourceReference, ResourceAttribute or Automatic; Cause names the
	// parameter, the resource or its attribute.
	Source, Cause string
	// Recreates says that it causes, or may cause, a replacement.
	Recreates bool
}

// Unvalued says whether the values of a change are not known although there
// are such: CloudFormation did not tell them, or they were too large.
func (c Change) Unvalued() bool {
	switch c.Action {
	case "Add", "Import":
		return c.After == nil
	case "Remove":
		return c.Before == nil
	}
	return c.Before == nil || c.After == nil
}

// places are what a change changes and, of that, what causes a replacement: as
// paths where they are known, else as names.
func (c Change) places() (all, because []string) {
	if len(c.Details) == 0 {
		return c.Properties, c.Because
	}
	for _, d := range c.Details {
		all = append(all, d.Path)
		if d.Recreates {
			because = append(because, d.Path)
		}
	}
	return all, because
}
