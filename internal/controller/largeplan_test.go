package controller_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
)

// nestedTopics is a template of nested stacks, as CloudFormation takes no more than
// 500 resources in one, each with topics of a display name.
func (w *world) nestedTopics(bucket string, stacks, topics int, displayName string) map[string]any {
	w.Helper()
	inner := map[string]any{}
	for i := range topics {
		inner[fmt.Sprintf("ProductionServiceHandler%03dTopic", i)] = topic(displayName)
	}
	url := w.aws.Put(w, bucket, displayName+".json", template(w, inner))
	root := map[string]any{}
	for i := range stacks {
		root[fmt.Sprintf("Part%d", i)] = map[string]any{"Type": "AWS::CloudFormation::Stack", "Properties": map[string]any{"TemplateURL": url}}
	}
	return root
}

// TestAPlanOfTwoThousandChangesIsTold within bounds, and waits as any other.
func TestAPlanOfTwoThousandChangesIsTold(t *testing.T) {
	w := newWorld(t)
	const bucket = "templates-of-nested-stacks"
	w.aws.Bucket(t, bucket)
	w.commit(w.nestedTopics(bucket, 5, 400, "one"))
	w.manage()
	obj := w.stack("web")
	obj.Spec.Approval = &v1alpha1.Approval{Required: v1alpha1.ApprovalOnNewCommit}
	w.create(obj)
	w.untilReady("web")
	w.commit(w.nestedTopics(bucket, 5, 400, "two"))
	w.edit("web", `{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}}}`)
	held := w.until("web", "the plan waits", because("ApprovalPending"))
	const all = 2000 + 5
	c := held.Status.Changes
	if c.Modify != all || c.Unseen || len(c.Resources)+int(c.Omitted) != all {
		t.Errorf("%d to modify, %d told and %d omitted, unseen: %t; want %d", c.Modify, len(c.Resources), c.Omitted, c.Unseen, all)
	}
	if data, err := json.Marshal(held.Status); err != nil || len(data) > 64<<10 {
		t.Errorf("the status takes %d bytes, %v", len(data), err)
	}
	m, whole := w.details("web-plan")
	if text := m.Data[v1alpha1.PlanDetailsKey]; len(whole.Resources)+int(whole.Omitted) != all || len(text) > 1<<20 || !strings.Contains(text, "after: two") {
		t.Errorf("the whole tells %d and omits %d, in %d bytes", len(whole.Resources), whole.Omitted, len(text))
	}
	w.onlyOnce("ExecuteChangeSet", 1)
}
