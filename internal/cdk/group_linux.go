package cdk

import "syscall"

// ownGroup makes a child lead a process group of its own and die with the
// run: a runner that is killed outright leaves nothing that it started itself.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
