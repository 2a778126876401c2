package cdk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"

	"awscdk.dev/operator/internal/problem"
)

// unmatched is what the CLI says when no stack is of the name that it was
// given. The assembly is complete then.
var unmatched = []string{"No stacks match the name(s)", "This app contains no stacks"}

// plainPath is a construct path that means nothing else as a pattern.
var plainPath = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_./ -]*$`)

// selection are the arguments that have the CLI tell the app to bundle only
// the assets of a stack and of the stacks nested in it, as `cdk deploy
// --exclusively` does. There are none for all stacks, and for a path that
// the CLI would read as a pattern.
func selection(path string) []string {
	if !plainPath.MatchString(path) {
		return nil
	}
	return []string{path, path + "/**", "--exclusively"}
}

// expected is the construct path that the stack most likely has: what it was
// the last time, else the name itself.
func (s *synthesis) expected() string {
	if path := s.Cache.noted(s.pathOf(), s.Now()); path != "" {
		return path
	}
	return s.Stack
}

// pathOf is what the construct path of the stack most likely follows from.
func (s *synthesis) pathOf() fact { return factOf("path", "@"+s.Dependencies, s.rel, s.Stack) }

// everything has no arguments of its own: all stacks are bundled.
const everything = "**"

// bundled tells whether the assets of the stack were bundled. If they were
// not, what is to be bundled is known from now on: the stack, when its name is
// not its construct path, or everything, when it refers to another's assets.
func (s *synthesis) bundled() bool {
	if s.ready || selection(s.bundle) == nil {
		return true
	}
	assembly, err := ReadAssembly(s.out)
	if err != nil {
		return true // whoever reads it next says so
	}
	stack, err := assembly.FindIn(s.Stack, Environment{Account: s.Account, Region: s.Region})
	switch {
	case err != nil:
		return true
	case stack.refersToOthers():
		s.bundle = everything
	case stack.DisplayName != s.bundle:
		s.bundle = stack.DisplayName
	default:
		return true
	}
	s.Cache.note(s.pathOf(), s.bundle, s.Now())
	return false
}

// shortestHash is less than any id of an asset has: those are hashes.
const shortestHash = 16

// refersToOthers tells whether the stack's template names an asset that only
// other stacks publish: its hash may be another when it is bundled.
func (s *Stack) refersToOthers() bool {
	template, err := readBounded(s.TemplateFile, maxManifest)
	if err != nil {
		return false
	}
	own := s.assets()
	for _, other := range s.assembly.stacks {
		for id := range other.assets() {
			if len(id) >= shortestHash && !own[id] && bytes.Contains(template, []byte(id)) {
				return true
			}
		}
	}
	return false
}

// assets are the ids of the files that a stack publishes.
func (s *Stack) assets() map[string]bool {
	ids := map[string]bool{}
	for _, path := range s.AssetManifests {
		var m struct {
			Files map[string]json.RawMessage `json:"files"`
		}
		if content, err := readBounded(path, maxManifest); err == nil && json.Unmarshal(content, &m) == nil {
			for id := range m.Files {
				ids[id] = true
			}
		}
	}
	return ids
}

var (
	// absent is what Node.js says of a program that is not on PATH.
	absent = regexp.MustCompile(`spawnSync (\S+) ENOENT`)
	// unknown is what a shell says of one.
	unknown = regexp.MustCompile(`(?m)^(?:/bin/)?(?:ba)?sh: (?:\d+: |line \d+: )?([^\s:]+): (?:command )?not found$`)
	// bundling names the asset that was being bundled.
	bundling = regexp.MustCompile(`Failed to bundle asset ([^\s,]+)`)
)

// lacking tells which program the app needs that is not there, or "".
func lacking(tail, text string) string {
	program := ""
	if m := absent.FindStringSubmatch(text); m != nil {
		program = filepath.Base(m[1])
	} else if m := unknown.FindStringSubmatch(tail); m != nil && mentions(tail, []string{"Command failed: ", "Subprocess exited with error 127"}) {
		program = m[1] // and the app failed of it
	} else if mentions(tail, []string{"Cannot connect to the Docker daemon", "failed to connect to the docker API"}) {
		program = "docker"
	}
	asset := "an asset of the app"
	if m := bundling.FindStringSubmatch(text); m != nil {
		asset = "the asset " + problem.Cut(m[1], 200)
	}
	switch {
	case program == "":
		return ""
	case mentions(text, []string{"aws-lambda-nodejs", "NodejsFunction"}):
		return fmt.Sprintf("Bundling %s needs %s, and container builds are not supported. Add esbuild to the devDependencies of package.json and commit the lock file: a NodejsFunction is then bundled without a container.", asset, program)
	case mentions(program, []string{"docker", "podman", "finch", "nerdctl"}):
		return fmt.Sprintf("Bundling %s needs %s, and container builds are not supported. Let the asset be bundled locally (bundling.local), or build the files before the synthesis, for example in the hook beforeDeploy, and use the finished folder as the asset, without bundling.", asset, program)
	}
	return fmt.Sprintf("The app needs the program %s, which is not on the operator's PATH. Add it to the devDependencies of package.json, or install it where the operator runs.", program)
}
