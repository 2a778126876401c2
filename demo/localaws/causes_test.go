package localaws_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"awscdk.dev/operator/demo/localaws"
)

// tell tells the endpoint something of the world.
func (l *lab) tell(path string, body any) {
	l.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		l.Fatal(err)
	}
	l.admin(http.MethodPost, path, string(data))
}

// ask calls a service of the JSON protocol as its clients do.
func (l *lab) ask(service, target string, in map[string]any) (out map[string]any, code string) {
	l.Helper()
	data, _ := json.Marshal(in)
	r, _ := http.NewRequestWithContext(l.Context(), http.MethodPost, l.url, bytes.NewReader(data))
	r.Header.Set("X-Amz-Target", target)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20261130/eu-central-1/"+service+"/aws4_request, Signature=x")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		l.Fatal(err)
	}
	defer answer.Body.Close()
	_ = json.NewDecoder(answer.Body).Decode(&out)
	if answer.StatusCode >= 300 {
		return out, answer.Header.Get("X-Amzn-Errortype")
	}
	return out, ""
}

// trail looks events up, and waits as long as CloudTrail says that it is asked too
// often.
func (l *lab) trail(in map[string]any) []map[string]any {
	l.Helper()
	for range 50 {
		out, code := l.ask("cloudtrail", "CloudTrail_20131101.LookupEvents", in)
		if code == "ThrottlingException" {
			time.Sleep(200 * time.Millisecond)
			continue
		}
		if code != "" {
			l.Fatalf("LookupEvents: %s", code)
		}
		var records []map[string]any
		for _, e := range out["Events"].([]any) {
			var r map[string]any
			if err := json.Unmarshal([]byte(e.(map[string]any)["CloudTrailEvent"].(string)), &r); err != nil {
				l.Fatal(err)
			}
			records = append(records, r)
		}
		return records
	}
	l.Fatal("CloudTrail never answers")
	return nil
}

func by(key, value string) map[string]any {
	return map[string]any{"LookupAttributes": []map[string]any{{"AttributeKey": key, "AttributeValue": value}}}
}

func TestCloudTrailTellsWhatCloudFormationWasRefused(t *testing.T) {
	l := newLab(t, localaws.Config{})
	l.tell("faults", map[string]any{"service": "resource", "action": "AWS::SNS::Topic:Create", "code": "AccessDenied", "message": "no right to sns:CreateTopic"})
	l.create("s", `{"Resources": {"T": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "news"}}}}`, "ROLLBACK_COMPLETE")
	found := l.trail(by("EventName", "CreateTopic"))
	if len(found) != 1 || found[0]["errorCode"] != "AccessDenied" || found[0]["errorMessage"] != "no right to sns:CreateTopic" || found[0]["sourceIPAddress"] != "cloudformation.amazonaws.com" {
		t.Fatalf("records: %v", found)
	}
	if user := found[0]["userIdentity"].(map[string]any); user["arn"] != "arn:aws:iam::123456789012:user/local" || user["invokedBy"] != "cloudformation.amazonaws.com" {
		t.Errorf("who called: %v", user)
	}
}

func TestCloudTrailTellsLateAndTwiceASecond(t *testing.T) {
	l := newLab(t, localaws.Config{})
	l.ask("ssm", "AmazonSSM.PutParameter", map[string]any{"Name": "/p", "Value": "1", "Type": "String"})
	if n := len(l.trail(by("ResourceName", "/p"))); n != 1 {
		t.Errorf("%d events of the parameter", n)
	}
	l.tell("trail", map[string]any{"delay": "10m"})
	if n := len(l.trail(by("ResourceName", "/p"))); n != 0 {
		t.Errorf("%d events are told too early", n)
	}
	refused := 0
	for range 6 {
		if _, code := l.ask("cloudtrail", "CloudTrail_20131101.LookupEvents", by("ResourceName", "/p")); code == "ThrottlingException" {
			refused++
		}
	}
	if refused < 3 {
		t.Errorf("six look-ups at once, and only %d were throttled", refused)
	}
}

func TestAHookRefusesAResourceAndExplainsItself(t *testing.T) {
	l := newLab(t, localaws.Config{})
	l.tell("hooks", map[string]any{"stack": "s", "resource": "T", "type": "Org::Guard", "annotations": []map[string]any{{"AnnotationName": "R1", "Status": "FAILED", "RemediationMessage": "encrypt"}}})
	l.create("s", `{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}`, "ROLLBACK_COMPLETE")
	var id string
	for _, e := range l.events("s") {
		if e.HookStatus == types.HookStatusHookCompleteFailed {
			id = aws.ToString(e.HookInvocationId)
		}
	}
	out, err := l.cfn.GetHookResult(t.Context(), &cloudformation.GetHookResultInput{HookResultId: &id})
	if err != nil || len(out.Annotations) != 1 || aws.ToString(out.Annotations[0].RemediationMessage) != "encrypt" {
		t.Fatalf("its result: %+v, %v", out, err)
	}
	if n := l.happened("s", "T CREATE_FAILED The following hook(s) failed: [Org::Guard]"); n != 1 {
		t.Errorf("history:\n%s", strings.Join(l.history("s"), "\n"))
	}
	// It said so once.
	l.remove("s", "DELETE_COMPLETE")
	l.create("s", `{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}`, "CREATE_COMPLETE")
}

func TestAHookRefusesAChangeSet(t *testing.T) {
	l := newLab(t, localaws.Config{})
	l.tell("hooks", map[string]any{"stack": "s", "type": "Org::Plan"})
	cs := l.changeSet("s", "c", `{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}`, types.ChangeSetTypeCreate)
	if cs.Status != types.ChangeSetStatusFailed || !strings.Contains(aws.ToString(cs.StatusReason), "failed: [Org::Plan]") {
		t.Fatalf("the change set is %s: %s", cs.Status, aws.ToString(cs.StatusReason))
	}
	out, err := l.cfn.ListHookResults(t.Context(), &cloudformation.ListHookResultsInput{TargetType: types.ListHookResultsTargetTypeChangeSet, TargetId: cs.ChangeSetId})
	if err != nil || len(out.HookResults) != 1 || out.HookResults[0].Status != types.HookStatusHookCompleteFailed {
		t.Errorf("its results: %+v, %v", out, err)
	}
}

func TestACustomResourceFailsAsItsFunctionSays(t *testing.T) {
	l := newLab(t, localaws.Config{})
	l.create("s", `{"Resources": {"C": {"Type": "Custom::LocalTest", "Properties": {"ServiceToken": "arn:aws:lambda:eu-central-1:123456789012:function:f", "FailOn": "Create", "Message": "no database"}}}}`, "ROLLBACK_COMPLETE")
	if n := l.happened("s", "C CREATE_FAILED Received response status [FAILED] from custom resource. Message returned: no database (RequestId: "); n != 1 {
		t.Errorf("history:\n%s", strings.Join(l.history("s"), "\n"))
	}
}

func TestLogsAreReadFromTheirEnd(t *testing.T) {
	l := newLab(t, localaws.Config{})
	logs := func(action string, in map[string]any) (map[string]any, string) {
		return l.ask("logs", "Logs_20140328."+action, in)
	}
	if _, code := logs("FilterLogEvents", map[string]any{"logGroupName": "g"}); code != "ResourceNotFoundException" {
		t.Errorf("a group that is not there: %q", code)
	}
	logs("CreateLogGroup", map[string]any{"logGroupName": "g"})
	logs("CreateLogStream", map[string]any{"logGroupName": "g", "logStreamName": "s"})
	if _, code := logs("PutLogEvents", map[string]any{"logGroupName": "g", "logStreamName": "x", "logEvents": []any{}}); code != "ResourceNotFoundException" {
		t.Errorf("a stream that is not there: %q", code)
	}
	logs("PutLogEvents", map[string]any{"logGroupName": "g", "logStreamName": "s", "logEvents": []map[string]any{{"timestamp": 1, "message": "a"}, {"timestamp": 2, "message": "b"}, {"timestamp": 3, "message": "c"}}})
	out, _ := logs("GetLogEvents", map[string]any{"logGroupName": "g", "logStreamName": "s", "limit": 2, "startFromHead": false})
	if events := out["events"].([]any); len(events) != 2 || events[0].(map[string]any)["message"] != "b" {
		t.Errorf("the last two: %v", events)
	}
	out, _ = logs("FilterLogEvents", map[string]any{"logGroupName": "g", "startTime": 2, "endTime": 3})
	if events := out["events"].([]any); len(events) != 1 || events[0].(map[string]any)["message"] != "b" {
		t.Errorf("from 2 to before 3: %v", events)
	}
	logs("DeleteLogGroup", map[string]any{"logGroupName": "g"})
	logs("CreateLogGroup", map[string]any{"logGroupName": "g"})
	if out, _ = logs("FilterLogEvents", map[string]any{"logGroupName": "g"}); len(out["events"].([]any)) != 0 {
		t.Error("a group that was made anew has the lines of the one before")
	}
}
