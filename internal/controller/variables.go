package controller

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/problem"
)

// variables are those that a run is given.
type variables struct {
	values map[string]string
	// secret names those whose values nobody may see.
	secret []string
	// refuse says why a variable must not be set, "" if it may; nil refuses none.
	refuse func(name string) string
}

// maxVariable is the kernel's bound for one variable with its name.
const maxVariable = 128 << 10

func (v *variables) set(field, name, value string, secret bool) error {
	if v.refuse != nil {
		if why := v.refuse(name); why != "" {
			return errVariableRefused.New("%s must not set %s: %s", field, name, why)
		}
	}
	if size := len(name) + 1 + len(value); size >= maxVariable {
		return errVariableRefused.New("%s must not set %s: it takes %d KiB, and Linux gives no process a variable of %d KiB or more; put the value into a file of the repository, or fetch it in the script", field, name, size>>10, maxVariable>>10)
	}
	if v.values == nil {
		v.values = map[string]string{}
	}
	v.values[name] = value
	if secret {
		v.secret = append(v.secret, name)
	}
	return nil
}

// collect adds the variables of envFrom and env, which are fields of field.
// Only objects of the object's own namespace are read.
func (p *pass) collect(ctx context.Context, vars *variables, field string, envFrom []v1alpha1.EnvFrom, env []v1alpha1.EnvVar) error {
	for i, from := range envFrom {
		at := fmt.Sprintf("%s.envFrom[%d]", field, i)
		data, secret, err := p.envFrom(ctx, from, at)
		if err != nil {
			return err
		}
		for _, key := range slices.Sorted(maps.Keys(data)) {
			name := from.Prefix + key
			if !variableName(name) {
				continue
			}
			if err := vars.set(at, name, data[key], secret); err != nil {
				return err
			}
		}
	}
	for _, v := range env {
		at := field + ".env " + v.Name
		value, secret, ok, err := p.envVar(ctx, v, at)
		if err == nil && ok {
			err = vars.set(field+".env", v.Name, value, secret)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// buildEnv are the variables of spec.build. A change of a Secret's or a
// ConfigMap's content is no new target: the next run reads it.
func (p *pass) buildEnv(ctx context.Context) (env map[string]string, hidden []string, err error) {
	b := p.obj.Spec.Build
	if b == nil {
		return nil, nil, nil
	}
	vars := variables{refuse: refusedInBuild}
	err = p.collect(ctx, &vars, "spec.build", b.EnvFrom, b.Env)
	return vars.values, vars.secret, err
}

// refusedInBuild says why spec.build must not set a variable, "" if it may:
// what the operator itself gives a value would be dropped without a word. The
// schema refuses the same names in spec.build.env; keys of Secrets and
// ConfigMaps come here only.
func refusedInBuild(name string) string {
	starts := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
	switch {
	case slices.Contains(awsIdentity, name) || starts("AWS_CONTAINER_") || starts("AWS_EC2_METADATA_"):
		return "put AWS credentials into the Secret that spec.credentialsSecretName names"
	case name == "AWS_REGION" || name == "AWS_DEFAULT_REGION" || name == "CDK_DEFAULT_REGION":
		return "set spec.awsRegion"
	case name == "CDK_CONTEXT_JSON":
		return "set spec.cdkContext"
	case slices.Contains(ownVariables, name) || starts("LD_") || starts("AWS_ENDPOINT_URL"):
		return "the operator sets it; take it out, or give the key another name with envFrom.prefix"
	}
	return ""
}

var (
	awsIdentity = []string{
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE",
		"AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE",
	}
	ownVariables = []string{"PATH", "HOME", "TMPDIR", "CDK_DEFAULT_ACCOUNT", "CDK_HOME", "CDK_OUTDIR", "AWSCDK_OPERATOR_RUN"}
)

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

func (p *pass) envFrom(ctx context.Context, from v1alpha1.EnvFrom, field string) (data map[string]string, secret bool, err error) {
	if ref := from.SecretRef; ref != nil {
		found, err := p.secret(ctx, ref.Name, field)
		if err != nil {
			return nil, true, optional(err, ref.Optional)
		}
		data = make(map[string]string, len(found))
		for key, value := range found {
			data[key] = string(value)
		}
		return data, true, nil
	}
	data, err = p.configMap(ctx, from.ConfigMapRef.Name, field)
	return data, false, optional(err, from.ConfigMapRef.Optional)
}

func (p *pass) envVar(ctx context.Context, v v1alpha1.EnvVar, field string) (value string, secret, ok bool, err error) {
	if v.ValueFrom == nil {
		return v.Value, false, true, nil
	}
	if ref := v.ValueFrom.SecretKeyRef; ref != nil {
		data, err := p.secret(ctx, ref.Name, field)
		found, ok := data[ref.Key]
		if err == nil && !ok {
			err = missingKey(p.obj, ref.Name, ref.Key)
		}
		return string(found), true, ok, optional(err, ref.Optional)
	}
	ref := v.ValueFrom.ConfigMapKeyRef
	data, err := p.configMap(ctx, ref.Name, field)
	found, ok := data[ref.Key]
	if err == nil && !ok {
		err = errConfigMapIncomplete.New(
			"the ConfigMap %s/%s has no key %s: add it", p.obj.Namespace, ref.Name, ref.Key)
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
