package controller_test

import (
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"k8s.io/utils/ptr"
)

// leftChangeSets names the change sets of a stack that were not executed.
func (w *world) leftChangeSets(stack string) []string {
	w.Helper()
	out, err := w.cloudFormation().ListChangeSets(w.Context(), &cloudformation.ListChangeSetsInput{StackName: &stack})
	w.must(err)
	var left []string
	for _, s := range out.Summaries {
		if s.ExecutionStatus != types.ExecutionStatusExecuteComplete {
			left = append(left, aws.ToString(s.ChangeSetName)+" "+string(s.Status))
		}
	}
	return left
}

// noChangeSets waits until a stack has no change set that was not executed.
func (w *world) noChangeSets(stack string) {
	w.Helper()
	awstest.Eventually(w, "no change set is left", func() bool { return len(w.leftChangeSets(stack)) == 0 })
}

func TestNoEndOfAPlanningLeavesAChangeSetBehind(t *testing.T) {
	for name, hooks := range map[string]*v1alpha1.LifecycleHooks{"without hooks": nil, "with a verification": {AfterDeploy: ":"}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.commit(map[string]any{"Topic": topic("one")})
			w.manage()
			obj := w.stack("web")
			obj.Spec.LifecycleHooks = hooks
			obj.Spec.Actions = &v1alpha1.Actions{DriftDetection: ptr.To(false)}
			obj.Spec.Retry = &v1alpha1.Retry{Limit: ptr.To[int32](0)}
			w.create(obj)
			w.untilReady("web")

			w.editStatus("web", `{"status":{"phase":""}}`)
			w.until("web", "there was nothing to change", func(o *v1alpha1.CdkTsStack) bool {
				return ready(o) && len(o.Status.History) == 2 && o.Status.History[0].Outcome == v1alpha1.OutcomeUnchanged
			})
			w.noChangeSets("Stack-web")

			// CloudFormation refuses one change set, and the execution of another.
			w.commit(map[string]any{"Bad": map[string]any{"Type": "AWS::No::Such"}})
			w.editStatus("web", `{"status":{"phase":""}}`)
			w.until("web", "the template is refused", func(o *v1alpha1.CdkTsStack) bool { return len(o.Status.History) == 3 })
			w.noChangeSets("Stack-web")
			w.aws.Fault(t, awstest.Fault{Service: "cloudformation", Action: "ExecuteChangeSet", Code: "AccessDenied", Message: "not you", Status: 403, Count: 1000})
			w.commit(map[string]any{"Topic": topic("two")})
			w.editStatus("web", `{"status":{"phase":""}}`)
			w.until("web", "the execution is denied", because("AccessDenied"))
			w.noChangeSets("Stack-web")
			w.until("web", "nothing is left to delete", func(o *v1alpha1.CdkTsStack) bool { return len(o.Status.DiscardedChangeSets) == 0 })
		})
	}
}

func TestAChangeSetThatCannotBeDeletedNowIsDeletedLater(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]any{"Topic": topic("one")})
	w.manage()
	obj := w.stack("web")
	obj.Spec.Actions = &v1alpha1.Actions{DriftDetection: ptr.To(false)}
	w.create(obj)
	w.untilReady("web")
	w.aws.Fault(t, awstest.Fault{Service: "cloudformation", Action: "DeleteChangeSet", Code: "AccessDenied", Message: "not you", Status: 403, Count: 1})
	w.editStatus("web", `{"status":{"phase":""}}`)
	w.until("web", "the deletion was denied", func(o *v1alpha1.CdkTsStack) bool {
		return ready(o) && len(o.Status.DiscardedChangeSets) == 1 && o.Status.DiscardedChangeSets[0].Attempts == 1
	})
	w.pass(time.Minute)
	w.edit("web", `{"metadata":{"annotations":{"somebody":"looks"}}}`) // it wakes the object
	w.noChangeSets("Stack-web")
}
