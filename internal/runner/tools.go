package runner

import (
	"context"
	"io"
	"maps"
	"slices"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
)

// Tools are what a build is done with.
type Tools struct {
	Identity  Identity
	Source    Source
	Inspector Inspector
	Toolchain Toolchain
	Publisher Publisher
}

// Identity tells who the run's credentials are.
type Identity interface {
	// Account returns the account that the credentials belong to. An error
	// says what is wrong with them.
	Account(ctx context.Context) (string, error)
}

// Source brings the user's code.
type Source interface {
	// Checkout puts the commit that was asked for into the folder dir.
	// Cached is true when nothing had to be fetched.
	Checkout(ctx context.Context, dir string, out io.Writer) (commit v1alpha1.Commit, cached bool, err error)
	// Project finds the project's folder inside a checkout.
	Project(checkout string) (string, error)
}

// Toolchain makes a cloud assembly of a project.
type Toolchain interface {
	// Install puts the project's dependencies into its folder. Key names them,
	// "" when they have no name. Cached is true when they came from the cache.
	Install(ctx context.Context, project string, out io.Writer) (key string, cached bool, err error)
	// Synth runs the app and finds the stack. The project is checked for
	// errors that synth would pass over.
	Synth(ctx context.Context, project Installed, account string, out io.Writer) (Stack, error)
}

// Installed is a project with its dependencies.
type Installed struct {
	// Project is its folder.
	Project string
	// Dependencies is the key that Install gave.
	Dependencies string
}

// Inspector reads a commit without checking it out.
type Inspector interface {
	// Inspect fetches the commit that the request names and the one before,
	// and tells who wrote the former and whether what is followed differs.
	Inspect(ctx context.Context) (commit v1alpha1.Commit, touched bool, err error)
}

// Publisher puts what CloudFormation will read where it can read it.
type Publisher interface {
	// Publish publishes a stack's file assets and its template, and returns
	// the URL of the template. Cached is true when all was there already.
	Publish(ctx context.Context, stack Stack, out io.Writer) (templateURL string, cached bool, err error)
	// PublishPlan puts a plan, as JSON, beside what Publish has published.
	PublishPlan(ctx context.Context, stack Stack, plan []byte, out io.Writer) (decide.PlanAt, error)
}

// Stack is a stack of a cloud assembly.
type Stack struct {
	// Plan is all of the plan that the assembly knows. TemplateURL is where
	// its assets put the template, "" when none of them is the template;
	// Commit is not known yet.
	Plan v1alpha1.Plan `json:"plan"`
	// Manifests are the *.assets.json files to publish.
	Manifests []string `json:"manifests,omitempty"`
	// Root is the folder that everything published comes from.
	Root string `json:"root,omitempty"`
	// TemplateFile is the template.
	TemplateFile string `json:"templateFile,omitempty"`
	// Qualifier is that of the CDK bootstrap, "" for the default.
	Qualifier string `json:"qualifier,omitempty"`
}

// The bounds of Plan.ConstructPaths, which goes into the object's status.
const (
	maxConstructPaths     = 200
	maxConstructPathBytes = 16 << 10
)

// boundPaths keeps as many construct paths as a status may hold.
func boundPaths(paths map[string]string) map[string]string {
	kept := make(map[string]string, min(len(paths), maxConstructPaths))
	size := 0
	for _, id := range slices.Sorted(maps.Keys(paths)) {
		size += len(id) + len(paths[id])
		if len(kept) == maxConstructPaths || size > maxConstructPathBytes {
			break
		}
		kept[id] = paths[id]
	}
	if len(kept) == 0 {
		return nil
	}
	return kept
}
