package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"awscdk.dev/operator/internal/decide"
)

// appStack is a stack of a cloud assembly.
type appStack struct {
	// path is its construct path, id its id in the assembly, and name its name in
	// CloudFormation.
	path, id, name string
	// account and region are those that the app pins, "" for none.
	account, region string
	// data are the logical ids of what holds data.
	data []string
	// nested says that it has nested stacks, which were not looked into.
	nested bool
}

// assembly is what matters here of a manifest.json. The operator's own reader
// (package cdk) checks far more, and is not for every system that this program
// runs on.
type assembly struct {
	Artifacts map[string]struct {
		Type        string `json:"type"`
		Environment string `json:"environment"`
		DisplayName string `json:"displayName"`
		Properties  struct {
			DirectoryName string `json:"directoryName"`
			StackName     string `json:"stackName"`
			TemplateFile  string `json:"templateFile"`
		} `json:"properties"`
	} `json:"artifacts"`
}

// maxStages bounds Stages in Stages, and maxStacks the stacks of an app.
const (
	maxStages = 16
	maxStacks = 1000
)

// errNoAssembly says that no synthesis has left anything to read.
var errNoAssembly = errors.New("there is no cloud assembly")

// stacks reads the stacks of the last synthesis, in the order of their paths.
func (a *app) stacks() ([]appStack, error) {
	all, err := a.readAssembly(a.output, 0)
	slices.SortFunc(all, func(x, y appStack) int { return strings.Compare(x.path, y.path) })
	return all, err
}

func (a *app) readAssembly(folder string, depth int) ([]appStack, error) {
	if depth > maxStages {
		return nil, fmt.Errorf("the assembly nests Stages more than %d deep", maxStages)
	}
	data, err := a.read(path.Join(folder, "manifest.json"), maxGenerated)
	if errors.Is(err, fs.ErrNotExist) && depth == 0 {
		return nil, errNoAssembly
	}
	if err != nil {
		return nil, fmt.Errorf("read the cloud assembly: %w", err)
	}
	var m assembly
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("%s/manifest.json is not valid: %s", folder, whereInJSON(data, err))
	}
	var all []appStack
	for id, artifact := range m.Artifacts {
		switch artifact.Type {
		case "cdk:cloud-assembly":
			below, err := a.readAssembly(path.Join(folder, artifact.Properties.DirectoryName), depth+1)
			if err != nil {
				return nil, err
			}
			all = append(all, below...)
		case "aws:cloudformation:stack":
			s := appStack{path: artifact.DisplayName, id: id, name: artifact.Properties.StackName}
			if s.path == "" {
				s.path = id
			}
			if s.name == "" {
				s.name = id
			}
			s.account, s.region = pinned(artifact.Environment)
			a.readTemplate(path.Join(folder, artifact.Properties.TemplateFile), &s)
			all = append(all, s)
		}
		if len(all) > maxStacks {
			return nil, fmt.Errorf("the app has more than %d stacks: name those that are meant with --stack", maxStacks)
		}
	}
	return all, nil
}

// environment is aws://account/region, as the CDK writes it.
var environment = regexp.MustCompile(`^aws://([0-9]{12}|unknown-account)/([a-z0-9-]+)$`)

func pinned(text string) (account, region string) {
	found := environment.FindStringSubmatch(text)
	if found == nil {
		return "", ""
	}
	return strings.TrimPrefix(found[1], "unknown-account"), strings.TrimPrefix(found[2], "unknown-region")
}

// readTemplate notes what holds data. A template that cannot be read names none:
// it is a help for whoever writes spec.protect, and no more.
func (a *app) readTemplate(file string, s *appStack) {
	data, err := a.read(file, maxGenerated)
	if err != nil {
		return
	}
	var template struct {
		Resources map[string]struct {
			Type string `json:"Type"`
		} `json:"Resources"`
	}
	if json.Unmarshal(data, &template) != nil {
		return
	}
	for id, r := range template.Resources {
		if r.Type == "AWS::CloudFormation::Stack" {
			s.nested = true
		}
		if decide.HoldsData(r.Type) {
			s.data = append(s.data, id)
		}
	}
	slices.Sort(s.data)
}

// called gives the stack that a name of --stack means.
func called(all []appStack, name string) (appStack, error) {
	for _, of := range namings {
		found := slices.DeleteFunc(slices.Clone(all), func(s appStack) bool { return of(s) != name })
		if len(found) == 1 {
			return found[0], nil
		}
		if len(found) > 1 {
			return appStack{}, fmt.Errorf("the app has %d stacks called %q: say which by its path, %s", len(found), name, paths(found))
		}
	}
	return appStack{}, fmt.Errorf("the app has no stack called %q as of its last synthesis; it has %s. Run npx cdk synth again if it is new", name, paths(all))
}

// namings are how spec.stackName may name a stack, in the order in which the
// operator tries them.
var namings = []func(appStack) string{
	func(s appStack) string { return s.path },
	func(s appStack) string { return s.id },
	func(s appStack) string { return s.name },
}

// stackNames is what spec.stackName may be.
var stackNames = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-/]{0,127}$`)

// reference is how a manifest names a stack: as CloudFormation does, which is
// what people see in AWS, unless that stands for another stack of the app, too.
func reference(all []appStack, s appStack) (string, error) {
	for _, name := range []string{s.name, s.path, s.id} {
		if found, err := called(all, name); err == nil && found.path == s.path && found.id == s.id && stackNames.MatchString(name) {
			return name, nil
		}
	}
	return "", fmt.Errorf("the stack %s has no name that spec.stackName takes: letters, digits, '-' and '/', 128 at most. Set stackName of it in the app", s.path)
}

func paths(all []appStack) string {
	const most = 20
	var names []string
	for _, s := range all[:min(len(all), most)] {
		names = append(names, s.path)
	}
	text := strings.Join(names, ", ")
	if more := len(all) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	if text == "" {
		return "none"
	}
	return text
}
