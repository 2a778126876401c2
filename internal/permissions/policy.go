package permissions

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// maxGrants bounds what the statements of one policy are taken apart into. One
// beyond that is compared as a whole.
const maxGrants = 5000

// statement is one statement of a policy, taken apart.
type statement struct {
	deny             bool
	who, actions, on []string
	condition        string
	// whole is its canonical JSON. A statement that cannot be taken apart (with
	// NotAction, NotResource, NotPrincipal) is compared by it alone.
	whole  string
	opaque bool
}

// document is a policy: its statements, or that it cannot be read.
type document struct {
	statements []statement
	unknown    bool
}

// read takes a policy apart. It may be an object or a text that holds one. The
// principal is who, unless the statements name theirs.
func read(v any, who string) document {
	switch p := v.(type) {
	case nil:
		return document{}
	case string:
		if strings.TrimSpace(p) == "" {
			return document{}
		}
		var inner any
		if json.Unmarshal([]byte(p), &inner) != nil {
			return document{unknown: true}
		}
		if _, text := inner.(string); text {
			return document{unknown: true}
		}
		return read(inner, who)
	case tree:
		return statements(p["Statement"], who)
	}
	return document{unknown: true}
}

func statements(v any, who string) document {
	var d document
	n := 0
	for _, one := range list(v) {
		t, ok := one.(tree)
		if !ok {
			d.unknown = true
			continue
		}
		s := takeApart(t, who)
		if n += len(s.who) * len(s.actions) * len(s.on); n > maxGrants {
			s.opaque = true
		}
		d.statements = append(d.statements, s)
	}
	return d
}

func takeApart(t tree, who string) statement {
	s := statement{deny: strings.EqualFold(text(t["Effect"]), "Deny"), whole: canonical(t)}
	s.actions, s.on, s.who = texts(t["Action"]), texts(t["Resource"]), principals(t["Principal"])
	if len(s.on) == 0 {
		s.on = []string{""}
	}
	if len(s.who) == 0 {
		s.who = []string{who}
	}
	for _, negative := range []struct {
		name, word string
		part       *[]string
	}{{"NotAction", "everything", &s.actions}, {"NotResource", "everything", &s.on}, {"NotPrincipal", "anyone", &s.who}} {
		if t[negative.name] != nil {
			s.opaque = true
			*negative.part = []string{negative.word + " but " + few(principals(t[negative.name]))}
		}
	}
	if c, ok := t["Condition"].(tree); ok && len(c) > 0 {
		s.condition = canonical(c)
	}
	return s
}

// grant is the least part of a statement.
type grant struct{ who, action, on, condition string }

// covers says whether whoever has one grant has another.
func (g grant) covers(other grant) bool {
	return (g.condition == "" || g.condition == other.condition) &&
		matches(g.who, other.who) && matches(strings.ToLower(g.action), strings.ToLower(other.action)) && matches(g.on, other.on)
}

// documents compares the policies of one property. Holder says who has what its
// statements allow, where they do not say.
func documents(property string, holder func(tree) string) comparison {
	return func(before, after tree) []string {
		was, is := read(before[property], holder(before)), read(after[property], holder(after))
		return widened(was, is)
	}
}

func widened(was, is document) []string {
	if is.unknown {
		return []string{"its policy is known only once the change is executed"}
	}
	if was.unknown && len(is.statements) > 0 {
		was.statements = nil // all that is allowed may be new
	}
	all := beyond(is.statements, was.statements, false)
	for _, gone := range beyond(was.statements, is.statements, true) {
		all = append(all, "no longer denied: "+gone)
	}
	return all
}

// beyond says in sentences what the statements of one effect say that others do
// not.
func beyond(these, others []statement, deny bool) []string {
	var known []grant
	whole := map[string]bool{}
	for _, s := range others {
		if s.deny != deny {
			continue
		}
		whole[s.whole] = true
		if !s.opaque {
			known = append(known, grants(s)...)
		}
	}
	var all []string
	for _, s := range these {
		if s.deny != deny || whole[s.whole] {
			continue
		}
		if s.opaque {
			all = append(all, say(s.who, s.actions, s.on, s.condition != ""))
			continue
		}
		fresh := slices.DeleteFunc(grants(s), func(g grant) bool {
			return slices.ContainsFunc(known, func(k grant) bool { return k.covers(g) })
		})
		if len(fresh) > 0 {
			all = append(all, sentence(fresh))
		}
	}
	return all
}

func grants(s statement) []grant {
	var all []grant
	for _, who := range s.who {
		for _, action := range s.actions {
			for _, on := range s.on {
				all = append(all, grant{who, action, on, s.condition})
			}
		}
	}
	return all
}

// sentence says what grants of one statement allow.
func sentence(all []grant) string {
	who, actions, on := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, g := range all {
		who[g.who], actions[g.action], on[g.on] = true, true, true
	}
	return say(slices.Sorted(maps.Keys(who)), slices.Sorted(maps.Keys(actions)), slices.Sorted(maps.Keys(on)), all[0].condition != "")
}

func say(who, actions, on []string, conditions bool) string {
	who = slices.Clone(who)
	for i := range who {
		if who[i] == "*" {
			who[i] = "anyone"
		}
	}
	text := few(who) + " may " + few(actions)
	if on = slices.DeleteFunc(slices.Clone(on), func(r string) bool { return r == "" }); len(on) > 0 {
		text += " on " + few(on)
	}
	if conditions {
		text += ", under conditions"
	}
	return text
}

// few names some of many.
func few(all []string) string {
	const most = 4
	named := slices.Clone(all[:min(len(all), most)])
	for i := range named {
		named[i] = strings.ReplaceAll(named[i], unknownValue, "(known once executed)")
	}
	if more := len(all) - most; more > 0 {
		named = append(named, fmt.Sprintf("%d more", more))
	}
	return strings.Join(named, ", ")
}

// unknownValue stands for a value that only exists once a change set was
// executed.
const unknownValue = "{{changeSet:KNOWN_AFTER_APPLY}}"

// principals are those of a statement: "*", ARNs, services, accounts.
func principals(v any) []string {
	t, ok := v.(tree)
	if !ok {
		return texts(v)
	}
	var all []string
	for _, kind := range slices.Sorted(maps.Keys(t)) {
		for _, one := range texts(t[kind]) {
			all = append(all, principal(kind, one))
		}
	}
	return all
}

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// principal spells the same principal in one way.
func principal(kind, name string) string {
	if kind == "AWS" && accountID.MatchString(name) {
		return "arn:aws:iam::" + name + ":root"
	}
	return name
}

// matches says whether a pattern with * and ? stands for all that another text
// stands for, which may be a pattern itself.
func matches(pattern, text string) bool {
	var p, t, star, mark = 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == text[t] || pattern[p] == '?' && text[t] != '*'):
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

func list(v any) []any {
	switch all := v.(type) {
	case nil:
		return nil
	case []any:
		return all
	}
	return []any{v}
}

// texts are the items of a value that is one or many.
func texts(v any) []string {
	var all []string
	for _, one := range list(v) {
		all = append(all, text(one))
	}
	return all
}

func text(v any) string {
	switch t := v.(type) {
	case nil:
		return ""
	case string:
		return t
	}
	return canonical(v)
}

// canonical is JSON with sorted keys, so that equal values have equal texts.
func canonical(v any) string {
	data, _ := json.Marshal(v) // it was decoded from JSON
	return string(data)
}

func nobody(tree) string { return "whoever uses it" }
