package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
)

// showList answers the morning's questions, an object a line: what is it, what
// is live, how is it, and what did the last deployment do. Where a person can
// open the way, a line below says how.
func showList(p painter, all []v1alpha1.CdkTsStack, namespaces bool, now time.Time) {
	t := &table{p: p, give: []int{5, 1, 4}}
	header := []string{"NAME", "STACK", "REF", "LIVE", "STATE", "LAST"}
	if namespaces {
		header, t.give = append([]string{"NAMESPACE"}, header...), []int{6, 2, 5}
	}
	t.add(header...)
	for i := range all {
		o := &all[i]
		m, text := state(o, now)
		cells := []string{o.Name, o.Spec.StackName, ref(o), live(o), m.sign + " " + text, cut(last(o), maxLast)}
		colors := []color{plain, plain, plain, plain, m.color, plain}
		if namespaces {
			cells, colors = append([]string{o.Namespace}, cells...), append([]color{plain}, colors...)
		}
		t.paint(colors, cells...)
		if way := wayOut(p, o); way != "" {
			below := make([]string, len(cells)-1)
			below[len(below)-1] = way
			t.paint(make([]color, len(below)), below...)
		}
	}
	t.write("")
}

// maxLast is how much of the last deployment's message fits a line.
const maxLast = 60

// signs are how a change is drawn.
var signs = map[v1alpha1.ChangeAction]struct {
	sign  string
	color color
}{
	v1alpha1.ChangeAdd: {"+", green}, v1alpha1.ChangeModify: {"~", yellow}, v1alpha1.ChangeImport: {"↓", blue},
	v1alpha1.ChangeReplace: {"±", red}, v1alpha1.ChangeMayReplace: {"±?", red}, v1alpha1.ChangeRemove: {"-", red},
}

// showChanges draws a plan, the worst first.
func showChanges(p painter, c *v1alpha1.Changes) {
	p.printf("  plan %s: %s\n", printable(c.Digest), printable(c.Summary))
	for _, line := range changeLines(p, c, len("    ")) {
		p.printf("    %s\n", line)
	}
	if c.Policies != nil {
		showPolicies(p, c.Policies)
	}
}

// changeLines are the changes of a plan, on a terminal that has so many of its
// columns in use. Ids of nested stacks are shortened in their middle and types at
// their end. What matters of a change is folded beside them, or below where there is
// no room for its longest word.
func changeLines(p painter, c *v1alpha1.Changes, used int) []string {
	t := &table{p: p}
	room, ids, types, word := p.width-used, 0, 0, 0
	rows := make([][3]string, len(c.Resources))
	for i, r := range c.Resources {
		rows[i] = [3]string{p.fitting(r.LogicalID, room*2/5, cutMiddle), p.fitting(r.Type, room*3/10, cut), remarks(r)}
		ids, types, word = max(ids, columns(rows[i][0])), max(types, columns(rows[i][1])), max(word, longestWord(rows[i][2]))
	}
	sign := columns("±?") + len("  ")
	beside := room - sign - ids - types - 2*len("  ")
	for i, r := range c.Resources {
		s := signs[r.Action]
		c := classColor(r, s.color)
		colors := []color{c, c, faint, plain}
		if p.width > 0 && word > beside {
			t.paint(colors, s.sign, rows[i][0], rows[i][1])
			for _, line := range p.folded(rows[i][2], room-sign) {
				t.add("", line)
			}
			continue
		}
		lines := p.folded(rows[i][2], beside)
		t.paint(colors, s.sign, rows[i][0], rows[i][1], lines[0])
		for _, line := range lines[1:] {
			t.add("", "", "", line)
		}
	}
	if c.Omitted > 0 {
		t.add("", fmt.Sprintf("and %d more", c.Omitted))
	}
	return t.lines(used)
}

// showPolicies lists the rules that a plan breaks.
func showPolicies(p painter, r *v1alpha1.PolicyResults) {
	if len(r.Findings) == 0 {
		return
	}
	p.printf("  policies: %d denied, %d warned\n", r.Denied, r.Warned)
	t := &table{p: p}
	for _, f := range r.Findings {
		c := red
		if f.Enforcement == v1alpha1.EnforcementWarn {
			c = yellow
		}
		t.paint([]color{c, plain, plain}, strings.ToLower(string(f.Enforcement)), f.Policy+" "+f.Rule, f.LogicalID, f.Message)
	}
	if r.Omitted > 0 {
		t.add("", fmt.Sprintf("and %d more", r.Omitted))
	}
	t.write("    ")
}

// classColor is the colour of a change by its class, else by its action.
func classColor(r v1alpha1.ResourceChange, action color) color {
	switch r.Class {
	case v1alpha1.ChangeSecurity:
		return magenta
	case v1alpha1.ChangeMoved:
		return faint
	}
	return action
}

func remarks(r v1alpha1.ResourceChange) string {
	var all []string
	if r.DataLoss {
		all = append(all, "ITS DATA GOES WITH IT")
	}
	if r.Protected {
		all = append(all, "protected")
	}
	if r.CustomName != "" {
		all = append(all, "CANNOT BE REPLACED under its name "+r.CustomName)
	}
	if r.Kept {
		all = append(all, "the old one is kept")
	}
	if len(r.Allows) > 0 {
		all = append(all, "NEWLY ALLOWED: "+strings.Join(r.Allows, "; "))
	}
	switch {
	case r.Class == v1alpha1.ChangeMoved && r.MovedFrom != "":
		all = append(all, "only moved, from "+r.MovedFrom)
	case r.Class == v1alpha1.ChangeMoved:
		all = append(all, "only moved")
	case len(r.Because) > 0:
		all = append(all, "because of "+strings.Join(r.Because, ", "))
	case len(r.Properties) > 0:
		all = append(all, strings.Join(r.Properties, ", "))
	}
	if r.Path != "" {
		all = append(all, r.Path)
	}
	return strings.Join(all, "; ")
}

// showHistory tells what happened, newest first.
func showHistory(p painter, o *v1alpha1.CdkTsStack, now time.Time) {
	if len(o.Status.History) == 0 {
		p.printf("%s has no history yet\n", printable(o.Name))
		return
	}
	t := &table{p: p}
	t.add("ENDED", "WHAT", "WHY", "OUTCOME", "REF", "REVISION", "CHANGES", "BY", "MESSAGE")
	for _, e := range o.Status.History {
		c := green
		if slices.Contains([]v1alpha1.Outcome{v1alpha1.OutcomeFailed, v1alpha1.OutcomeRefused}, e.Outcome) {
			c = red
		}
		t.paint([]color{plain, plain, plain, c}, ended(e.EndedAt.Time, now), string(e.Kind), e.Trigger, string(e.Outcome), e.Ref, short(e.Revision), e.Changes, people(e), cut(firstLine(e.Message), maxLast))
	}
	t.write("")
}

// ended is when something ended: how long ago, and for what is not of today, the
// day, so that "on Tuesday" is found.
func ended(at, now time.Time) string {
	if now.Sub(at) < 24*time.Hour {
		return ago(at, now)
	}
	return at.UTC().Format("Mon 2006-01-02 15:04Z")
}

// people are those of whom it is known that they had to do with an operation.
func people(e v1alpha1.HistoryEntry) string {
	var all []string
	if e.Author != "" {
		all = append(all, "commit by "+e.Author)
	}
	if e.OrderedBy != "" {
		all = append(all, "ordered by "+e.OrderedBy)
	}
	if e.ApprovedBy != "" {
		by := "approved by " + e.ApprovedBy
		if e.ApproveReason != "" {
			by += " (" + e.ApproveReason + ")"
		}
		all = append(all, by)
	}
	if e.Override != "" {
		all = append(all, e.Override)
	}
	return strings.Join(all, "; ")
}
