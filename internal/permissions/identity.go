package permissions

import (
	"fmt"
	"slices"
	"strings"
)

// inline compares the policies that are part of an identity.
func inline(who string) comparison {
	all := func(p tree) document {
		var d document
		for _, one := range list(p["Policies"]) {
			t, ok := one.(tree)
			if !ok {
				d.unknown = true
				continue
			}
			part := read(t["PolicyDocument"], who)
			d.statements, d.unknown = append(d.statements, part.statements...), d.unknown || part.unknown
		}
		return d
	}
	return func(before, after tree) []string { return widened(all(before), all(after)) }
}

// attached compares the managed policies of an identity.
func attached(who string) comparison {
	return joined("ManagedPolicyArns", "the managed policy %s is attached to "+who)
}

// boundary says when the permissions boundary of an identity goes or changes:
// what another one allows cannot be seen.
func boundary(who string) comparison {
	return func(before, after tree) []string {
		was, is := text(before["PermissionsBoundary"]), text(after["PermissionsBoundary"])
		switch {
		case was == "" || was == is:
			return nil
		case is == "":
			return []string{fmt.Sprintf("%s has no permissions boundary any more, which was %s", who, was)}
		}
		return []string{fmt.Sprintf("the permissions boundary of %s is %s instead of %s", who, is, was)}
	}
}

// joined says which items a property has that it did not have.
func joined(property, format string) comparison {
	return func(before, after tree) []string {
		known := texts(before[property])
		fresh := slices.DeleteFunc(texts(after[property]), func(one string) bool { return one == "" || slices.Contains(known, one) })
		if len(fresh) == 0 {
			return nil
		}
		return []string{fmt.Sprintf(format, few(fresh))}
	}
}

// appears says that a property is set which was not.
func appears(property, sentence string) comparison {
	return func(before, after tree) []string {
		if before[property] == nil && after[property] != nil {
			return []string{sentence}
		}
		return nil
	}
}

// becomes says that a property gets a value that it did not have.
func becomes(property, value, sentence string) comparison {
	return func(before, after tree) []string {
		if text(before[property]) != value && text(after[property]) == value {
			return []string{sentence}
		}
		return nil
	}
}

// within compares what a property holds.
func within(property string, compare comparison) comparison {
	inner := func(p tree) tree {
		t, _ := p[property].(tree)
		if t == nil {
			return tree{}
		}
		return t
	}
	return func(before, after tree) []string { return compare(inner(before), inner(after)) }
}

// identities are those that a policy of its own is attached to.
func identities(p tree) []string {
	var all []string
	for _, of := range []struct{ property, word string }{{"Roles", "role"}, {"Users", "user"}, {"Groups", "group"}} {
		for _, name := range texts(p[of.property]) {
			all = append(all, "the "+of.word+" "+name)
		}
	}
	return all
}

// holders names who has what a policy of its own allows, always by the same
// words before and after: who newly has it is told by newHolders.
func holders(p tree, otherwise string) string {
	if all := identities(p); len(all) > 0 && len(all) <= 3 {
		return strings.ReplaceAll(strings.Join(all, ", "), unknownValue, "(known once executed)")
	}
	return otherwise
}

// newHolders says to whom else a policy is attached.
func newHolders(before, after tree) []string {
	known := identities(before)
	if len(known) == 0 {
		return nil // all that it allows is told
	}
	fresh := slices.DeleteFunc(identities(after), func(one string) bool { return slices.Contains(known, one) })
	if len(fresh) == 0 {
		return nil
	}
	return []string{few(fresh) + " gets what the policy allows"}
}

// endpoint compares the policies of VPC endpoints. One without a policy lets
// everything through.
func endpoint(before, after tree) []string {
	if after["PolicyDocument"] == nil {
		if before["PolicyDocument"] != nil {
			return []string{"everything may pass the endpoint, which has no policy any more"}
		}
		return nil
	}
	if before["PolicyDocument"] == nil {
		if len(before) > 0 {
			return nil // it is narrower than it was
		}
		before = tree{}
	}
	return documents("PolicyDocument", nobody)(before, after)
}

// busPolicy compares statements of event buses, which may be spread over
// properties.
func busPolicy(before, after tree) []string {
	one := func(p tree) document {
		switch {
		case len(p) == 0:
			return document{}
		case p["Statement"] != nil:
			return statements(p["Statement"], "whoever uses it")
		}
		return statements(tree{"Effect": "Allow", "Action": p["Action"], "Principal": tree{"AWS": p["Principal"]}, "Condition": p["Condition"]}, "")
	}
	return widened(one(before), one(after))
}

// invocation compares permissions that are one statement of their own.
func invocation(before, after tree) []string {
	one := func(p tree) document {
		if len(p) == 0 {
			return document{}
		}
		conditions := tree{}
		for _, name := range []string{"SourceArn", "SourceAccount", "PrincipalOrgID", "OrganizationId", "FunctionUrlAuthType", "EventSourceToken"} {
			if p[name] != nil && text(p[name]) != "NONE" {
				conditions[name] = p[name]
			}
		}
		return statements(tree{
			"Effect": "Allow", "Action": p["Action"], "Principal": tree{"AWS": p["Principal"]},
			"Resource": firstOf(p, "FunctionName", "LayerVersionArn"), "Condition": conditions,
		}, "")
	}
	return widened(one(before), one(after))
}

func firstOf(p tree, names ...string) any {
	for _, name := range names {
		if p[name] != nil {
			return p[name]
		}
	}
	return nil
}

// publicAccess says which blocks of public access a bucket loses. A new bucket
// blocks everything unless it says otherwise.
func publicAccess(before, after tree) []string {
	blocks := func(p tree, name string) bool {
		block, set := p["PublicAccessBlockConfiguration"].(tree)
		return !set || truth(block[name])
	}
	var lost []string
	for _, name := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
		if blocks(before, name) && !blocks(after, name) {
			lost = append(lost, name)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	return []string{"public access to the bucket is no longer blocked by " + few(lost)}
}

// publicACL says that a bucket gets an access control list that lets in others.
func publicACL(before, after tree) []string {
	was, is := text(before["AccessControl"]), text(after["AccessControl"])
	if was == is || !slices.Contains([]string{"PublicRead", "PublicReadWrite", "AuthenticatedRead"}, is) {
		return nil
	}
	return []string{"the bucket has the access control list " + is}
}

func truth(v any) bool { return strings.EqualFold(text(v), "true") }
