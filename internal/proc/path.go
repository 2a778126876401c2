package proc

// NotOnPath says that a run has not got a tool that it needs, and what to do.
func NotOnPath(tool string) string {
	return tool + " is not on the operator's PATH: install it where the operator runs or, with the executor Job, use a runner image that has it (--runner-image)"
}
