package preflight

import (
	"context"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"
)

// needed are the tools that the operator itself calls, or that hooks are known
// to call. Tools of the project's choice (pnpm, yarn, cdk) are named by the
// build that does not find them.
var needed = []struct {
	name, purpose string
	concerns      func(*v1alpha1.CdkTsStack) bool
}{
	{"git", "no repository can be checked out", everyone},
	{"node", "nothing can be built", everyone},
	{"npm", "nothing can be built that has a package-lock.json", everyone},
	{"ssh", "no build can reach a repository over ssh", overSSH},
	{"bash", "no hook can run", hooked},
	{"kubectl", "hooks that call it fail, or go on without its answer", callsKubectl},
}

func (p *Preflight) tools(context.Context) ([]Missing, error) {
	if p.o.LookPath == nil {
		return nil, nil
	}
	var missing []Missing
	for _, tool := range needed {
		if _, err := p.o.LookPath(tool.name); err != nil {
			missing = append(missing, Missing{
				Need: tool.name, concerns: tool.concerns,
				Message: "it is not on the operator's PATH, so " + tool.purpose + ": install it where the operator runs",
			})
		}
	}
	return missing, nil
}

func everyone(*v1alpha1.CdkTsStack) bool { return true }

func overSSH(obj *v1alpha1.CdkTsStack) bool {
	repository := obj.Spec.Source.Git.Repository
	return repository != "" && !strings.HasPrefix(repository, "https://") && !strings.HasPrefix(repository, "http://")
}

// hooked says whether an object has hooks.
func hooked(obj *v1alpha1.CdkTsStack) bool { return len(scripts(obj)) > 0 }

// callsKubectl says whether a hook calls kubectl itself. What a script of the
// project calls is not known.
func callsKubectl(obj *v1alpha1.CdkTsStack) bool {
	return strings.Contains(scripts(obj), "kubectl")
}

func scripts(obj *v1alpha1.CdkTsStack) string {
	h := obj.Spec.LifecycleHooks
	if h == nil {
		return ""
	}
	return strings.TrimSpace(strings.Join([]string{
		h.BeforeDeploy, h.AfterDeploy, h.BeforeDestroy, h.AfterDestroy,
		h.BeforeDriftDetection, h.AfterDriftDetection, h.BeforeGitSync, h.AfterGitSync,
	}, "\n"))
}
