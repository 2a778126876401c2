package controller

import (
	"context"
	"encoding/json"
	"fmt"
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
func (r *Reconciler) hookRequest(ctx context.Context, obj *v1alpha1.CdkTsStack, hook decide.Hook, req *run.Request, secrets *run.Secrets) error {
	h := &run.Hook{Name: hook.Name, Script: hook.Script}
	h.Timeout, h.TimeoutField = hookTimeout(&obj.Spec, hook.Name)
	h.Env, h.Files = hookFacts(obj, hook.Name)
	h.ProjectOptional = hook.Name == decide.BeforeDestroy || hook.Name == decide.AfterDestroy
	req.Hook = h
	req.Timeout += h.Timeout
	env, hidden, err := r.hookEnv(ctx, obj)
	if err != nil {
		return err
	}
	secrets.HookEnv, secrets.HookSecrets = env, hidden
	token, err := r.hookToken(ctx, obj, req.Timeout)
	if err != nil {
		// Most hooks call no kubectl; the log of those that do says why.
		r.Log.Warn("no access to the cluster for a hook", "namespace", obj.Namespace, "name", obj.Name, "error", err)
		h.KubernetesMissing = err.Error()
		return nil
	}
	if r.Preflight != nil {
		h.KubernetesMissing = r.Preflight.Hooks(ctx)
	}
	secrets.KubernetesToken = token
	h.Kubernetes = &r.Kubernetes
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

// hookFacts are the variables and files that tell a hook what it is run for.
func hookFacts(obj *v1alpha1.CdkTsStack, name string) (env map[string]string, files map[string]run.HookFile) {
	st, op := &obj.Status, obj.Status.Operation
	if op == nil {
		op = &v1alpha1.Operation{}
	}
	env, files = map[string]string{"CDK_GIT_REF": gitRef(obj, revision(obj, op))}, map[string]run.HookFile{}
	switch name {
	case decide.AfterDeploy:
		outputs, _ := json.Marshal(orEmpty(st.Outputs)) // strings always encode
		files["CDK_OUTPUTS_FILE"] = run.HookFile{Name: "outputs.json", Data: outputs}
		if len(outputs) < 96<<10 { // the kernel's bound for one variable is 128 KiB
			env["CDK_OUTPUTS"] = string(outputs)
		}
		env["CDK_DEPLOY_OUTCOME"] = string(op.Outcome)
	case decide.BeforeDestroy:
		env["CDK_DESTROY"] = fmt.Sprint(decide.MayDestroy(&obj.Spec))
	case decide.BeforeDriftDetection, decide.AfterDriftDetection:
		env["DRIFT_DETECTED"] = fmt.Sprint(st.DriftDetected)
		drift, _ := json.Marshal(st.Drift) // plain data always encodes
		files["CDK_DRIFT_FILE"] = run.HookFile{Name: "drift.json", Data: drift}
	case decide.BeforeGitSync, decide.AfterGitSync:
		changed := fmt.Sprint(name == decide.AfterGitSync && gitChanged(st))
		env["GIT_CHANGES_DETECTED"], env["GIT_CHANGED"] = changed, changed
		env["GIT_REPOSITORY"], env["GIT_REF"] = obj.Spec.Source.Git.Repository, gitRef(obj, op.Revision)
		env["GIT_REVISION"] = op.Revision
	}
	return env, files
}

// gitRef is what scripts take for the ref of a revision: the tag that a range
// of versions has chosen, if that is still the one, or else what is followed.
func gitRef(obj *v1alpha1.CdkTsStack, revision string) string {
	if s := obj.Status.Source; s != nil && s.Tag != "" && s.Revision == revision {
		return s.Tag
	}
	return decide.Tracked(&obj.Spec)
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// gitChanged says whether the check in flight is about a commit that counts
// and is not deployed.
func gitChanged(st *v1alpha1.CdkTsStackStatus) bool {
	op := st.Operation
	if op == nil || st.Target == nil || op.Revision == "" || op.Revision == st.Target.Revision {
		return false
	}
	return st.Source == nil || st.Source.IrrelevantRevision != op.Revision
}

// hookEnv merges the variables of the operator with those that the object
// asks for, and names those whose values are secret.
func (r *Reconciler) hookEnv(ctx context.Context, obj *v1alpha1.CdkTsStack) (env map[string]string, hidden []string, err error) {
	vars := variables{values: maps.Clone(r.HookEnv), secret: slices.Clone(r.HookSecrets)}
	if h := obj.Spec.Hooks; h != nil {
		err = r.collect(ctx, obj, &vars, "spec.hooks", h.EnvFrom, h.Env)
	}
	return vars.values, vars.secret, err
}
