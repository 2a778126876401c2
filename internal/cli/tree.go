package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// branch is a part of the tree: its name and what is to be said, painted.
type branch struct {
	name  string
	lines []string
}

// showStatus tells all that is known of one object, from its source to its
// drift.
func showStatus(p painter, o *v1alpha1.CdkTsStack, now time.Time) {
	m, text := state(o, now)
	p.printf("%s/%s  %s\n", printable(o.Namespace), printable(o.Name), p.mark(m, text))
	all := []branch{
		{"stack", stackLines(p, o)},
		{"source", []string{p.in(plain, source(o))}},
		{"live", []string{p.in(plain, liveLine(o, now))}},
		{"last", lastLines(p, o, now)},
	}
	all = append(all, underWay(p, o, now)...)
	all = append(all, branch{"window", windowLines(p, o, now)}, branch{"drift", driftLines(p, o, now)})
	showTree(p, slices.DeleteFunc(all, func(b branch) bool { return len(b.lines) == 0 }))
	if message := o.Status.Message; message != "" {
		p.printf("\n%s\n", p.in(m.color, message))
	}
}

// longestName and margin are what the tree takes of each line: always the same, so
// that what stays does not move.
const (
	longestName = len("verification")
	margin      = len("-- ") + longestName + len("  ")
)

// showTree draws the branches, their names in a column.
func showTree(p painter, all []branch) {
	for i, b := range all {
		lead, below := "├─ ", "│  "
		if i == len(all)-1 {
			lead, below = "└─ ", "   "
		}
		for n, line := range b.lines {
			name := b.name
			if n > 0 {
				lead, name = below, ""
			}
			p.printf("%s%-*s  %s\n", lead, longestName, name, line)
		}
	}
}

func stackLines(p painter, o *v1alpha1.CdkTsStack) []string {
	lines := []string{p.in(plain, fmt.Sprintf("%s in %s", o.Spec.StackName, o.Spec.AWSRegion))}
	if o.Status.StackID != "" {
		lines = append(lines, p.in(faint, o.Status.StackID))
	}
	return lines
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

// lastLines tell how the last deployment ended.
func lastLines(p painter, o *v1alpha1.CdkTsStack, now time.Time) []string {
	e := o.Status.LastDeployment
	if e == nil {
		return nil
	}
	m := markGood
	if e.Outcome == v1alpha1.OutcomeFailed || e.Outcome == v1alpha1.OutcomeRefused {
		m = markBad
	}
	text := strings.ToLower(string(e.Outcome)) + " " + ago(e.EndedAt.Time, now)
	for _, more := range []string{short(e.Revision), e.Changes} {
		if more != "" {
			text += ", " + more
		}
	}
	return []string{p.mark(m, text)}
}

// underWay are the steps of the deployment or destruction that goes on or waits.
func underWay(p painter, o *v1alpha1.CdkTsStack, now time.Time) []branch {
	op := o.Status.Operation
	if op == nil || !isForeground(op) {
		held := o.Status.Held
		if held == nil {
			return []branch{{"verification", verificationLines(p, o, now)}, {"now", checkLines(p, op, now)}}
		}
		return []branch{
			{"build", []string{p.mark(markGood, "done")}},
			{"plan", planLines(p, o, held)},
			{"gates", gateLines(p, o)},
			{"now", checkLines(p, op, now)},
		}
	}
	if op.Kind == v1alpha1.OperationDestroy {
		return []branch{{"destruction", stepLines(p, o, now)}, {"guard", hookLines(p, o, "beforeDestroy", op.ID)}}
	}
	building := op.Step == v1alpha1.StepBuilding
	if building {
		return []branch{{"build", stepLines(p, o, now)}, {"hook", hookLines(p, o, "beforeDeploy", op.ID)}}
	}
	all := []branch{{"build", []string{p.mark(markGood, "done")}}, {"plan", planLines(p, o, op)}, {"gates", gateLines(p, o)}}
	switch op.Step {
	case v1alpha1.StepPlanning, v1alpha1.StepClearing, v1alpha1.StepUnwedging, v1alpha1.StepExecuting:
		return append(all, branch{"change set", stepLines(p, o, now)})
	}
	lines := stepLines(p, o, now)
	if o.Status.Verification != nil {
		lines = append(lines, verificationLines(p, o, now)...)
	}
	return append(all, branch{"verification", lines})
}

// checkLines tell of a check that goes on beside all else.
func checkLines(p painter, op *v1alpha1.Operation, now time.Time) []string {
	if op == nil || isForeground(op) {
		return nil
	}
	what := map[v1alpha1.OperationKind]string{v1alpha1.OperationDriftCheck: "drift check", v1alpha1.OperationGitSync: "git check"}[op.Kind]
	return []string{p.mark(markWorking, fmt.Sprintf("%s: %s, %s", what, doing(op), span(now.Sub(op.StepStartedAt.Time))))}
}

// stepLines tell what is being done, and how far CloudFormation is.
func stepLines(p painter, o *v1alpha1.CdkTsStack, now time.Time) []string {
	op := o.Status.Operation
	lines := []string{p.mark(markWorking, doing(op)+", "+span(now.Sub(op.StepStartedAt.Time))+attempt(o, op))}
	pr := o.Status.Progress
	switch {
	case pr == nil:
		return lines
	case pr.Total == 0:
		return append(lines, p.in(plain, strings.TrimSuffix(fmt.Sprintf("%d resources done, %s", pr.Done, pr.Current), ", ")))
	}
	text := fmt.Sprintf("%s %d %%, %d of %d", bar(pr.Percent), pr.Percent, pr.Done, pr.Total)
	if pr.Current != "" {
		text += ", " + pr.Current
	}
	return append(lines, p.in(blue, text))
}

// bar draws a part of a hundred.
func bar(percent int32) string {
	const length = 20
	done := int(min(max(percent, 0), 100)) * length / 100
	return strings.Repeat("█", done) + strings.Repeat("░", length-done)
}

func planLines(p painter, o *v1alpha1.CdkTsStack, op *v1alpha1.Operation) []string {
	c := o.Status.Changes
	if c == nil || c.Operation != op.ID {
		return nil
	}
	lines := []string{p.in(plain, c.Digest+": "+c.Summary)}
	return append(lines, changeLines(p, c, margin)...)
}

func gateLines(p painter, o *v1alpha1.CdkTsStack) []string {
	t := &table{p: p}
	for _, g := range o.Status.Gates {
		t.paint([]color{yellow}, g.Name, g.Message)
	}
	return t.lines(margin)
}

func windowLines(p painter, o *v1alpha1.CdkTsStack, now time.Time) []string {
	w := o.Status.Window
	switch {
	case w == nil:
		return nil
	case w.Open && w.NextClosing != nil:
		return []string{p.mark(markGood, fmt.Sprintf("open, %s; closes in %s", w.Reason, span(w.NextClosing.Sub(now))))}
	case w.Open:
		return []string{p.mark(markGood, "open, "+w.Reason)}
	case w.NextOpening != nil:
		return []string{p.mark(markWaiting, fmt.Sprintf("closed, %s; opens in %s", w.Reason, span(w.NextOpening.Sub(now))))}
	}
	return []string{p.mark(markWaiting, "closed, "+w.Reason)}
}

// hookLines tell how a hook ended, for one operation or the last one.
func hookLines(p painter, o *v1alpha1.CdkTsStack, name, operation string) []string {
	for _, h := range o.Status.Hooks {
		if h.Name != name || operation != "" && h.Operation != operation {
			continue
		}
		took := time.Duration(h.DurationMS) * time.Millisecond
		if h.Succeeded {
			return []string{p.mark(markGood, fmt.Sprintf("%s, took %s", name, took.Round(100*time.Millisecond)))}
		}
		return []string{p.mark(markBad, name+": "+firstLine(h.Message))}
	}
	return nil
}

// driftLines is the verdict on drift in a line.
func driftLines(p painter, o *v1alpha1.CdkTsStack, now time.Time) []string {
	m, text := driftVerdict(o, now)
	if text == "" {
		return nil
	}
	lines := []string{p.mark(m, text)}
	if c := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionDrifted); c != nil && c.Status != metav1.ConditionFalse {
		lines = append(lines, p.in(plain, c.Message))
	}
	return lines
}
