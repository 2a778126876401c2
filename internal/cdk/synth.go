package cdk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"awscdk.dev/operator/internal/proc"
	"awscdk.dev/operator/internal/redact"
)

// SynthOptions are what a synthesis needs besides the project.
type SynthOptions struct {
	// Region and Account are where the stack goes; Account may be "".
	Region, Account string
	// Context are values as `cdk -c` takes them, NAME=VALUE.
	Context []string
	// Env is the whole environment, KEY=value, without AWS credentials
	// unless the run uses the identity of its process.
	Env []string
	// Variables are the user's own; the app, the checks and all that they start
	// see them.
	Variables map[string]string
	// Credentials are AWS_* variables of the run. With an access key among
	// them, no other identity of Env is used.
	Credentials map[string]string
	// Stack is the name of the stack that is to be deployed, as FindIn takes
	// it: only what belongs to it is bundled. "" is all stacks.
	Stack string
	// Output is where the assembly goes when it cannot go where it does by
	// hand; absolute, outside of the checkout. What is there is removed.
	Output string
	// StateDir is a scratch folder of the run, absolute. The CLI remembers
	// account ids in it, so no two identities may share one.
	StateDir string
	// FallbackCLI is a `cdk` for projects that have none of their own.
	FallbackCLI string
	// Dependencies is Installed.Key.
	Dependencies string
	Cache        Cache
	// Log gets all output line by line, as it is; it may be nil.
	Log io.Writer
	// Redact takes secrets out of errors; it may be nil.
	Redact *redact.Redactor
	// Now is the clock.
	Now func() time.Time
}

// Synthesized is what a synthesis brought forth.
type Synthesized struct {
	// Dir is the cloud assembly, Root the folder that its assets must be in:
	// the checkout, when the assembly is in there.
	Dir, Root string
	// CLI is the cdk that was used.
	CLI string
	// Tags are those of cdk.json; if there are any, they replace the stack's.
	Tags map[string]string
	// Qualifier is that of the CDK bootstrap, "" for the default.
	Qualifier string
	// Checks tell how the types and the templates were checked.
	Checks []Check
}

// Check tells how something was checked.
type Check struct {
	// Name is Types or Templates, How is ByApp, Beside or Remembered.
	Name, How string
}

// The names of a Check.
const (
	Types     = "types"
	Templates = "templates"
)

// The ways of a Check.
const (
	// ByApp: in the app's own process, as by hand, if the app does at all.
	ByApp = "by the app"
	// Beside: in a process of its own, at the same time.
	Beside = "beside the app"
	// Remembered: the very same was found right before.
	Remembered = "remembered"
)

// Synth runs the project's CDK app and leaves the cloud assembly in
// Synthesized.Dir. What a person would be told by `cdk synth` is told here
// too: see the package comment for how checks are made faster without being
// given up. Annotations are judged by Stack.Problems.
//
// Errors are *problem.Problem: SynthFailed, ContextInvalid, ContextTooLarge,
// CredentialsInvalid, NotSupported.
func Synth(ctx context.Context, p Project, o SynthOptions) (Synthesized, error) {
	s, err := newSynthesis(p, o)
	if err != nil {
		return Synthesized{}, err
	}
	done, err := s.once(ctx)
	if err != nil || s.bundled() {
		return done, err
	}
	s.say("The app is run once more, to bundle the assets of %s", s.bundle)
	return s.once(ctx)
}

// once runs the app, with checks beside it where that can be, and runs it in
// the ordinary way where those do not tell.
func (s *synthesis) once(ctx context.Context) (Synthesized, error) {
	done := Synthesized{Dir: s.out, Root: s.out, CLI: s.cli, Tags: s.tags, Qualifier: s.settings.qualifier(s.Context)}
	if s.out != s.Output {
		done.Root = s.Root
	}
	w := s.choose()
	var doubt *doubtError
	var err error
	if w.any() {
		done.Checks, err = s.beside(ctx, w)
		if !errors.As(err, &doubt) || context.Cause(ctx) != nil {
			return done, err
		}
		s.say("The app is run once more, in the ordinary way: %v", doubt)
	}
	if err := s.run(ctx, ways{}); err != nil {
		return done, err
	}
	if doubt != nil {
		s.Cache.remember(s.vain(doubt.check), s.Now())
	}
	done.Checks = []Check{{Types, ByApp}, {Templates, ByApp}}
	return done, nil
}

// synthesis is one synthesis.
type synthesis struct {
	Project
	SynthOptions
	settings settings
	tags     map[string]string
	cli      string
	context  []string
	rel      string
	// out is where the assembly goes. The app does not write it when it is
	// ready, which is an assembly in the place of an app command.
	out   string
	ready bool
	// bundle is the path of the stack whose assets are bundled, "" for all.
	bundle string
	tools  Tools
}

func newSynthesis(p Project, o SynthOptions) (*synthesis, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if !filepath.IsAbs(o.Output) || !filepath.IsAbs(o.StateDir) || inside(p.Root, o.Output) {
		return nil, fmt.Errorf("synthesise: output %q and state %q must be absolute and outside of the checkout", o.Output, o.StateDir)
	}
	s := &synthesis{Project: p, SynthOptions: o, settings: readSettings(p.Dir, environ(o.Env).get("HOME"))}
	if err := s.adopt(); err != nil {
		return nil, err
	}
	var err error
	if s.rel, err = p.rel(); err != nil {
		return nil, err
	}
	s.context = contextArguments(o.Context)
	if err := os.MkdirAll(o.StateDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the run's state folder: %w", err)
	}
	if s.tools, err = p.Tools(o.StateDir, o.Cache, environ(o.Env).with(o.Variables)); err != nil {
		return nil, err
	}
	s.cli = cmp.Or(s.tools.cdk, p.find("node_modules", ".bin", "cdk"), o.FallbackCLI)
	if s.cli == "" {
		return nil, stalls(ErrSynthFailed, "The project has no cdk of its own. Add aws-cdk to the devDependencies of package.json and commit the lock file.")
	}
	s.bundle = s.expected()
	return s, writeScripts(o.StateDir)
}

func (s *synthesis) say(format string, args ...any) {
	if s.Log != nil {
		fmt.Fprintf(s.Log, format+"\n", args...)
	}
}

// ways tells what is to be done beside the app instead of in it.
type ways struct {
	// entry is the app's entry point, whose types are checked beside it; "".
	entry string
	// plugin is the file of aws-cdk-lib's template validation; "".
	plugin string
}

func (w ways) any() bool { return w.entry != "" || w.plugin != "" }

// choose finds out what can be done beside the app. What was in vain lately,
// although the app itself was right, is not tried again.
func (s *synthesis) choose() ways {
	var w ways
	if _, err := findNode(s.Env); err != nil || s.ready {
		return w
	}
	// With settings of his own for a check, the user has it done as by hand.
	if entry := s.settings.tsNodeEntry(s.Dir); entry != "" && s.find("node_modules", "typescript", "package.json") != "" && !s.discouraged(Types) && !s.settles("TS_NODE_") {
		w.entry = entry
	}
	plugin := s.find("node_modules", "aws-cdk-lib", "core", "lib", "validation", "cloudformation-validate-plugin.js")
	if plugin != "" && !s.discouraged(Templates) && !s.settles("CDK_VALIDATION") {
		w.plugin = plugin
	}
	return w
}

// settles tells whether one of the user's variables begins so.
func (s *synthesis) settles(prefix string) bool {
	for name := range s.Variables {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func (s *synthesis) vain(check string) fact {
	return factOf("vain", check, s.Dependencies, s.rel)
}

func (s *synthesis) discouraged(check string) bool {
	return s.Cache.recalls(s.vain(check), discouraged, s.Now())
}

// run runs the CLI once, with the checks of w left to others.
func (s *synthesis) run(ctx context.Context, w ways) error {
	if err := s.clear(); err != nil {
		return fmt.Errorf("clear the output folder: %w", err)
	}
	ctx, cancel := s.boundLookUps(ctx)
	defer cancel()
	args := append([]string{"synth"}, selection(s.bundle)...)
	args = append(args, "--quiet", "--ignore-errors", "--no-notices", "--output="+s.out)
	args = append(args, s.arguments()...)
	args = append(args, s.context...)
	tail, err := Command{Command: proc.Command{Path: s.cli, Args: args, Dir: s.Dir, Env: s.environment(w)}, Log: s.Log, Redact: s.Redact}.Run(ctx)
	written := isFile(filepath.Join(s.out, "manifest.json"))
	switch {
	case err != nil && written && context.Cause(ctx) == nil && mentions(tail, unmatched):
		return nil // Assembly.Find tells better what the app has
	case err == nil && !written:
		err = errors.New("the app wrote no cloud assembly")
	}
	if err != nil {
		return s.explain(ctx, tail, err)
	}
	return nil
}

// clear makes sure that nothing old can be taken for the assembly, or for
// another CLI that reads it. A folder in the checkout keeps the rest of its
// content: the app may need it.
func (s *synthesis) clear() error {
	if s.ready {
		return nil
	}
	if s.out == s.Output {
		return os.RemoveAll(s.out)
	}
	for _, pattern := range []string{"manifest.json", "validation-report.json", "synth.lock", "read.*.lock"} {
		old, _ := filepath.Glob(filepath.Join(quoted(s.out), pattern))
		for _, path := range old {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	return nil
}
