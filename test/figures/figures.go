// Package figures prints what benchmarks measure beside its targets, and measures
// processes.
package figures

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// Table is what was measured, in the order in which it first was.
type Table struct {
	// Targets are the ratios that must not be passed, by name.
	Targets map[string]float64

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

// Ratio notes what the operator and a person took for the same.
func (f *Table) Ratio(name string, operator, hand time.Duration) {
	i := slices.IndexFunc(f.ratios, func(r *ratio) bool { return r.name == name })
	if i < 0 {
		i = len(f.ratios)
		f.ratios = append(f.ratios, &ratio{name: name})
	}
	r := f.ratios[i]
	r.operator, r.hand = append(r.operator, operator.Seconds()), append(r.hand, hand.Seconds())
}

// Note notes a figure; a target of 0 means that there is to be none of it,
// a negative one that there is no target.
func (f *Table) Note(name string, value float64, unit string, target float64) {
	f.plain = append(f.plain, plain{name, value, unit, target})
}

// Print writes the table; runs is how many measurements its medians are made of,
// 0 for none.
func (f *Table) Print(out io.Writer, runs int) error {
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

func (f *Table) printRatios(out io.Writer, runs int) error {
	fmt.Fprintf(out, "\nMedians of %d, in seconds. By hand is `npm ci && npx cdk deploy` in a fresh clone, with warm npm cache\n"+
		"and CDK home; the operator looks at git every second, and is cold (no mirror, no npm cache, no\n"+
		"dependencies, nothing remembered) where it says so.\n\n", runs)
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "FIGURE\tOPERATOR\tBY HAND\tRATIO\tTARGET\t")
	for _, r := range f.ratios {
		operator, hand := Median(r.operator), Median(r.hand)
		fmt.Fprintf(table, "%s\t%.1f\t%.1f\t%.2f\t≤ %.2f\t%s\n", r.name, operator, hand, operator/hand, f.Targets[r.name], met(operator/hand <= f.Targets[r.name]))
	}
	return table.Flush()
}

func met(ok bool) string {
	if ok {
		return "met"
	}
	return "NOT MET"
}

// Median is that of some values; of an even number, the mean of the two in the middle.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
