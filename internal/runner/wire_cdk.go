package runner

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/cdk"
	"awscdk.dev/operator/internal/redact"
	"awscdk.dev/operator/internal/run"
	"awscdk.dev/operator/internal/space"
)

// cdkToolchain runs the project's own package manager and CDK.
type cdkToolchain struct{ session *Session }

func newToolchain(s *Session) cdkToolchain { return cdkToolchain{session: s} }

// project tells the toolchain where the project is. The checkout's links are
// followed as those of the project's folder were, so that one is in the other.
// What its settings say in secret is redacted from then on: each stage that
// works on the project comes by here first.
func (c cdkToolchain) project(dir string) (cdk.Project, error) {
	root, err := filepath.EvalSymlinks(c.session.Dir.Workspace())
	if err != nil {
		return cdk.Project{}, fmt.Errorf("find the checkout: %w", err)
	}
	settings := append(environ(), run.Environ(c.session.Secrets.BuildEnv).List()...)
	c.session.Log.redact.Learn(redact.RegistrySecrets(dir, root, settings)...)
	return cdk.Project{Root: root, Dir: dir}, nil
}

func (c cdkToolchain) cache() cdk.Cache {
	return cdk.Cache{Dir: space.Data(c.session.Data).Dependencies()}
}

// Install implements Toolchain.
func (c cdkToolchain) Install(ctx context.Context, dir string, out io.Writer) (string, bool, error) {
	project, err := c.project(dir)
	if err != nil {
		return "", false, err
	}
	variables := c.session.Secrets.BuildEnv
	done, err := cdk.Install(ctx, project, c.cache(), cdk.InstallOptions{
		Env: environ(), Variables: variables, StateDir: c.session.Dir.Temp(), Log: out, Redact: c.session.Log.redact, Now: c.session.now,
	})
	if err != nil {
		return "", false, err
	}
	if done.Note != "" {
		fmt.Fprintf(out, "dependencies are not cached: %s\n", done.Note)
	}
	return done.Key, done.Cached, nil
}

// environ adds what the project's package manager gives, by hand, to what runs
// in the project's folder.
func (c cdkToolchain) environ(dir string, env []string) ([]string, error) {
	project, err := c.project(dir)
	if err != nil {
		return nil, err
	}
	tools, err := project.Tools(c.session.Dir.Temp(), c.cache(), env)
	return tools.Apply(env), err
}

// Synth implements Toolchain.
func (c cdkToolchain) Synth(ctx context.Context, installed Installed, account string, out io.Writer) (Stack, error) {
	project, err := c.project(installed.Project)
	if err != nil {
		return Stack{}, err
	}
	o := c.synthOptions(account, out)
	o.Dependencies = installed.Dependencies
	done, err := cdk.Synth(ctx, project, o)
	if err != nil {
		return Stack{}, err
	}
	for _, check := range done.Checks {
		fmt.Fprintf(out, "%s: %s\n", check.Name, check.How)
	}
	assembly, err := cdk.ReadAssembly(done.Dir)
	if err != nil {
		return Stack{}, err
	}
	stack, err := assembly.FindIn(c.session.Request.StackName, cdk.Environment{Account: account, Region: c.session.Request.Region})
	if err != nil {
		return Stack{}, err
	}
	if err := stack.Problems(); err != nil {
		return Stack{}, err
	}
	if stack.Account != "" {
		account = stack.Account // whether it can be reached is judged by the plan
	}
	resolved, err := stack.Resolve(cdk.Environment{Account: account, Region: c.session.Request.Region})
	if err != nil {
		return Stack{}, err
	}
	return stackOf(resolved, done)
}

func (c cdkToolchain) synthOptions(account string, out io.Writer) cdk.SynthOptions {
	s := c.session
	o := cdk.SynthOptions{
		Region: s.Request.Region, Account: account, Stack: s.Request.StackName,
		Env: environ(), Variables: s.Secrets.BuildEnv, Credentials: awsEnviron(environ(), s.Secrets.AWS),
		Output: s.Dir.Assembly(), StateDir: s.Dir.State(), FallbackCLI: bundledCLI(),
		Cache: c.cache(),
		Log:   out, Redact: s.Log.redact, Now: s.now,
	}
	for _, v := range s.Request.Context {
		o.Context = append(o.Context, v.String())
	}
	return o
}

// awsEnviron is how the app reaches AWS: the endpoints and the like of the
// run's environment, and the credentials.
func awsEnviron(env []string, credentials map[string]string) map[string]string {
	found := make(map[string]string)
	for name, value := range run.EnvironOf(env) {
		if strings.HasPrefix(name, "AWS_") {
			found[name] = value
		}
	}
	maps.Copy(found, credentials)
	return found
}

// bundledCLI is the cdk on the operator's PATH, for projects that have none;
// "" when there is none.
func bundledCLI() string {
	path, err := exec.LookPath("cdk")
	if err != nil {
		return ""
	}
	if path, err = filepath.Abs(path); err != nil {
		return ""
	}
	return path
}

func stackOf(r cdk.Resolved, done cdk.Synthesized) (Stack, error) {
	deploy, err := awsconfig.ParseSession(r.DeployRoleOptions)
	if err != nil {
		return Stack{}, err
	}
	lookup, err := awsconfig.ParseSession(r.LookupRoleOptions)
	if err != nil {
		return Stack{}, err
	}
	if len(done.Tags) > 0 {
		r.Tags = done.Tags
	}
	return Stack{
		Plan: v1alpha1.Plan{
			StackName: r.StackName, ArtifactID: r.ArtifactID, Account: r.Account, Region: r.Region,
			TemplateURL: r.TemplateURL, TemplateDigest: r.TemplateDigest,
			Parameters: r.Parameters, OpenParameters: r.OpenParameters, Tags: r.Tags, NotificationARNs: r.NotificationARNs,
			TerminationProtection: r.TerminationProtection,
			DeployRoleARN:         r.DeployRoleARN, DeployRoleExternalID: r.DeployRoleExternalID,
			LookupRoleARN: r.LookupRoleARN, LookupRoleExternalID: r.LookupRoleExternalID,
			DeployRoleSession: deploy, LookupRoleSession: lookup,
			ExecutionRoleARN: r.ExecutionRoleARN,
			BootstrapVersion: r.BootstrapVersion, BootstrapParameter: r.BootstrapParameter,
			DependsOn: r.DependsOn, ConstructPaths: r.ConstructPaths, Validation: validationOf(r.Findings),
		},
		Manifests: r.AssetManifests, Root: done.Root, TemplateFile: r.TemplateFile, Qualifier: done.Qualifier,
	}, nil
}

// validationOf is what the plan says of the app's validators, nil when they found
// nothing.
func validationOf(f cdk.Findings) *v1alpha1.Validation {
	if f.Violations+f.Suppressed == 0 {
		return nil
	}
	v := &v1alpha1.Validation{Violations: int32(f.Violations), Suppressed: int32(f.Suppressed)}
	for _, one := range f.List {
		v.Findings = append(v.Findings, v1alpha1.Finding(one))
	}
	return v
}
