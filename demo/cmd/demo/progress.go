package main

import (
	"cmp"
	"fmt"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"
)

// barWidth is the number of characters of a progress bar.
const barWidth = 24

// describe says in a line what the operator is doing with an object.
func describe(object *v1alpha1.CdkTsStack) string {
	status := object.Status
	doing := string(status.Phase)
	if operation := status.Operation; operation != nil {
		doing = cmp.Or(operation.RunStep, string(operation.Step), doing)
	}
	switch progress := status.Progress; {
	case progress != nil && progress.Total > 0:
		return strings.TrimSpace(strings.Join([]string{doing, bar(progress), progress.Current}, "  "))
	case status.Phase == v1alpha1.PhaseFailed, status.Phase == v1alpha1.PhasePending:
		return doing + ": " + firstLine(status.Message)
	}
	return doing
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
