//go:build unix && !linux

package cdk

import "os"

func openQuietly(path string) (*os.File, error) { return os.Open(path) }
