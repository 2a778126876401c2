package battery

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const cliTemplate = `
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: news, DisplayName: ours}}
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: jobs, VisibilityTimeout: 45}}
  Table: {Type: AWS::DynamoDB::Table, Properties: {TableName: items, BillingMode: PAY_PER_REQUEST, KeySchema: [{AttributeName: id, KeyType: HASH}], AttributeDefinitions: [{AttributeName: id, AttributeType: S}]}}
  Logs: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /app, RetentionInDays: 7}}
  Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: files}}
  Repository: {Type: AWS::ECR::Repository, Properties: {RepositoryName: images}}
  Rule: {Type: AWS::Events::Rule, Properties: {Name: nightly, ScheduleExpression: rate(1 day)}}
  Alarm: {Type: AWS::CloudWatch::Alarm, Properties: {AlarmName: loud, ComparisonOperator: GreaterThanThreshold, EvaluationPeriods: 1}}
  Role: {Type: AWS::IAM::Role, Properties: {RoleName: worker, AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: []}}}
  Function:
    Type: AWS::Lambda::Function
    Properties: {FunctionName: fn, Runtime: nodejs20.x, Handler: index.handler, Role: !GetAtt Role.Arn, Code: {ZipFile: "x"}, MemorySize: 128}
`

// TestAWSCLI looks at a stack's resources with the aws CLI and changes them:
// all that it changed must be drift.
func TestAWSCLI(t *testing.T) {
	t.Parallel()
	s := newStage(t).withAWS()
	if err := os.WriteFile(filepath.Join(s.folder, "template.yaml"), []byte(cliTemplate), 0o600); err != nil {
		t.Fatal(err)
	}
	big := filepath.Join(s.folder, "big")
	if err := os.WriteFile(big, []byte(strings.Repeat("0123456789abcdef", 1<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	s.cli("", "cloudformation", "create-stack", "--stack-name", "s", "--template-body", "file://template.yaml", "--capabilities", "CAPABILITY_NAMED_IAM")
	s.settle("s", "CREATE_COMPLETE")

	topic, queue := "arn:aws:sns:eu-central-1:123456789012:news", s.url+"/123456789012/jobs"
	s.cli("ours", "sns", "get-topic-attributes", "--topic-arn", topic)
	s.cli("45", "sqs", "get-queue-attributes", "--queue-url", queue, "--attribute-names", "All")
	s.cli("PAY_PER_REQUEST", "dynamodb", "describe-table", "--table-name", "items")
	s.cli(`"retentionInDays": 7`, "logs", "describe-log-groups")
	s.cli("123456789012.dkr.ecr.eu-central-1.amazonaws.com/images", "ecr", "describe-repositories")
	s.cli("rate(1 day)", "events", "describe-rule", "--name", "nightly")
	s.cli("INSUFFICIENT_DATA", "cloudwatch", "describe-alarms", "--alarm-names", "loud", "no-such-alarm", "--query", "MetricAlarms[0].StateValue")
	s.cli("", "cloudwatch", "set-alarm-state", "--alarm-name", "loud", "--state-value", "ALARM", "--state-reason", "too loud")
	s.cli("too loud", "cloudwatch", "describe-alarms", "--state-value", "ALARM")
	s.cli("arn:aws:iam::123456789012:role/worker", "iam", "get-role", "--role-name", "worker")
	s.cli("AES256", "s3api", "get-bucket-encryption", "--bucket", "files")
	s.cli("", "s3api", "get-bucket-logging", "--bucket", "files")
	s.cli("", "s3", "cp", "big", "s3://files/folder/big")
	s.cli("16777216", "s3", "ls", "s3://files/folder/")

	s.cli("", "sns", "set-topic-attributes", "--topic-arn", topic, "--attribute-name", "DisplayName", "--attribute-value", "theirs")
	s.cli("", "sqs", "set-queue-attributes", "--queue-url", queue, "--attributes", "VisibilityTimeout=5")
	s.cli("", "logs", "put-retention-policy", "--log-group-name", "/app", "--retention-in-days", "30")
	s.cli("256", "lambda", "update-function-configuration", "--function-name", "fn", "--memory-size", "256")
	s.cli("", "events", "disable-rule", "--name", "nightly")
	s.cli("", "dynamodb", "delete-table", "--table-name", "items")

	s.detectDrift("s")
	drifts := s.cli("", "cloudformation", "describe-stack-resource-drifts", "--stack-name", "s", "--output", "text",
		"--query", "StackResourceDrifts[?StackResourceDriftStatus!='IN_SYNC'].[LogicalResourceId,StackResourceDriftStatus,PropertyDifferences[0].PropertyPath]")
	want := "Function\tMODIFIED\t/MemorySize\nLogs\tMODIFIED\t/RetentionInDays\nQueue\tMODIFIED\t/VisibilityTimeout\nTable\tDELETED\tNone\nTopic\tMODIFIED\t/DisplayName\n"
	if drifts != want {
		t.Errorf("drift:\n%swant:\n%s", drifts, want)
	}
}

// detectDrift looks for drift of a stack, and waits for the result.
func (s *stage) detectDrift(stack string) {
	s.Helper()
	started := strings.TrimSpace(s.cli("", "cloudformation", "detect-stack-drift", "--stack-name", stack, "--query", "StackDriftDetectionId", "--output", "text"))
	for range 100 {
		if strings.Contains(s.cli("", "cloudformation", "describe-stack-drift-detection-status", "--stack-drift-detection-id", started), "DETECTION_COMPLETE") {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.Fatalf("drift detection of %s did not end", stack)
}

// cli runs the aws CLI, which must succeed and say text.
func (s *stage) cli(text string, args ...string) string {
	s.Helper()
	out, code := s.run("aws", args...)
	if code != 0 || !strings.Contains(out, text) {
		s.Fatalf("aws %s: exit code %d, want %q in:\n%s", strings.Join(args, " "), code, text, out)
	}
	return out
}
