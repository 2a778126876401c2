package controller

import "awscdk.dev/operator/internal/problem"

// What the controller itself meets: objects that the spec names and that are
// missing, closed to it or incomplete. They wait for somebody to put them right.
var (
	errSecretNotFound           = problem.Declare("SecretNotFound", problem.Waits)
	errSecretUnreadable         = problem.Declare("SecretUnreadable", problem.Waits)
	errSecretIncomplete         = problem.Declare("SecretIncomplete", problem.Waits)
	errConfigMapNotFound        = problem.Declare("ConfigMapNotFound", problem.Waits)
	errConfigMapUnreadable      = problem.Declare("ConfigMapUnreadable", problem.Waits)
	errConfigMapIncomplete      = problem.Declare("ConfigMapIncomplete", problem.Waits)
	errServiceAccountNotFound   = problem.Declare("ServiceAccountNotFound", problem.Waits)
	errServiceAccountForbidden  = problem.Declare("ServiceAccountForbidden", problem.Waits)
	errServiceAccountIncomplete = problem.Declare("ServiceAccountIncomplete", problem.Waits)
	errOwnIdentityRefused       = problem.Declare("OperatorIdentityRefused", problem.Waits)
	errVariableRefused          = problem.Declare("VariableRefused", problem.Waits)
	errOutputMissing            = problem.Declare("OutputMissing", problem.Waits)
	errInputsChanged            = problem.Declare("InputsChanged", problem.Waits)

	errFluxNotInstalled = problem.Declare("FluxNotInstalled", problem.Waits)
	errSourceNotFound   = problem.Declare("SourceNotFound", problem.Waits)
	errSourceUnreadable = problem.Declare("SourceUnreadable", problem.Waits)
	errSourceMoved      = problem.Declare("SourceMoved", problem.Retries)
)

// judged makes a problem of any error; nil stays nil.
func judged(err error) error {
	if err == nil {
		return nil
	}
	return problem.Of(err)
}

// waits judges an error of a look at a source, or of the executor: whatever it
// is, somebody may put it right outside, so it is tried again for ever.
func waits(err error) error {
	if err == nil {
		return nil
	}
	return problem.Of(err).With(problem.Waits)
}
