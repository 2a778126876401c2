package main

import (
	"fmt"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"
)

// barWidth is the number of characters of a progress bar.
const barWidth = 24

// describe says in a line what the operator is doing with an object.
func describe(object *v1alpha1.CdkTsStack) string {
	status := object.Status
	words := []string{string(status.Phase)}
	if operation := status.Operation; operation != nil {
		words = append(words, string(operation.Step))
		if operation.RunStep != "" {
			words = append(words, "("+operation.RunStep+")")
		}
	}
	if progress := status.Progress; progress != nil && progress.Total > 0 {
		return strings.Join([]string{strings.Join(words, " "), bar(progress), progress.Current}, "  ")
	}
	if status.Phase == v1alpha1.PhaseFailed || status.Phase == v1alpha1.PhasePending {
		words = append(words, firstLine(status.Message))
	}
	return strings.TrimSpace(strings.Join(words, " "))
}

// bar draws how many resources are finished.
func bar(progress *v1alpha1.Progress) string {
	done := min(max(progress.Done, 0), progress.Total)
	filled := barWidth * int(done) / int(progress.Total)
	return fmt.Sprintf("%s%s %d/%d", strings.Repeat("█", filled), strings.Repeat("░", barWidth-filled), done, progress.Total)
}

// describeDrift lists what differs, one line per property.
func describeDrift(drift *v1alpha1.DriftStatus) []string {
	var lines []string
	for _, resource := range drift.Resources {
		lines = append(lines, fmt.Sprintf("%s (%s) is %s", resource.LogicalID, resource.Type, resource.Change))
		for _, property := range resource.Properties {
			lines = append(lines, fmt.Sprintf("  %s  expected %q, actual %q", property.Path, property.Expected, property.Actual))
		}
	}
	return lines
}
