package cdk

import (
	"os"
	"syscall"
)

// openQuietly opens a file of the checkout without a trace in its access time,
// which tells what the build itself has read.
func openQuietly(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOATIME, 0)
	if os.IsPermission(err) { // another's file: see open(2)
		return os.Open(path)
	}
	return f, err
}
