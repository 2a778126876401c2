package executor

// HasControlGroups reports whether runs are put into control groups here.
func HasControlGroups() bool {
	b := findControlGroups("/sys/fs/cgroup").open(0)
	b.close()
	return b != ""
}
