package runner

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/assets"
	"awscdk.dev/operator/internal/awsconfig"
	"awscdk.dev/operator/internal/fluxsource"
	"awscdk.dev/operator/internal/git"
	"awscdk.dev/operator/internal/run"
	"awscdk.dev/operator/internal/space"
)

// Real is the work of a run with the real git, the project's own CDK
// toolchain and the real AWS, or what AWS_ENDPOINT_URL says is AWS. Only a
// build has a plan.
func Real(ctx context.Context, s *Session) (*v1alpha1.Plan, error) {
	tools, err := RealTools(s)
	if err != nil {
		return nil, err
	}
	return tools.Work(ctx, s)
}

// RealTools are those of Real.
func RealTools(s *Session) (Tools, error) {
	credentials, err := awsconfig.FromEnviron(s.Secrets.AWS)
	if err != nil {
		return Tools{}, err
	}
	credentials.Shared = s.Request.SharedIdentity && !credentials.IsZero()
	tools := Tools{
		Identity: awsIdentity{
			loader: awsconfig.NewLoader(awsconfig.Options{Now: s.now, AttemptTimeout: awsAttempt}),
			target: awsconfig.Target{Credentials: credentials, Region: s.Request.Region},
		},
		Toolchain: newToolchain(s),
		Publisher: s3Publisher{assets: assets.New(assets.Options{Now: s.now, TempDir: s.Dir.Temp()}), credentials: credentials},
	}
	if s.Stage != "" && s.Stage != run.StageClone && s.Stage != run.StageInspect {
		return tools, nil // a folder for mirrors is not there, either
	}
	if tools.Source, err = newSource(s); err != nil {
		return Tools{}, err
	}
	tools.Inspector, _ = tools.Source.(Inspector)
	return tools, nil
}

// newSource is where the request says that the code is.
func newSource(s *Session) (Source, error) {
	if a := s.Request.Artifact; a != nil {
		return fluxSource{*a, s.Request}, nil
	}
	return newGitSource(s)
}

// fluxSource takes what Flux has fetched.
type fluxSource struct {
	artifact fluxsource.Artifact
	request  run.Request
}

// Checkout implements Source.
func (f fluxSource) Checkout(ctx context.Context, dir string, _ io.Writer) (v1alpha1.Commit, bool, error) {
	err := fluxsource.Fetch(ctx, f.artifact, dir, fluxsource.Limits{})
	return v1alpha1.Commit{Hash: f.artifact.Commit(), Subject: f.artifact.Revision}, false, err
}

// Project implements Source.
func (f fluxSource) Project(checkout string) (string, error) {
	return git.ProjectPath(checkout, f.request.Path)
}

// keepMirrors is how long the mirror of a repository that nobody builds stays.
const keepMirrors = 14 * 24 * time.Hour

// gitSource checks out from mirrors that all runs share.
type gitSource struct {
	mirrors *git.Mirrors
	remote  git.Remote
	request run.Request
	// own says that those who work in the checkout may not see the mirror.
	own bool
	// keys are those that may sign, nil when no signature is asked for.
	keys [][]byte
	now  func() time.Time
}

func newGitSource(s *Session) (gitSource, error) {
	repository, err := git.ParseRepository(s.Request.Repository)
	if err != nil {
		return gitSource{}, err
	}
	mirrors, err := git.OpenMirrors(space.Data(s.Data).Mirrors(), 0)
	if err != nil {
		return gitSource{}, err
	}
	return gitSource{mirrors: mirrors, request: s.Request, own: s.Stage != "", keys: s.Secrets.SigningKeys, now: s.now, remote: git.Remote{
		Repository: repository, Credentials: s.Secrets.Git,
	}}, nil
}

// Checkout implements Source.
func (g gitSource) Checkout(ctx context.Context, dir string, out io.Writer) (v1alpha1.Commit, bool, error) {
	revision, ref := g.request.Revision, g.request.RefName
	if revision == "" {
		head, err := git.Select(ctx, g.remote, git.Selector{Ref: g.request.Ref, Semver: g.request.Semver})
		if err != nil {
			return v1alpha1.Commit{}, false, err
		}
		revision, ref = head.Revision, head.Name
	}
	if g.keys != nil {
		signer, err := g.mirrors.Verify(ctx, g.remote, revision, g.keys, g.now())
		if err != nil {
			return v1alpha1.Commit{}, false, err
		}
		fmt.Fprintf(out, "signed by %s\n", signer.Key)
		revision = signer.Hash // what was verified is what is checked out
	}
	commit, err := g.mirrors.Clone(ctx, g.remote, revision, dir, git.Clone{Ref: ref, History: g.request.FullHistory, Own: g.own})
	if err != nil {
		return v1alpha1.Commit{}, false, err
	}
	// Disk space is nothing to fail a build for.
	_ = g.mirrors.Prune(g.now().Add(-keepMirrors))
	return commitOf(commit), false, nil
}

// Inspect implements Inspector.
func (g gitSource) Inspect(ctx context.Context) (v1alpha1.Commit, bool, error) {
	want := g.request.Inspect
	found, err := g.mirrors.Inspect(ctx, g.remote, git.Change{Old: want.Since, New: g.request.Revision, Include: want.Include, Ignore: want.Ignore})
	if err != nil {
		return v1alpha1.Commit{}, false, err
	}
	return commitOf(found.Commit), found.Touched, nil
}

func commitOf(c git.Commit) v1alpha1.Commit {
	at := metav1.NewTime(c.Time)
	return v1alpha1.Commit{Hash: c.Hash, Author: c.Author, Subject: c.Subject, Time: &at}
}

// Project implements Source.
func (g gitSource) Project(checkout string) (string, error) {
	return git.ProjectPath(checkout, g.request.Path)
}

// environ is what user code sees of the run's environment, which the executor
// has already cut down to what it may see.
func environ() []string { return os.Environ() }
