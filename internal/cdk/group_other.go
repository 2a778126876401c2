//go:build unix && !linux

package cdk

import "syscall"

// ownGroup makes a child lead a process group of its own.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
