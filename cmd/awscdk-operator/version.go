package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
)

// version is set by the linker for a release.
var version = ""

func runVersion(context.Context, []string) error {
	_, err := fmt.Fprintf(os.Stdout, "awscdk-operator %s %s %s/%s\n", versionString(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// versionString is the release, or the commit that was built, or "devel".
func versionString() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return "devel+" + s.Value[:min(len(s.Value), 12)]
		}
	}
	return "devel"
}
