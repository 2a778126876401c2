package cdk

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"awscdk.dev/operator/internal/problem"
)

// The levels of an Annotation.
const (
	LevelInfo    = "info"
	LevelWarning = "warning"
	LevelError   = "error"
)

// Stack is a CloudFormation stack of an app.
type Stack struct {
	// ArtifactID is its id in the assembly, DisplayName its construct path
	// (Stage/Stack), StackName its name in CloudFormation.
	ArtifactID, DisplayName, StackName string
	// Account and Region are those that the app pins, "" when it pins none.
	Account, Region string
	// TemplateFile is absolute.
	TemplateFile string
	// Annotations are what constructs say, in the order of their paths.
	Annotations []Annotation
	// DependsOn names other stacks of the app, as CloudFormation does.
	DependsOn []string
	// AssetManifests are the *.assets.json files to publish before it.
	AssetManifests []string

	assembly   *Assembly
	properties stackProperties
	// scope is the folder of the assembly that the stack is in: artifact ids
	// are unique and dependencies meant within one.
	scope    string
	needs    []string
	upstream []*Stack
	// paths maps logical ids to construct paths.
	paths map[string]string
	// legacyAssets counts the assets that are in no manifest, but published
	// by whoever deploys (LegacyStackSynthesizer).
	legacyAssets int
}

// Annotation is a message that a construct attached to itself.
type Annotation struct {
	Level   string
	Path    string
	Message string
}

// readStack reads a stack's artifact and its metadata.
func readStack(dir, id string, m assemblyManifest) (*Stack, error) {
	artifact := m.Artifacts[id]
	s := &Stack{ArtifactID: id, DisplayName: artifact.DisplayName, scope: dir, needs: artifact.Dependencies, paths: map[string]string{}}
	if err := decode(id, artifact.Properties, &s.properties); err != nil {
		return nil, err
	}
	s.StackName = s.properties.StackName
	if s.StackName == "" {
		s.StackName = id
	}
	if s.DisplayName == "" {
		s.DisplayName = id
	}
	var err error
	if s.Account, s.Region, err = parseEnvironment(id, artifact.Environment); err != nil {
		return nil, err
	}
	if s.TemplateFile, err = confined(dir, s.properties.TemplateFile); err != nil {
		return nil, err
	}
	if err := s.readAssetManifests(dir, m); err != nil {
		return nil, err
	}
	return s, s.readMetadata(dir, artifact)
}

// environmentURL is aws://account/region, as the CDK writes it.
var environmentURL = regexp.MustCompile(`^aws://([A-Za-z0-9@._-]+)/([a-z0-9-]+)$`)

// parseEnvironment returns "" for what the app leaves open.
func parseEnvironment(id, text string) (account, region string, err error) {
	found := environmentURL.FindStringSubmatch(text)
	if found == nil {
		return "", "", stalls(ErrAssemblyInvalid, "The environment of stack %s in the cloud assembly is %q, not aws://account/region.", problem.Cut(id, 128), problem.Cut(text, 100))
	}
	account, region = found[1], found[2]
	if account == "unknown-account" {
		account = ""
	}
	if region == "unknown-region" {
		region = ""
	}
	return account, region, nil
}

// readAssetManifests finds the asset manifests that the stack depends on. One
// of them may ask for a newer bootstrap stack than the stack itself does.
func (s *Stack) readAssetManifests(dir string, m assemblyManifest) error {
	for _, id := range s.needs {
		if m.Artifacts[id].Type != typeAssets {
			continue
		}
		var file fileProperties
		if err := decode(id, m.Artifacts[id].Properties, &file); err != nil {
			return err
		}
		path, err := confined(dir, file.File)
		if err != nil {
			return err
		}
		s.AssetManifests = append(s.AssetManifests, path)
		if p := &s.properties; file.RequiresBootstrapStackVersion > p.RequiresBootstrapStackVersion {
			p.RequiresBootstrapStackVersion = file.RequiresBootstrapStackVersion
		}
		if p := &s.properties; p.BootstrapStackVersionSSMParameter == "" {
			p.BootstrapStackVersionSSMParameter = file.BootstrapStackVersionSSMParameter
		}
	}
	return nil
}

// readMetadata reads what constructs attached, from the manifest and from the
// file beside it that newer versions of the CDK write.
func (s *Stack) readMetadata(dir string, artifact artifactManifest) error {
	all := artifact.Metadata
	if artifact.AdditionalMetadataFile != "" {
		var more map[string][]metadataEntry
		err := readJSON(dir, artifact.AdditionalMetadataFile, &more)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if all == nil {
			all = map[string][]metadataEntry{}
		}
		for path, entries := range more {
			all[path] = append(all[path], entries...)
		}
	}
	paths := make([]string, 0, len(all))
	for path := range all {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		for _, entry := range all[path] {
			s.note(strings.TrimPrefix(path, "/"), entry)
		}
	}
	return nil
}

func (s *Stack) note(path string, entry metadataEntry) {
	text := ""
	if json.Unmarshal(entry.Data, &text) != nil {
		text = string(entry.Data)
	}
	switch entry.Type {
	case "aws:cdk:logicalId":
		s.paths[text] = path
	case "aws:cdk:asset":
		s.legacyAssets++
	}
	level, ok := strings.CutPrefix(entry.Type, "aws:cdk:")
	if ok && (level == LevelInfo || level == LevelWarning || level == LevelError) {
		s.Annotations = append(s.Annotations, Annotation{Level: level, Path: path, Message: text})
	}
}

// Problems is what keeps the stack from being deployed by the app's own word:
// error annotations, look-ups that failed among them, and failed validations
// of the stack and of those that it needs. Warnings are none, whatever cdk.json
// says: the CLI knows "strict" as an option only. It is nil or a *problem.Problem.
func (s *Stack) Problems() error {
	found := s.errors()
	if missing := s.assembly.missing; len(missing) > 0 && (len(found) > 0 || !s.assembly.explainedElsewhere(s)) {
		return s.failedLookUps(found)
	}
	found = append(found, s.failedValidations()...)
	if len(found) == 0 {
		return nil
	}
	return stalls(ErrSynthFailed, "The app reports errors. Fix them before %s can be deployed:\n%s", s.StackName, some(found))
}

// errors are the error annotations of the stack and of those that it needs.
func (s *Stack) errors() []string {
	var found []string
	for _, stack := range s.withUpstream() {
		for _, a := range stack.Annotations {
			if a.Level == LevelError {
				found = append(found, fmt.Sprintf("[%s] %s: %s", a.Level, a.Path, a.Message))
			}
		}
	}
	return found
}

// some joins at most ten findings.
func some(found []string) string {
	const most = 10
	omitted := ""
	if len(found) > most {
		omitted = fmt.Sprintf("\n(and %d more)", len(found)-most)
		found = found[:most]
	}
	lines := make([]string, len(found))
	for i := range found {
		lines[i] = problem.Cut(found[i], 600)
	}
	return strings.Join(lines, "\n") + omitted
}

// withUpstream is the stack and all that it needs, however far.
func (s *Stack) withUpstream() []*Stack {
	all := []*Stack{s}
	for i := 0; i < len(all); i++ {
		for _, up := range all[i].upstream {
			if !slices.Contains(all, up) {
				all = append(all, up)
			}
		}
	}
	return all
}

// failedValidations judges the report of the app's validation plugins as the
// CLI does: by the violations that concern the stacks or no construct at all.
func (s *Stack) failedValidations() []string {
	var found []string
	stacks := s.withUpstream()
	for _, report := range s.assembly.report.PluginReports {
		for _, v := range report.Violations {
			if v.concerns(stacks) && report.Conclusion == "failure" {
				found = append(found, fmt.Sprintf("[%s] %s: %s", report.PluginName, v.RuleName, v.Description))
			}
		}
	}
	return found
}

// concerns says whether a violation is of one of the stacks, or of no construct
// at all.
func (v violation) concerns(stacks []*Stack) bool {
	concerns := len(v.ViolatingConstructs) == 0
	for _, c := range v.ViolatingConstructs {
		concerns = concerns || c.ConstructPath == "" || concernsAny(stacks, c.ConstructPath)
	}
	return concerns
}

func concernsAny(stacks []*Stack, path string) bool {
	return slices.ContainsFunc(stacks, func(s *Stack) bool {
		return path == s.DisplayName || strings.HasPrefix(path, s.DisplayName+"/")
	})
}
