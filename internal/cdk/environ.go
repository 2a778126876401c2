package cdk

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"awscdk.dev/operator/internal/proc"
)

// environ is an environment under construction; the last assignment wins.
type environ []string

// withoutSecrets drops what install scripts have no business to see: AWS and
// git credentials and the way to them.
func withoutSecrets(env []string) environ {
	return slices.DeleteFunc(slices.Clone(env), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		for _, prefix := range []string{"AWS_", "GIT_", "SSH_", "CDK_"} {
			if strings.HasPrefix(name, prefix) {
				return true
			}
		}
		return false
	})
}

// set sets a variable.
func (e environ) set(name, value string) environ {
	return append(e.unset(name), name+"="+value)
}

// with sets variables; NODE_OPTIONS are added to those that are there.
func (e environ) with(variables map[string]string) environ {
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		value := variables[name]
		if name == "NODE_OPTIONS" {
			value = strings.TrimSpace(e.get(name) + " " + value)
		}
		e = e.set(name, value)
	}
	return e
}

// offer sets a variable unless it has a value.
func (e environ) offer(name, value string) environ {
	if e.get(name) != "" {
		return e
	}
	return e.set(name, value)
}

// unset removes a variable.
func (e environ) unset(name string) environ {
	return slices.DeleteFunc(slices.Clone(e), func(entry string) bool { return strings.HasPrefix(entry, name+"=") })
}

// get returns the value, "" when there is none.
func (e environ) get(name string) string {
	for _, entry := range slices.Backward(e) {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// lookPath finds an executable on the environment's PATH; only absolute
// entries count, "" is not found.
func lookPath(name string, env []string) string {
	for _, dir := range filepath.SplitList(environ(env).get("PATH")) {
		if !filepath.IsAbs(dir) {
			continue
		}
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}

// findNode finds Node.js.
func findNode(env []string) (string, error) {
	if path := lookPath("node", env); path != "" {
		return path, nil
	}
	return "", ErrInstallFailed.Because(errors.New("node not found"), "%s", proc.NotOnPath("Node.js (node)")+".")
}
