package battery

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// tell tells the local AWS something of its world.
func (s *stage) tell(path, body string) {
	s.Helper()
	answer, err := http.Post(s.url+path, "application/json", strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode >= 300 {
		s.Fatalf("POST %s: %s", path, answer.Status)
	}
}

// TestAWSCLIFindsCauses asks with the aws CLI what explains failures.
func TestAWSCLIFindsCauses(t *testing.T) {
	t.Parallel()
	s := newStage(t).withAWS()
	s.tell("/_localaws/hooks", `{"stack": "s", "resource": "T", "type": "Org::Security::Guard", "annotations": [{"AnnotationName": "R1", "Status": "FAILED", "RemediationMessage": "Encrypt it", "SeverityLevel": "HIGH"}]}`)
	s.cli("", "cloudformation", "create-stack", "--stack-name", "s", "--template-body", `{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}`)
	s.settle("s", "ROLLBACK_COMPLETE")
	id := strings.Fields(s.cli("", "cloudformation", "describe-stack-events", "--stack-name", "s", "--output", "text",
		"--query", "StackEvents[?HookStatus=='HOOK_COMPLETE_FAILED'].HookInvocationId"))
	if len(id) != 1 {
		t.Fatalf("hooks that failed: %q", id)
	}
	s.cli("Encrypt it", "cloudformation", "get-hook-result", "--hook-result-id", id[0])
	s.cli("Org::Security::Guard", "cloudformation", "list-hook-results")

	s.cli("", "sns", "create-topic", "--name", "news")
	s.cli("", "sns", "set-topic-attributes", "--topic-arn", "arn:aws:sns:eu-central-1:123456789012:news", "--attribute-name", "DisplayName", "--attribute-value", "theirs")
	s.cli("SetTopicAttributes", "cloudtrail", "lookup-events", "--lookup-attributes", "AttributeKey=ResourceName,AttributeValue=arn:aws:sns:eu-central-1:123456789012:news")
	s.cli("CreateTopic", "cloudtrail", "lookup-events", "--lookup-attributes", "AttributeKey=Username,AttributeValue=local",
		"--start-time", time.Now().Add(-time.Hour).Format(time.RFC3339), "--max-results", "50")

	s.cli("", "logs", "create-log-group", "--log-group-name", "/app")
	s.cli("", "logs", "create-log-stream", "--log-group-name", "/app", "--log-stream-name", "one")
	s.cli("", "logs", "put-log-events", "--log-group-name", "/app", "--log-stream-name", "one", "--log-events", fmt.Sprintf("timestamp=%d,message=boom", time.Now().UnixMilli()))
	s.cli("boom", "logs", "get-log-events", "--log-group-name", "/app", "--log-stream-name", "one")
	s.cli("boom", "logs", "filter-log-events", "--log-group-name", "/app", "--log-stream-name-prefix", "o")

	s.tell("/_localaws/stopped-tasks?region=eu-central-1", `{"tasks": [{"taskArn": "arn:aws:ecs:eu-central-1:123456789012:task/prod/1", "clusterArn": "arn:aws:ecs:eu-central-1:123456789012:cluster/prod", "group": "service:web", "stoppedReason": "Essential container in task exited"}]}`)
	s.cli("task/prod/1", "ecs", "list-tasks", "--cluster", "prod", "--service-name", "web", "--desired-status", "STOPPED")
	s.cli("Essential container", "ecs", "describe-tasks", "--cluster", "prod", "--tasks", "1")
}
