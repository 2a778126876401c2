package main

import (
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// curtain tells the story once more, in short, and what a visitor can do now.
func (s *stage) curtain(told *story, stay bool) {
	screen := s.screen
	screen.chapter("The story of " + webApp.stackName)
	history := told.object.Status.History
	for _, entry := range slices.Backward(history) {
		approved := ""
		if entry.ApprovedBy != "" {
			approved = fmt.Sprintf(", approved by %s: %s", entry.ApprovedBy, entry.ApproveReason)
		}
		screen.linef("  %s  %s %s: %s (%s, commit %s%s)", entry.EndedAt.Local().Format(time.TimeOnly), entry.Kind, entry.Outcome,
			entry.Reason, seconds(entry.EndedAt.Sub(entry.StartedAt.Time)), short(entry.Revision), approved)
	}
	screen.linef("  first deployment of all %s, a second stack of the same commit %s, from git push to deployed %s",
		seconds(told.first), seconds(told.second), seconds(told.update))
	screen.linef("  events: %s", strings.Join(told.reasons, ", "))
	screen.line("")
	screen.line(screen.bold("Outputs"))
	outputs := told.object.Status.Outputs
	for _, key := range slices.Sorted(maps.Keys(outputs)) {
		screen.linef("  %-22s %s", key, outputs[key])
	}
	screen.line("")
	if !stay {
		screen.linef("On a terminal the demo would keep running here, with KUBECONFIG=%s and the stack deployed.", s.plane.Kubeconfig())
	} else {
		screen.line(screen.bold("Your turn") + ", in another terminal (logs are in " + s.paths.state + "):")
		screen.linef("  export KUBECONFIG=%s", s.plane.Kubeconfig())
	}
	kubectl := "kubectl"
	if _, err := exec.LookPath(kubectl); err != nil {
		kubectl = "$(hack/tool kubectl)"
	}
	for _, command := range []string{
		fmt.Sprintf("%s -n %s get cdk --watch", kubectl, namespace),
		fmt.Sprintf(`%s -n %s patch cdk %s --type=merge -p '{"spec":{"cdkContext":["features=search,maps,chat,ads,news"]}}'`, kubectl, namespace, webApp.name),
		fmt.Sprintf("%s -n %s delete cdk %s", kubectl, namespace, webApp.name),
	} {
		screen.linef("  %s", command)
	}
	if stay {
		screen.line("")
		screen.line("Ctrl-C ends everything.")
	}
}
