package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
)

// showList answers the morning's questions, an object a line: what is it, what
// is live, how is it, and what did the last deployment do.
func showList(p painter, all []v1alpha1.CdkTsStack, namespaces bool, now time.Time) {
	t := &table{p: p}
	header := []string{"NAME", "STACK", "REF", "LIVE", "STATE", "LAST"}
	if namespaces {
		header = append([]string{"NAMESPACE"}, header...)
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
	}
	t.write("")
}

// maxLast is how much of the last deployment's message fits a line.
const maxLast = 60

func cut(text string, most int) string {
	letters := []rune(text)
	if len(letters) <= most {
		return text
	}
	return string(letters[:most-1]) + "…"
}

// showStatus tells all that is known of one object, from its source to its
// drift.
func showStatus(p painter, o *v1alpha1.CdkTsStack, now time.Time) {
	m, text := state(o, now)
	p.printf("%s/%s  %s\n", printable(o.Namespace), printable(o.Name), p.mark(m, text))
	t := &table{p: p}
	t.add("stack", fmt.Sprintf("%s in %s", o.Spec.StackName, o.Spec.AWSRegion))
	if o.Status.StackID != "" {
		t.add("", o.Status.StackID)
	}
	t.add("source", source(o))
	t.add("live", liveLine(o, now))
	if op := o.Status.Operation; op != nil {
		t.add("now", strings.ToLower(string(op.Kind))+": "+working(o, now))
	}
	t.write("  ")
	if message := o.Status.Message; message != "" {
		p.printf("\n  %s\n", p.in(m.color, message))
	}
	if len(o.Status.Gates) > 0 {
		showGates(p, o)
	}
	if c := o.Status.Changes; c != nil && (o.Status.Held != nil || o.Status.Operation != nil && o.Status.Operation.ID == c.Operation) {
		p.printf("\n")
		showChanges(p, c)
	}
	if o.Status.DriftDetected && o.Status.Drift != nil {
		showDrift(p, o.Status.Drift)
	}
}

func source(o *v1alpha1.CdkTsStack) string {
	text := o.Spec.Source.Git.Repository + " at " + ref(o)
	if o.Spec.Source.SourceRef != nil {
		text = o.Spec.Source.SourceRef.Kind + " " + o.Spec.Source.SourceRef.Name
	}
	if s := o.Status.Source; s != nil && s.Revision != "" {
		text += ", " + short(s.Revision)
	}
	return text
}

func liveLine(o *v1alpha1.CdkTsStack, now time.Time) string {
	d := o.Status.Deployed
	if d == nil {
		return "nothing yet"
	}
	text := short(d.Target.Revision) + ", " + ago(d.At.Time, now)
	if c := d.Plan.Commit; c != nil && c.Subject != "" {
		text += fmt.Sprintf(", %q by %s", c.Subject, c.Author)
	}
	return text
}

func showGates(p painter, o *v1alpha1.CdkTsStack) {
	p.printf("\n  waits at\n")
	t := &table{p: p}
	for _, g := range o.Status.Gates {
		t.paint([]color{yellow}, g.Name, g.Message)
	}
	t.write("    ")
}

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
	t := &table{p: p}
	for _, r := range c.Resources {
		s := signs[r.Action]
		c := classColor(r, s.color)
		t.paint([]color{c, c, faint, plain}, s.sign, r.LogicalID, r.Type, remarks(r))
	}
	if c.Omitted > 0 {
		t.add("", fmt.Sprintf("and %d more", c.Omitted))
	}
	if len(t.rows) > 0 {
		t.write("    ")
	}
	if c.Policies != nil {
		showPolicies(p, c.Policies)
	}
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

func showDrift(p painter, d *v1alpha1.DriftStatus) {
	p.printf("\n  drifted\n")
	t := &table{p: p}
	for _, r := range d.Resources {
		t.paint([]color{yellow}, r.LogicalID, r.Type, strings.ToLower(r.Change))
	}
	if d.Omitted > 0 {
		t.add(fmt.Sprintf("and %d more", d.Omitted))
	}
	t.write("    ")
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
