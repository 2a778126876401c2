package report

import (
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
)

func TestALongNoteIsCutAtACharacter(t *testing.T) {
	recorder := events.NewFakeRecorder(10)
	r := Reporter{Recorder: recorder, Metrics: NewMetrics(prometheus.NewRegistry(), "test", time.Now), Log: slog.New(slog.DiscardHandler)}
	for _, lead := range []string{"", "a", "aa", "aaa"} {
		before, after := &v1alpha1.CdkTsStack{}, &v1alpha1.CdkTsStack{}
		after.Status.Conditions = []metav1.Condition{{
			Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: "SecretNotFound", Message: lead + strings.Repeat("🚀", 400),
		}}
		r.Report(before, after, decide.Observed{})
		if got := <-recorder.Events; !utf8.ValidString(got) || len(got) > maxNote+len("Warning SecretNotFound ") || len(got) < maxNote {
			t.Errorf("the event has %d bytes, whole characters: %t", len(got), utf8.ValidString(got))
		}
	}
}

func TestANewPlanIsToldOnceWithTheWorstByName(t *testing.T) {
	before, after := &v1alpha1.CdkTsStack{}, &v1alpha1.CdkTsStack{}
	after.Status.Changes = &v1alpha1.Changes{
		Operation: "op-1", Summary: "1 to replace, 8 to add", ChangeCounts: v1alpha1.ChangeCounts{DataLoss: 1}, Omitted: 2,
		Resources: []v1alpha1.ResourceChange{{Action: v1alpha1.ChangeReplace, LogicalID: "Users", Type: "AWS::DynamoDB::Table"}},
	}
	for range 6 {
		after.Status.Changes.Resources = append(after.Status.Changes.Resources, v1alpha1.ResourceChange{Action: v1alpha1.ChangeAdd, LogicalID: "T", Type: "AWS::SNS::Topic"})
	}
	told := Between(before, after)
	if len(told) != 1 || told[0].Reason != "ChangesPlanned" || !told[0].Warning ||
		!strings.HasPrefix(told[0].Note, "1 to replace, 8 to add; replace Users (AWS::DynamoDB::Table); add T") || !strings.HasSuffix(told[0].Note, "; and 4 more") {
		t.Errorf("events %+v", told)
	}
	if again := Between(after, after.DeepCopy()); len(again) != 0 {
		t.Errorf("told again: %+v", again)
	}
}

func TestAPlanThatPassesAFreezeWithoutAnswerIsToldOnce(t *testing.T) {
	before, after := &v1alpha1.CdkTsStack{}, &v1alpha1.CdkTsStack{}
	before.Status.Operation = &v1alpha1.Operation{ID: "cdk-deploy-1", Kind: v1alpha1.OperationDeploy, Step: v1alpha1.StepPlanning, Target: &v1alpha1.Target{}}
	after.Status.Operation = &v1alpha1.Operation{ID: "cdk-deploy-1", Kind: v1alpha1.OperationDeploy, Step: v1alpha1.StepExecuting, Target: &v1alpha1.Target{}, FreezeErrors: "incidents: it hangs"}
	told := Between(before, after)
	if len(told) != 1 || told[0].Reason != "FreezeUnanswered" || !told[0].Warning || !strings.Contains(told[0].Note, "incidents: it hangs") {
		t.Errorf("events %+v", told)
	}
	if again := Between(after, after.DeepCopy()); len(again) != 0 {
		t.Errorf("told again: %+v", again)
	}
}

func TestADeploymentThatHadToWaitDoesNotStartAgain(t *testing.T) {
	op := &v1alpha1.Operation{ID: "cdk-deploy-1", Kind: v1alpha1.OperationDeploy, Step: v1alpha1.StepExecuting, Target: &v1alpha1.Target{Revision: "aaaa"}}
	before, after := &v1alpha1.CdkTsStack{}, &v1alpha1.CdkTsStack{}
	before.Status.Held, after.Status.Operation = op, op
	if told := Between(before, after); len(told) != 0 {
		t.Errorf("it goes on after its plan waited, and the events are %+v", told)
	}
	before.Status.Held = &v1alpha1.Operation{ID: "cdk-deploy-0", Kind: v1alpha1.OperationDeploy}
	if told := Between(before, after); len(told) != 1 || told[0].Reason != "StackDeployStart" {
		t.Errorf("another one begins, and the events are %+v", told)
	}
}
