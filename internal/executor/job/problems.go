package job

import "awscdk.dev/operator/internal/problem"

// Why a run's pod is not there or does not begin. Those that a field of
// spec.runner can put right are of room: an edit of the spec tries again at once.
var (
	// errQuota is a ResourceQuota of the namespace without room for the run.
	errQuota = problem.DeclareRoom("QuotaExceeded", problem.Waits)
	// errServiceAccount is a service account that the namespace has not.
	errServiceAccount = problem.DeclareRoom("RunnerAccountNotFound", problem.Waits)
	// errPodRefused is an admission rule of the cluster that refuses the pod.
	errPodRefused = problem.DeclareRoom("PodRefused", problem.Waits)
	// errTerminating is a namespace that is being deleted: nothing can be made in it.
	errTerminating = problem.Declare("NamespaceTerminating", problem.Waits)
	// errInvalid is a Job that the API server does not take as it is written.
	errInvalid = problem.DeclareRoom("RunnerInvalid", problem.Waits)
	// errForbidden is a right that the operator itself lacks.
	errForbidden = problem.Declare("RunsForbidden", problem.Waits)
	// errTooLarge is a request that is beyond what a Secret holds.
	errTooLarge = problem.Declare("RunTooLarge", problem.Stalls)
	// errNameTaken is a Job or a Secret of the run's name that is not the run's.
	errNameTaken = problem.Declare("RunNameTaken", problem.Waits)
	// errUnschedulable is a pod that no node takes.
	errUnschedulable = problem.DeclareRoom("Unschedulable", problem.Waits)
	// errImage is an image that the node cannot pull.
	errImage = problem.DeclareRoom("ImageNotPulled", problem.Retries)
	// errNotStarted is a pod that its node cannot start: a volume, a Secret.
	errNotStarted = problem.DeclareRoom("PodNotStarted", problem.Retries)
	// errCacheClaim is a claim of the cache that is not there or not bound.
	errCacheClaim = problem.DeclareRoom("CacheClaimUnusable", problem.Waits)
	// errDisrupted is a pod that was taken away: its node was lost or drained, or
	// something more important needed the room.
	errDisrupted = problem.Declare("PodDisrupted", problem.Waits)
	// errDiskFull is a run that wrote more than its pod or its node has room for.
	errDiskFull = problem.DeclareRoom("RunDiskFull", problem.Retries)
	// errImageUnusable is an image that the run's program cannot be started in.
	errImageUnusable = problem.DeclareRoom("RunnerImageUnusable", problem.Retries)
	// errSuspended is a Job that somebody else has suspended.
	errSuspended = problem.Declare("JobSuspended", problem.Waits)
	// errNoPod is a Job of which nobody makes a pod.
	errNoPod = problem.Declare("JobNotStarted", problem.Waits)
)
