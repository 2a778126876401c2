package controller

import (
	"context"
	"maps"
	"slices"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/run"
)

// prepareTimeout is what a run has, beside its hook, when the spec has no
// timeout.
const prepareTimeout = time.Hour

// hookRequest completes the request and the secrets of a run that runs a hook.
func (p *pass) hookRequest(ctx context.Context, hook decide.Hook, req *run.Request, secrets *run.Secrets) error {
	h := &run.Hook{Name: hook.Name, Script: hook.Script}
	h.Timeout, h.TimeoutField = hookTimeout(&p.obj.Spec, hook.Name)
	facts, files := decide.HookFacts(p.obj, hook.Name)
	h.Env, h.Files = facts, make(map[string]run.HookFile, len(files))
	for name, file := range files {
		h.Files[name] = run.HookFile(file)
	}
	h.ProjectOptional = hook.Name == decide.BeforeDestroy || hook.Name == decide.AfterDestroy
	req.Hook = h
	env, hidden, err := p.hookEnv(ctx)
	if err != nil {
		return err
	}
	secrets.HookEnv, secrets.HookSecrets = env, hidden
	token, err := p.hookToken(ctx, p.obj, req.Timeout)
	if err != nil {
		// Most hooks call no kubectl; the log of those that do says why.
		p.Log.Warn("no access to the cluster for a hook", "namespace", p.obj.Namespace, "name", p.obj.Name, "error", err)
		h.KubernetesMissing = err.Error()
		return nil
	}
	if p.Preflight != nil {
		h.KubernetesMissing = p.Preflight.Hooks(ctx)
	}
	secrets.KubernetesToken = token
	h.Kubernetes = &p.Kubernetes
	return nil
}

// hookTimeout is the time of a hook, and the field that it is of.
func hookTimeout(spec *v1alpha1.CdkTsStackSpec, name string) (limit time.Duration, field string) {
	h := spec.Hooks
	switch {
	case h != nil && h.Timeouts[name].Duration > 0:
		return h.Timeouts[name].Duration, "spec.hooks.timeouts." + name
	case h != nil && h.Timeout != nil:
		return h.Timeout.Duration, "spec.hooks.timeout"
	}
	return run.DefaultHookTimeout, "spec.hooks.timeout"
}

// hookEnv merges the variables of the operator with those that the object
// asks for, and names those whose values are secret.
func (p *pass) hookEnv(ctx context.Context) (env map[string]string, hidden []string, err error) {
	vars := variables{values: maps.Clone(p.HookEnv), secret: slices.Clone(p.HookSecrets)}
	if h := p.obj.Spec.Hooks; h != nil {
		err = p.collect(ctx, &vars, "spec.hooks", h.EnvFrom, h.Env)
	}
	return vars.values, vars.secret, err
}
