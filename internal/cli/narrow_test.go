package cli_test

import (
	"strings"
	"testing"
)

// nested is a plan with ids of nested stacks, a long one among them.
const nested = `
metadata: {name: web}
spec: {stackName: Shop, planOnly: true}
status:
  conditions: [{type: Ready, status: Unknown, reason: PlanOnly, message: it waits, lastTransitionTime: "2026-03-02T11:00:00Z"}]
  held: {id: op-1, kind: Deploy, step: Planning, startedAt: "2026-03-02T10:57:00Z", stepStartedAt: "2026-03-02T10:59:20Z"}
  gates: [{name: planOnly, reason: PlanOnly, message: spec.planOnly is true}]
  changes:
    operation: op-1
    digest: 1cbc6017af0fdd98
    summary: 1 to replace
    replace: 1
    modify: 1
    resources:
    - {action: Replace, class: Destructive, logicalId: NetworkNestedStackNetworkNestedStackResourceA1B2C3D4/DatabaseNestedStackResource99887766/OrdersTableE5F6, type: "AWS::DynamoDB::Table", because: [/Properties/KeySchema, /Properties/TableName], dataLoss: true, path: Shop/Network/Database/Orders/Resource}
    - {action: Modify, logicalId: Topic, type: "AWS::SNS::Topic", properties: [/Properties/DisplayName]}
`

// TestAPlanFitsTheTerminal shows a plan on terminals of several widths: no line is
// longer, an id keeps both of its ends, and nothing of what matters is left out.
func TestAPlanFitsTheTerminal(t *testing.T) {
	s := &session{t: t}
	s.object(nested)
	t.Cleanup(clearStacks)
	for _, columns := range []int{80, 100, 132} {
		screen := start(t, columns, "plan", "web")
		screen.ends(0)
		var said []string
		for line := range strings.Lines(screen.String()) {
			if width := len([]rune(strings.TrimSuffix(line, "\n"))); width > columns {
				t.Errorf("%d columns: a line has %d: %s", columns, width, line)
			}
			said = append(said, strings.Fields(line)...)
		}
		text := strings.Join(said, " ")
		for _, want := range []string{"± NetworkNeste", "TableE5F6 AWS::DynamoDB::Table ", "ITS DATA GOES WITH IT;", "/Properties/KeySchema,", "/Properties/TableName;", "Shop/Network/Database/Orders/Resource", "~ Topic AWS::SNS::Topic /Properties/DisplayName"} {
			if !strings.Contains(text, want) {
				t.Errorf("%d columns: %q is not in\n%s", columns, want, screen)
			}
		}
	}
	whole := start(t, 0, "plan", "web")
	whole.ends(0)
	if !strings.Contains(whole.String(), "NetworkNestedStackNetworkNestedStackResourceA1B2C3D4/DatabaseNestedStackResource99887766/OrdersTableE5F6  AWS::DynamoDB::Table  ITS DATA GOES WITH IT; because of /Properties/KeySchema, /Properties/TableName; Shop/Network/Database/Orders/Resource\n") {
		t.Errorf("without a terminal:\n%s", whole)
	}
}

func TestWatchAndOutputDoNotGoTogether(t *testing.T) {
	s := &session{t: t}
	for _, call := range [][]string{{"list"}, {"status", "web"}, {"events", "web"}} {
		got := s.play(append(call, "-w", "-o", "json"), "", false)
		if !strings.Contains(got, "--watch and --output do not go together: kubectl get ") || !strings.Contains(got, "(exit code 2)") {
			t.Errorf("%v: %s", call, got)
		}
	}
}
