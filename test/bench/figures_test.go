package bench

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// figures are what was measured, in the order in which it first was.
type figures struct {
	ratios []*ratio
	plain  []plain
}

// ratio is what the operator and a person took for the same, each time.
type ratio struct {
	name           string
	operator, hand []float64
}

// plain is a figure of its own.
type plain struct {
	name   string
	value  float64
	unit   string
	target float64
}

// targets are the ratios that must not be passed.
var targets = map[string]float64{
	"cold: first deployment":                0.9,
	"warm: a commit that changes the stack": 0.35,
	"a commit that changes no stack":        0.25,
	"a second region of the same commit":    0.25,
	"a second context of the same commit":   0.25,
}

func (f *figures) ratio(name string, operator, hand time.Duration) {
	i := slices.IndexFunc(f.ratios, func(r *ratio) bool { return r.name == name })
	if i < 0 {
		i = len(f.ratios)
		f.ratios = append(f.ratios, &ratio{name: name})
	}
	r := f.ratios[i]
	r.operator, r.hand = append(r.operator, operator.Seconds()), append(r.hand, hand.Seconds())
}

// plain notes a figure; a target of 0 means that there is to be none of it,
// a negative one that there is no target.
func (f *figures) note(name string, value float64, unit string, target float64) {
	f.plain = append(f.plain, plain{name, value, unit, target})
}

func (f *figures) print(out io.Writer, runs int) error {
	if runs > 0 {
		if err := f.printRatios(out, runs); err != nil {
			return err
		}
	}
	fmt.Fprintln(out)
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "FIGURE\tVALUE\tTARGET\t")
	for _, p := range f.plain {
		target, verdict := "", ""
		if p.target >= 0 {
			target, verdict = fmt.Sprintf("≤ %g %s", p.target, p.unit), met(p.value <= p.target)
		}
		fmt.Fprintf(table, "%s\t%.3g %s\t%s\t%s\n", p.name, p.value, p.unit, target, verdict)
	}
	return table.Flush()
}

func (f *figures) printRatios(out io.Writer, runs int) error {
	fmt.Fprintf(out, "\nMedians of %d, in seconds. By hand is `npm ci && npx cdk deploy` in a fresh clone, with warm npm cache\n"+
		"and CDK home; the operator looks at git every second, and is cold (no mirror, no npm cache, no\n"+
		"dependencies, nothing remembered) where it says so.\n\n", runs)
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "FIGURE\tOPERATOR\tBY HAND\tRATIO\tTARGET\t")
	for _, r := range f.ratios {
		operator, hand := median(r.operator), median(r.hand)
		fmt.Fprintf(table, "%s\t%.1f\t%.1f\t%.2f\t≤ %.2f\t%s\n", r.name, operator, hand, operator/hand, targets[r.name], met(operator/hand <= targets[r.name]))
	}
	return table.Flush()
}

func met(ok bool) string {
	if ok {
		return "met"
	}
	return "NOT MET"
}

// median of some values; of an even number, the mean of the two in the middle.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
