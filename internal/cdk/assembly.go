package cdk

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"awscdk.dev/operator/internal/problem"
)

const (
	// maxManifest bounds each JSON file of an assembly, in bytes.
	maxManifest = 64 << 20
	// maxNesting bounds Stages in Stages.
	maxNesting = 16
	// maxListed bounds the names in a message.
	maxListed = 20
)

// Assembly is a cloud assembly: what a CDK app wrote at synthesis.
type Assembly struct {
	dir    string
	stacks []*Stack
	report validationReport
	// missing is the context that the app asked for and did not get.
	missing []missingContext
}

// ReadAssembly reads a cloud assembly and those of the Stages in it. The
// files are the work of user code: paths that lead out of the assembly are
// refused. Errors are *problem.Problem with reason AssemblyInvalid or SynthFailed.
func ReadAssembly(dir string) (*Assembly, error) {
	real, err := filepath.Abs(dir)
	if err == nil {
		real, err = filepath.EvalSymlinks(real)
	}
	if err != nil {
		return nil, stalls(ErrAssemblyInvalid, "The app wrote no cloud assembly. Check the app command in cdk.json.")
	}
	a := &Assembly{dir: real}
	if err := a.read(real, 0); err != nil {
		return nil, err
	}
	if err := readJSON(real, "validation-report.json", &a.report); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	a.link()
	return a, nil
}

// Stacks lists the stacks, those of Stages too, each after the stacks it needs.
func (a *Assembly) Stacks() []*Stack { return slices.Clone(a.stacks) }

// read reads one assembly and the nested ones.
func (a *Assembly) read(dir string, depth int) error {
	if depth > maxNesting {
		return stalls(ErrAssemblyInvalid, "The app nests Stages more than %d deep.", maxNesting)
	}
	var m assemblyManifest
	err := readJSON(dir, "manifest.json", &m)
	if errors.Is(err, fs.ErrNotExist) {
		return stalls(ErrAssemblyInvalid, "The app wrote no manifest.json. Does it end with app.synth(), and does the app command in cdk.json run it?")
	}
	if err != nil {
		return err
	}
	if err := m.check(); err != nil {
		return err
	}
	a.note(m.Missing)
	ids := make([]string, 0, len(m.Artifacts))
	for id := range m.Artifacts {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		if err := a.readArtifact(dir, id, m, depth); err != nil {
			return err
		}
	}
	return nil
}

// note collects what is missing. That of a Stage is in the manifests around it,
// too.
func (a *Assembly) note(missing []missingContext) {
	for _, m := range missing {
		if !slices.ContainsFunc(a.missing, func(other missingContext) bool { return other.Key == m.Key }) {
			a.missing = append(a.missing, m)
		}
	}
}

func (a *Assembly) readArtifact(dir, id string, m assemblyManifest, depth int) error {
	switch artifact := m.Artifacts[id]; artifact.Type {
	case typeAssembly:
		var nested nestedProperties
		if err := decode(id, artifact.Properties, &nested); err != nil {
			return err
		}
		sub, err := confined(dir, nested.DirectoryName)
		if err != nil {
			return err
		}
		return a.read(sub, depth+1)
	case typeStack:
		stack, err := readStack(dir, id, m)
		if err != nil {
			return err
		}
		stack.assembly = a
		a.stacks = append(a.stacks, stack)
	}
	return nil
}

// check refuses an assembly that is of a newer format.
func (m assemblyManifest) check() error {
	major, _, _ := strings.Cut(m.Version, ".")
	number, err := strconv.Atoi(major)
	if err != nil {
		return stalls(ErrAssemblyInvalid, "The cloud assembly's manifest.json has the version %q, which is none.", problem.Cut(m.Version, 40))
	}
	if number > assemblyMajor {
		needs := ""
		if m.MinimumCLIVersion != "" {
			needs = fmt.Sprintf(" (it needs a CDK CLI of %s or later)", problem.Cut(m.MinimumCLIVersion, 40))
		}
		return stalls(ErrAssemblyInvalid, "The cloud assembly has the schema version %s%s; this operator reads up to %d. Update the operator, or use an older aws-cdk-lib.", problem.Cut(m.Version, 40), needs, assemblyMajor)
	}
	return nil
}

// link turns artifact ids into stack names and puts the stacks in order.
func (a *Assembly) link() {
	var ordered []*Stack
	done := map[*Stack]bool{}
	var visit func(s *Stack)
	visit = func(s *Stack) {
		if done[s] {
			return
		}
		done[s] = true // before the children, so that a circle ends
		for _, other := range a.stacks {
			if other.scope == s.scope && slices.Contains(s.needs, other.ArtifactID) && other != s {
				visit(other)
				s.upstream = append(s.upstream, other)
				s.DependsOn = append(s.DependsOn, other.StackName)
			}
		}
		ordered = append(ordered, s)
	}
	for _, s := range a.stacks {
		visit(s)
	}
	a.stacks = ordered
}

// Find returns the stack of a name: its construct path (Stage/Stack), as the
// CLI does, else its artifact id, else its CloudFormation name. Errors are
// *problem.Problem: StackNotInApp lists what there is, StackAmbiguous what the name may
// mean.
func (a *Assembly) Find(name string) (*Stack, error) { return a.FindIn(name, Environment{}) }

// FindIn is Find, and when a name stands for several stacks, takes the one
// that is pinned to the environment.
func (a *Assembly) FindIn(name string, env Environment) (*Stack, error) {
	for _, nameOf := range []func(*Stack) string{
		func(s *Stack) string { return s.DisplayName },
		func(s *Stack) string { return s.ArtifactID },
		func(s *Stack) string { return s.StackName },
	} {
		found := slices.DeleteFunc(slices.Clone(a.stacks), func(s *Stack) bool { return nameOf(s) != name })
		here := slices.DeleteFunc(slices.Clone(found), func(s *Stack) bool { return s.pinnedElsewhere(env) })
		switch {
		case len(found) == 1:
			return found[0], nil
		case len(here) == 1:
			return here[0], nil
		case len(found) > 0:
			return nil, stalls(ErrStackAmbiguous, "The app has %d stacks called %q. Set spec.stackName to the id of the one to deploy: %s.", len(found), name, list(ids(found), maxListed))
		}
	}
	return nil, a.notFound(name)
}

func (a *Assembly) notFound(name string) error {
	if len(a.stacks) == 0 {
		return stalls(ErrStackNotInApp, "The app has no stacks at all, so none is called %q.", name)
	}
	return stalls(ErrStackNotInApp, "The app has no stack called %q. It has: %s. Set spec.stackName to one of them; if the name depends on context, check spec.cdkContext.", name, list(labels(a.stacks), maxListed))
}

// allowedName is what spec.stackName may be.
var allowedName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9/-]*$`)

// labels names stacks for people, by what spec.stackName may be: construct
// path, else artifact id, and the CloudFormation name where it differs.
func labels(stacks []*Stack) []string {
	var names []string
	for _, s := range stacks {
		label := s.DisplayName
		if !allowedName.MatchString(label) {
			label = s.ArtifactID
		}
		label = problem.Cut(label, 128)
		if s.StackName != label {
			label += " (" + problem.Cut(s.StackName, 128) + ")"
		}
		names = append(names, label)
	}
	return names
}

// ids names stacks by their artifact ids, and says where each goes.
func ids(stacks []*Stack) []string {
	var names []string
	for _, s := range stacks {
		names = append(names, fmt.Sprintf("%s (%s in %s of %s)", problem.Cut(s.ArtifactID, 128), problem.Cut(s.DisplayName, 128), or(s.Region, "any region"), or(s.Account, "any account")))
	}
	return names
}

func or(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// withoutPath is an error without the path that the system puts before it.
func withoutPath(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// readJSON reads a JSON file of an assembly.
func readJSON(dir, name string, into any) error {
	path, err := confined(dir, name)
	if err != nil {
		return err
	}
	content, err := readBounded(path, maxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil {
		return stalls(ErrAssemblyInvalid, "The cloud assembly's %s cannot be read: %v.", name, withoutPath(err))
	}
	if err := json.Unmarshal(content, into); err != nil {
		return stalls(ErrAssemblyInvalid, "The cloud assembly's %s is not what it should be: %v.", name, err)
	}
	return nil
}

func decode(id string, properties json.RawMessage, into any) error {
	if len(properties) == 0 {
		return nil
	}
	if err := json.Unmarshal(properties, into); err != nil {
		return stalls(ErrAssemblyInvalid, "The properties of %s in the cloud assembly are not what they should be: %v.", problem.Cut(id, 128), err)
	}
	return nil
}

// confined joins a name from a manifest to the folder of that manifest and
// refuses what leads out of it, by dots or by links. What does not exist is
// left to be found missing.
func confined(dir, name string) (string, error) {
	path := filepath.Join(dir, name)
	if !filepath.IsLocal(name) {
		return "", stalls(ErrAssemblyInvalid, "The cloud assembly names a file outside of it: %q.", problem.Cut(name, 200))
	}
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil
	}
	if err != nil || !inside(dir, real) {
		return "", stalls(ErrAssemblyInvalid, "The cloud assembly names a file outside of it: %q.", problem.Cut(name, 200))
	}
	return real, nil
}
