package decide

import "strings"

// What a stack's status means; the words are CloudFormation's, see
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html

// inProgress says that CloudFormation is at work and that the stack takes no
// other order. REVIEW_IN_PROGRESS is not: such a stack only holds change sets.
func inProgress(status string) bool {
	return strings.HasSuffix(status, "_IN_PROGRESS") && status != statusReview
}

// healthy says that the last operation on the stack brought about what it was
// to.
func healthy(status string) bool {
	switch status {
	case "CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE":
		return true
	}
	return false
}

// updatable says that a change set of type UPDATE may be made.
func updatable(status string) bool {
	switch status {
	case statusRolledBack, "IMPORT_ROLLBACK_COMPLETE":
		return true
	}
	return healthy(status)
}

// rolledBackCreation says that the creation of the stack was rolled back,
// nothing can be done with it but to delete it, and nothing is lost thereby.
func rolledBackCreation(status string) bool { return status == "ROLLBACK_COMPLETE" }

const (
	statusReview         = "REVIEW_IN_PROGRESS"
	statusRollbackFailed = "UPDATE_ROLLBACK_FAILED"
	statusRolledBack     = "UPDATE_ROLLBACK_COMPLETE"
	statusUpdating       = "UPDATE_IN_PROGRESS"
	statusCleaning       = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
	statusUpdateFailed   = "UPDATE_FAILED"
	statusCreateFailed   = "CREATE_FAILED"
	statusDeleting       = "DELETE_IN_PROGRESS"
	statusDeleteFailed   = "DELETE_FAILED"
	changeSetComplete    = "CREATE_COMPLETE"
	changeSetFailed      = "FAILED"
	executionAvailable   = "AVAILABLE"
	executionObsolete    = "OBSOLETE"
	executionInProgress  = "EXECUTE_IN_PROGRESS"
	executionComplete    = "EXECUTE_COMPLETE"
	executionFailed      = "EXECUTE_FAILED"
	detectionFailed      = "DETECTION_FAILED"
	// detectionPending: of a nested stack the detection could not begin yet.
	detectionPending  = "DETECTION_PENDING"
	detectionComplete = "DETECTION_COMPLETE"
)
