package decide

import (
	"awscdk.dev/operator/api/v1alpha1"
)

// The table is filled here and not where it is declared, since its functions
// read it.
func init() {
	kinds = map[v1alpha1.OperationKind]kind{
		v1alpha1.OperationDeploy: {
			word: "deploy", phase: v1alpha1.PhaseDeploying, before: BeforeDeploy, after: AfterDeploy,
			follow: followDeploy,
			steps: map[v1alpha1.OperationStep]row{
				v1alpha1.StepBuilding:  {runs: true, hook: BeforeDeploy, tentative: true, phase: v1alpha1.PhaseCloning, sentence: "building", follow: build},
				v1alpha1.StepPlanning:  {needs: []need{needChanges, needBootstrap, needRival}, tentative: true, sentence: "creating the change set", follow: plan},
				v1alpha1.StepClearing:  {needs: []need{needEvents}, token: "-clear", sentence: "deleting a stack whose creation had failed", follow: clearFailedCreation},
				v1alpha1.StepUnwedging: {needs: []need{needEvents}, token: "-continue", sentence: "continuing a rollback that had failed", follow: unwedge},
				v1alpha1.StepExecuting: {needs: []need{needChangeSet, needEvents, needRollouts}, sentence: "executing the change set", follow: execute},
				v1alpha1.StepVerifying: {asks: true, sentence: "verifying", follow: verify},
				v1alpha1.StepAfterHook: {runs: true, run: "-after", hook: AfterDeploy, follow: verify},
				// The run is that of the step after it, which goes on with what began here.
				v1alpha1.StepMonitoring: {needs: []need{needEvents}, asks: true, runs: true, run: "-after", hook: AfterDeploy, sentence: "the resources are done and CloudFormation monitors the update", follow: monitor},
				v1alpha1.StepCancelling: {needs: []need{needEvents}, token: "-cancel", sentence: "cancelling the update, which failed its verification", follow: cancelling},
			},
		},
		v1alpha1.OperationRollback: rollbackKind(),
		v1alpha1.OperationDestroy: {
			word: "destroy", phase: v1alpha1.PhaseDeleting, before: BeforeDestroy, after: AfterDestroy,
			follow: followDestroy,
			steps: map[v1alpha1.OperationStep]row{
				v1alpha1.StepBeforeHook: {runs: true, run: "-before", hook: BeforeDestroy, follow: mayDestroy},
				v1alpha1.StepDeleting:   {needs: []need{needEvents, needRival}, sentence: "deleting the stack", follow: followDeletion},
				v1alpha1.StepAfterHook:  {runs: true, run: "-after", hook: AfterDestroy, follow: afterDestroy},
			},
		},
		v1alpha1.OperationDriftCheck: {
			word: "drift", background: true, phase: v1alpha1.PhaseDriftChecking, before: BeforeDriftDetection, after: AfterDriftDetection,
			follow: followDriftCheck,
			steps: map[v1alpha1.OperationStep]row{
				v1alpha1.StepBeforeHook: {runs: true, run: "-before", hook: BeforeDriftDetection, follow: beforeDetection},
				v1alpha1.StepDetecting:  {needs: []need{needDrift}, sentence: "looking for drift", follow: followDetection},
				v1alpha1.StepAfterHook:  {runs: true, run: "-after", hook: AfterDriftDetection, follow: endDriftCheck},
			},
		},
		v1alpha1.OperationRevert: revertKind(),
		v1alpha1.OperationGitSync: {
			word: "git", background: true, phase: v1alpha1.PhaseGitSyncChecking, before: BeforeGitSync, after: AfterGitSync,
			follow: followGitSync,
			steps: map[v1alpha1.OperationStep]row{
				v1alpha1.StepBeforeHook: {runs: true, run: "-before", hook: BeforeGitSync, follow: beforeGitSync},
				v1alpha1.StepInspecting: {runs: true, run: "-read", sentence: "reading the commit", follow: inspected},
				v1alpha1.StepAfterHook:  {runs: true, run: "-after", hook: AfterGitSync, follow: afterGitSync},
			},
		},
	}
}

// followOperation goes on with what is in flight. When that ends, it does not
// speak, so that the rules below it start what comes next in the same pass.
func followOperation(p *pass) bool {
	op := p.st.Operation
	if op == nil {
		return false
	}
	if k, known := kinds[op.Kind]; known {
		return k.follow(p, op)
	}
	return p.unknown(op)
}
