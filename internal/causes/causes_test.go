package causes_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/internal/causes"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"k8s.io/utils/ptr"
)

const region = awstest.Region

func post(t *testing.T, s *awstest.Server, path string, body any) {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Post(s.URL+path, "application/json", strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		t.Fatalf("POST %s: %s", path, answer.Status)
	}
}

func target() causes.Target {
	return causes.Target{Target: awsconfig.Target{Credentials: awsconfig.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "test"}, Region: region}, Account: awstest.Account}
}

func asker() *causes.Asker { return causes.New(causes.Options{Now: time.Now}) }

func writeLog(t *testing.T, s *awstest.Server, group, stream string, lines ...string) {
	t.Helper()
	c := cloudwatchlogs.New(cloudwatchlogs.Options{Region: region, BaseEndpoint: &s.URL, Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "test", "")})
	_, _ = c.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &group}) // it may be there
	if _, err := c.CreateLogStream(t.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &group, LogStreamName: &stream}); err != nil {
		t.Fatal(err)
	}
	var events []types.InputLogEvent
	for i, line := range lines {
		events = append(events, types.InputLogEvent{Timestamp: ptr.To(time.Now().UnixMilli() + int64(i)), Message: &line})
	}
	if _, err := c.PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: &group, LogStreamName: &stream, LogEvents: events}); err != nil {
		t.Fatal(err)
	}
}

func TestWhyECSStoppedTasksIsToldWithWhatTheyLogged(t *testing.T) {
	s := awstest.Start(t, "--speed", "0")
	now := time.Now().UTC()
	arn := func(id string) string { return "arn:aws:ecs:" + region + ":123456789012:task/prod/" + id }
	definition := "arn:aws:ecs:" + region + ":123456789012:task-definition/web:7"
	task := func(id string, ago time.Duration, group string) map[string]any {
		return map[string]any{
			"taskArn": arn(id), "clusterArn": "arn:aws:ecs:" + region + ":123456789012:cluster/prod", "group": group, "taskDefinitionArn": definition,
			"stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited", "stoppedAt": float64(now.Add(-ago).UnixMilli()) / 1000,
			"containers": []map[string]any{{"name": "app", "exitCode": 1}, {"name": "sidecar", "exitCode": 0}},
		}
	}
	post(t, s, "/_localaws/stopped-tasks?region="+region, map[string]any{
		"tasks": []map[string]any{task("old", time.Minute, "service:web"), task("new", 0, "service:web"), task("other", 0, "service:other")},
		"taskDefinitions": []map[string]any{{"taskDefinitionArn": definition, "containerDefinitions": []map[string]any{{
			"name": "app", "logConfiguration": map[string]any{"logDriver": "awslogs", "options": map[string]string{"awslogs-group": "/web", "awslogs-region": region, "awslogs-stream-prefix": "ecs"}},
		}}}},
	})
	writeLog(t, s, "/web", "ecs/app/new", "listening", "panic: no database")
	service := causes.Resource{LogicalID: "Service", Type: "AWS::ECS::Service", PhysicalID: "arn:aws:ecs:" + region + ":123456789012:service/prod/web", At: now}
	found := asker().Ask(t.Context(), causes.Question{
		Targets: []causes.Target{target()}, Sources: []v1alpha1.CauseSource{v1alpha1.CauseTasks, v1alpha1.CauseLogs}, Failed: []causes.Resource{service}, FailedAt: now,
	})
	if len(found.Causes) != 3 {
		t.Fatalf("found %+v", found)
	}
	if c := found.Causes[0]; c.Source != v1alpha1.CauseTasks || c.Message != "ECS stopped the task new (EssentialContainerExited): Essential container in task exited; the container app exited with code 1" || c.LogicalID != "Service" {
		t.Errorf("the newest task: %+v", c)
	}
	if c := found.Causes[1]; c.Source != v1alpha1.CauseLogs || c.Origin != "/web ecs/app/new" || strings.Join(c.Lines, "|") != "listening|panic: no database" {
		t.Errorf("its log: %+v", c)
	}
	if n := found.Notes; len(n) != 1 || !strings.Contains(n[0], "there is no log /web ecs/app/old") {
		t.Errorf("notes: %q", n)
	}
}

func TestOnlyTheLastLinesOfALogAreTold(t *testing.T) {
	s := awstest.Start(t, "--speed", "0")
	var lines []string
	for i := range 500 {
		lines = append(lines, fmt.Sprintf("line %d %s", i, strings.Repeat("x", i%2*600)))
	}
	writeLog(t, s, "/aws/lambda/f", "2026/11/30/[$LATEST]ab", lines...)
	ask := func(reason string) causes.Found {
		return asker().Ask(t.Context(), causes.Question{
			Targets: []causes.Target{target()}, Sources: []v1alpha1.CauseSource{v1alpha1.CauseLogs}, FailedAt: time.Now(),
			Failed: []causes.Resource{{LogicalID: "C", Type: "Custom::C", Reason: reason, ServiceToken: "arn:aws:lambda:" + region + ":123456789012:function:f"}},
		})
	}
	for _, reason := range []string{"boom", "See the details in CloudWatch Log Stream: 2026/11/30/[$LATEST]ab (RequestId: 1)"} {
		found := ask(reason)
		if len(found.Causes) != 1 || len(found.Causes[0].Lines) != 30 || !found.Causes[0].Cut {
			t.Fatalf("%s: found %+v", reason, found)
		}
		last := found.Causes[0].Lines[29]
		if !strings.HasPrefix(last, "line 499 ") || len(last) > 500 {
			t.Errorf("%s: the last line is %q", reason, last)
		}
	}
	if n := s.Calls(t, "GetLogEvents"); len(n) != 1 {
		t.Errorf("the stream that the reason names was read %d times by itself", len(n))
	}
}

func TestTheNextIdentityIsAskedWhereOneMayNotAndTheFirstIsNamed(t *testing.T) {
	s := awstest.Start(t, "--speed", "0")
	s.Parameter(t, "/a", "1")
	denied := target()
	denied.Credentials.AccessKeyID = "INVALID1"
	by, err := asker().Writers(t.Context(), []causes.Target{denied, target()}, []v1alpha1.DriftedResource{{LogicalID: "A", PhysicalID: "/a", Type: "AWS::SSM::Parameter"}})
	if err != nil || by["A"].Event != "ssm:PutParameter" {
		t.Fatalf("the second was not asked: %+v, %v", by, err)
	}
	s.Fault(t, awstest.Fault{Service: "cloudtrail", Code: "AccessDeniedException", Message: "no", Count: -1})
	role := target()
	role.Role = awsconfig.Role{ARN: s.Role(t, "reader", awstest.Trust("arn:aws:iam::"+awstest.Account+":root", ""))}
	_, err = asker().Writers(t.Context(), []causes.Target{role, target()}, []v1alpha1.DriftedResource{{LogicalID: "A", PhysicalID: "/a"}})
	if err == nil || err.Error() != "could not ask CloudTrail: the role arn:aws:iam::123456789012:role/reader may not cloudtrail:LookupEvents" {
		t.Errorf("told: %v", err)
	}
}

// AWS answers two look-ups a second for all who ask: this one takes no more than
// half of them, however many ask at once.
func TestCloudTrailIsAskedAtItsPace(t *testing.T) {
	s := awstest.Start(t, "--speed", "0")
	a := causes.New(causes.Options{Now: time.Now})
	var all []v1alpha1.DriftedResource
	for i := range 4 {
		all = append(all, v1alpha1.DriftedResource{LogicalID: fmt.Sprint(i), PhysicalID: fmt.Sprint("r", i)})
	}
	if _, err := a.Writers(t.Context(), []causes.Target{target()}, all); err != nil {
		t.Fatal(err)
	}
	calls := s.Calls(t, "LookupEvents")
	for _, c := range calls {
		if c.Error != "" {
			t.Errorf("CloudTrail was asked too fast: %+v", c)
		}
	}
	if len(calls) != 4 {
		t.Errorf("it was asked %d times", len(calls))
	}
}

func TestIAMIsAskedAboutWhereCloudTrailKeepsIt(t *testing.T) {
	s := awstest.Start(t, "--speed", "0")
	s.Role(t, "app", awstest.Trust("arn:aws:iam::"+awstest.Account+":root", ""))
	by, err := asker().Writers(t.Context(), []causes.Target{target()}, []v1alpha1.DriftedResource{{LogicalID: "R", PhysicalID: "app", Type: "AWS::IAM::Role"}})
	if err != nil || by["R"].Event != "iam:CreateRole" {
		t.Errorf("%+v, %v", by, err)
	}
}

// What a task was refused is found by its ID: its role's session has that name.
func TestWhatAStoppedTaskWasRefusedIsTold(t *testing.T) {
	s := awstest.Start(t, "--speed", "0")
	const id = "2b9f4d0c"
	config := aws.Config{Region: region, BaseEndpoint: &s.URL, Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "test", "")}
	role := s.Role(t, "task", awstest.Trust("arn:aws:iam::"+awstest.Account+":root", ""))
	session, err := sts.NewFromConfig(config).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: ptr.To(id)})
	if err != nil {
		t.Fatal(err)
	}
	s.Fault(t, awstest.Fault{Service: "ssm", Code: "AccessDeniedException", Message: "not authorized to perform: ssm:GetParameter", Count: 1})
	config.Credentials = credentials.NewStaticCredentialsProvider(*session.Credentials.AccessKeyId, *session.Credentials.SecretAccessKey, *session.Credentials.SessionToken)
	if _, err := ssm.NewFromConfig(config).GetParameter(t.Context(), &ssm.GetParameterInput{Name: ptr.To("/db")}); err == nil {
		t.Fatal("it was not refused")
	}
	post(t, s, "/_localaws/stopped-tasks?region="+region, map[string]any{"tasks": []map[string]any{{
		"taskArn": "arn:aws:ecs:" + region + ":123456789012:task/prod/" + id, "clusterArn": "arn:aws:ecs:" + region + ":123456789012:cluster/prod",
		"group": "service:web", "taskDefinitionArn": "d", "stopCode": "TaskFailedToStart", "stoppedReason": "ResourceInitializationError",
	}}})
	found := asker().Ask(t.Context(), causes.Question{
		Targets: []causes.Target{target()}, Sources: []v1alpha1.CauseSource{v1alpha1.CauseCloudTrail, v1alpha1.CauseTasks}, FailedAt: time.Now(),
		Failed: []causes.Resource{{LogicalID: "Service", Type: "AWS::ECS::Service", PhysicalID: "arn:aws:ecs:" + region + ":123456789012:service/prod/web"}},
	})
	if n := len(found.Causes); n != 2 || found.TrailSilent {
		t.Fatalf("found %+v", found)
	}
	if c := found.Causes[1]; c.Source != v1alpha1.CauseCloudTrail || !strings.Contains(c.Message, "AWS refused ssm:GetParameter with AccessDeniedException") || !strings.HasSuffix(c.Origin, "/"+id) {
		t.Errorf("what the task was refused: %+v", c)
	}
}
