package cdk

import (
	"os"
	"syscall"
)

// openQuietly opens a file or folder without a trace in its access time.
func openQuietly(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOATIME, 0)
	if os.IsPermission(err) { // another's file: see open(2)
		return os.Open(path)
	}
	return f, err
}
