package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"
	"awscdk.dev/operator/internal/problem"
	"awscdk.dev/operator/internal/run"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
)

// prepareTimeout is what a run has, beside its hook, when the spec has no
// timeout.
const prepareTimeout = time.Hour

// hookRequest completes the request and the secrets of a run that runs a hook.
func (r *Reconciler) hookRequest(ctx context.Context, obj *v1alpha1.CdkTsStack, hook decide.Hook, req *run.Request, secrets *run.Secrets) error {
	h := &run.Hook{Name: hook.Name, Script: hook.Script, Timeout: hookTimeout(&obj.Spec, hook.Name)}
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

// hookTimeout is the time of a hook.
func hookTimeout(spec *v1alpha1.CdkTsStackSpec, name string) time.Duration {
	h := spec.Hooks
	switch {
	case h == nil:
		return run.DefaultHookTimeout
	case h.Timeouts[name].Duration > 0:
		return h.Timeouts[name].Duration
	case h.Timeout != nil:
		return h.Timeout.Duration
	}
	return run.DefaultHookTimeout
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
// asks for, and names those whose values are secret. Only objects of the
// object's own namespace are read.
func (r *Reconciler) hookEnv(ctx context.Context, obj *v1alpha1.CdkTsStack) (env map[string]string, hidden []string, err error) {
	env = maps.Clone(r.HookEnv)
	if env == nil {
		env = map[string]string{}
	}
	hidden = slices.Clone(r.HookSecrets)
	if obj.Spec.Hooks == nil {
		return env, hidden, nil
	}
	set := func(name, value string, secret bool) {
		env[name] = value
		if secret {
			hidden = append(hidden, name)
		}
	}
	for i, from := range obj.Spec.Hooks.EnvFrom {
		field := fmt.Sprintf("spec.hooks.envFrom[%d]", i)
		data, secret, err := r.envFrom(ctx, obj, from, field)
		if err != nil {
			return nil, nil, err
		}
		for key, value := range data {
			if name := from.Prefix + key; variableName(name) {
				set(name, value, secret)
			}
		}
	}
	for _, v := range obj.Spec.Hooks.Env {
		value, secret, ok, err := r.envVar(ctx, obj, v)
		if err != nil {
			return nil, nil, err
		}
		if ok {
			set(v.Name, value, secret)
		}
	}
	return env, hidden, nil
}

// variableName says whether a key can be the name of a variable; others, such
// as tls.crt, are left out, as in a pod.
func variableName(name string) bool {
	for i, c := range name {
		if c != '_' && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

func (r *Reconciler) envFrom(ctx context.Context, obj *v1alpha1.CdkTsStack, from v1alpha1.EnvFrom, field string) (data map[string]string, secret bool, err error) {
	if ref := from.SecretRef; ref != nil {
		found, err := r.secret(ctx, obj, ref.Name, field)
		if err != nil {
			return nil, true, optional(err, ref.Optional)
		}
		data = make(map[string]string, len(found))
		for key, value := range found {
			data[key] = string(value)
		}
		return data, true, nil
	}
	data, err = r.configMap(ctx, obj, from.ConfigMapRef.Name, field)
	return data, false, optional(err, from.ConfigMapRef.Optional)
}

func (r *Reconciler) envVar(ctx context.Context, obj *v1alpha1.CdkTsStack, v v1alpha1.EnvVar) (value string, secret, ok bool, err error) {
	if v.ValueFrom == nil {
		return v.Value, false, true, nil
	}
	field := "spec.hooks.env " + v.Name
	if ref := v.ValueFrom.SecretKeyRef; ref != nil {
		data, err := r.secret(ctx, obj, ref.Name, field)
		found, ok := data[ref.Key]
		if err == nil && !ok {
			err = missingKey(obj, ref.Name, ref.Key)
		}
		return string(found), true, ok, optional(err, ref.Optional)
	}
	ref := v.ValueFrom.ConfigMapKeyRef
	data, err := r.configMap(ctx, obj, ref.Name, field)
	found, ok := data[ref.Key]
	if err == nil && !ok {
		err = errConfigMapIncomplete.New(
			"the ConfigMap %s/%s has no key %s: add it", obj.Namespace, ref.Name, ref.Key)
	}
	return found, false, ok, optional(err, ref.Optional)
}

// optional forgives what is missing and may be.
func optional(err error, may bool) error {
	if !may {
		return err
	}
	for _, missing := range []*problem.Kind{errSecretNotFound, errSecretIncomplete, errConfigMapNotFound, errConfigMapIncomplete} {
		if errors.Is(err, missing) {
			return nil
		}
	}
	return err
}

// configMap reads a ConfigMap of the object's own namespace.
func (r *Reconciler) configMap(ctx context.Context, obj *v1alpha1.CdkTsStack, name, field string) (map[string]string, error) {
	var c corev1.ConfigMap
	err := r.Live.Get(ctx, types.NamespacedName{Namespace: obj.Namespace, Name: name}, &c)
	switch {
	case apierrors.IsNotFound(err):
		return nil, errConfigMapNotFound.New(
			"the ConfigMap %s/%s that %s names does not exist: create it", obj.Namespace, name, field)
	case err != nil:
		return nil, errConfigMapUnreadable.New(
			"the ConfigMap %s/%s that %s names cannot be read: %v", obj.Namespace, name, field, err)
	}
	return c.Data, nil
}
