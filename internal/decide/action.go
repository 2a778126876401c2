package decide

// Action is something to be done after the status was saved. Each may be
// repeated safely, since everything it does is named after the operation.
type Action string

// The actions.
const (
	ActNothing          Action = ""
	ActStartRun         Action = "StartRun"
	ActCreateChangeSet  Action = "CreateChangeSet"
	ActExecute          Action = "ExecuteChangeSet"
	ActProtect          Action = "SetTerminationProtection"
	ActContinueRollback Action = "ContinueUpdateRollback"
	ActDeleteStack      Action = "DeleteStack"
	ActDetectDrift      Action = "DetectDrift"
	// ActDeleteChangeSet deletes the first of the discarded change sets.
	ActDeleteChangeSet Action = "DeleteChangeSet"
	// ActAnswerRollout tells AWS what a person has ordered for a rollout, see
	// RolloutToAnswer.
	ActAnswerRollout Action = "AnswerRollout"
	// ActLetGo removes the finalizer: nothing is left to do for a deleted
	// object.
	ActLetGo Action = "LetGo"
)

// Tells says whether the success of an action is itself to be recorded, by
// another decision in the same pass.
func (a Action) Tells() bool {
	return a == ActExecute || a == ActDetectDrift || a == ActDeleteChangeSet || a == ActAnswerRollout
}
