package controller_test

import (
	"strings"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// details are the plan's ConfigMap and what is in it.
func (w *world) details(name string) (corev1.ConfigMap, v1alpha1.PlanDetails) {
	w.Helper()
	var m corev1.ConfigMap
	w.must(w.client.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, &m))
	var d v1alpha1.PlanDetails
	w.must(yaml.UnmarshalStrict([]byte(m.Data[v1alpha1.PlanDetailsKey]), &d))
	return m, d
}

func TestAPlanIsShownAsAWholeAndExecutedOnlyWhenItMay(t *testing.T) {
	w := newWorld(t)
	w.commitFiles(map[string]string{"template.json": `{"Parameters": {"Pin": {"Type": "String", "NoEcho": true, "Default": "hunter1"}}, "Resources": {
		"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": "one"}, "Metadata": {"aws:cdk:path": "Web/Topic"}},
		"Hidden": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": {"Ref": "Pin"}}},
		"Literal": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "{\"password\":\"hunter2\"}"}}}}`})
	w.manage()
	obj := w.stack("web")
	obj.Spec.PlanOnly = true
	w.create(obj)
	held := w.until("web", "the plan is shown", because("PlanOnly"))
	if n := w.aws.Succeeded(t, "ExecuteChangeSet"); n != 0 {
		t.Fatalf("%d change sets were executed", n)
	}
	m, d := w.details("web-plan")
	if held.Status.Changes.DetailsConfigMap != m.Name || d.Digest != held.Status.Changes.Digest || d.Operation != held.Status.Held.ID || len(d.Resources) != 3 {
		t.Errorf("the details are of another plan: %+v of %+v", d, held.Status.Changes)
	}
	if owner := metav1.GetControllerOf(&m); owner == nil || owner.UID != held.UID || m.Labels["app.kubernetes.io/managed-by"] != "awscdk-operator" {
		t.Errorf("it does not belong to the object: %+v", m.ObjectMeta)
	}
	if text := m.Data[v1alpha1.PlanDetailsKey]; strings.Contains(text, "hunter") || !strings.Contains(text, "after: one") {
		t.Errorf("the details show\n%s", text)
	}
	version := m.ResourceVersion
	w.edit("web", `{"spec":{"planOnly":false}}`)
	done := w.untilReady("web")
	if m, _ := w.details("web-plan"); m.ResourceVersion != version {
		t.Error("the details of the same plan were written again")
	}
	if got := done.Status.History[0]; got.Counts == nil || got.Counts.Add != 3 || got.Trigger != "FirstDeployment" || got.Ref != "main" {
		t.Errorf("history: %+v", got)
	}
	w.commitFiles(map[string]string{"template.json": `{"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": "two"}, "Metadata": {"aws:cdk:path": "Web/Topic"}}}}`})
	w.edit("web", `{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}}}`)
	done = w.until("web", "the second plan is deployed", func(o *v1alpha1.CdkTsStack) bool { return ready(o) && len(o.Status.History) == 2 })
	_, d = w.details("web-plan")
	if d.Digest != done.Status.Changes.Digest || len(d.Resources) != 3 || d.NoValues != "" {
		t.Fatalf("the details of the second plan: %+v", d)
	}
	for _, r := range d.Resources {
		if r.LogicalID == "Topic" && (len(r.Values) != 1 || *r.Values[0].Before != "one" || *r.Values[0].After != "two" || r.Path != "Web/Topic") {
			t.Errorf("the topic: %+v", r)
		}
	}
}

func TestAConfigMapOfSomebodyElseIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	w.must(w.client.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "web-plan"}, Data: map[string]string{"mine": "yes"}}))
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	w.create(w.stack("web"))
	w.untilReady("web")
	w.hasEvent("web", "PlanNotKept")
	var m corev1.ConfigMap
	w.must(w.client.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "web-plan"}, &m))
	if len(m.Data) != 1 || m.Data["mine"] != "yes" {
		t.Errorf("it was changed: %+v", m.Data)
	}
}

func TestAPlanThatWaitsIsMadeAgainWhenTheStackIsUpdatedByHand(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	obj := w.stack("web")
	obj.Spec.Approval = &v1alpha1.Approval{Required: v1alpha1.ApprovalOnNewCommit}
	w.create(obj)
	w.untilReady("web")
	w.commit(map[string]any{"Topic": topic("two")})
	w.edit("web", `{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}}}`)
	held := w.until("web", "the plan waits", because("ApprovalPending"))
	first := held.Status.Changes.Digest
	_, err := w.cfn().UpdateStack(t.Context(), &cloudformation.UpdateStackInput{StackName: &held.Status.StackID, TemplateBody: ptr.To(template(t, map[string]any{"Topic": topic("by hand")}))})
	w.must(err)
	awstest.Eventually(t, "the update by hand ends", func() bool {
		out, err := w.cfn().DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: &held.Status.StackID})
		w.must(err)
		return out.Stacks[0].StackStatus == types.StackStatusUpdateComplete
	})
	w.edit("web", `{"metadata":{"annotations":{"awscdk.dev/approve":"`+first+`"}}}`)
	again := w.until("web", "another plan waits", func(o *v1alpha1.CdkTsStack) bool {
		return o.Status.Held != nil && o.Status.Changes.Operation == o.Status.Held.ID && o.Status.Changes.Digest != first
	})
	contains(t, again.Status.History[0].Message, "made again")
	if n := w.aws.Succeeded(t, "ExecuteChangeSet"); n != 1 {
		t.Errorf("%d change sets were executed, want that of the first deployment", n)
	}
	awstest.Eventually(t, "the new plan is told", func() bool {
		n := 0
		for _, e := range w.events("web") {
			if e.Reason == "ChangesPlanned" {
				n++
			}
		}
		return n == 3
	})
}
