package cdk

import (
	"fmt"
	"strings"

	"awscdk.dev/operator/internal/problem"
)

// The problems of the toolchain, told to the person who can fix them. Context
// errors and *proc.ExitError are found in them.
var (
	ErrInvalidProjectPath = problem.InvalidProjectPath
	ErrMissingLockFile    = problem.Declare("MissingLockFile", problem.Stalls)
	ErrInstallFailed      = problem.Declare("InstallFailed", problem.Retries)
	ErrSynthFailed        = problem.Declare("SynthFailed", problem.Retries)
	ErrAssemblyInvalid    = problem.Declare("AssemblyInvalid", problem.Stalls)
	ErrStackNotInApp      = problem.Declare("StackNotInApp", problem.Stalls)
	ErrStackAmbiguous     = problem.Declare("StackAmbiguous", problem.Stalls)
	ErrWrongEnvironment   = problem.Declare("WrongEnvironment", problem.Stalls)
	ErrNotSupported       = problem.NotSupported
	ErrEmptyStack         = problem.Declare("EmptyStack", problem.Stalls)
	ErrTemplateTooLarge   = problem.TemplateTooLarge
	ErrCredentialsInvalid = problem.CredentialsInvalid
)

// stalls is a problem that only a change of the repository or spec fixes.
func stalls(kind *problem.Kind, format string, args ...any) *problem.Problem {
	p := kind.New(format, args...)
	p.Message, p.Outlook = problem.Cut(p.Message, problem.MaxMessage), problem.Stalls
	return p
}

// list names things for a message, a bounded number of them.
func list(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
