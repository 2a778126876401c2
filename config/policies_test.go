package config_test

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// fields are those of a spec.
type fields = map[string]any

func git(repository string) fields {
	return fields{"source": fields{"git": fields{"repository": repository}}}
}

// cases are fields of new objects, and what is said to them; nothing when they are let through.
type cases map[string]struct {
	spec fields
	says string
}

func (w *team) create(all cases) {
	w.Helper()
	for name, c := range all {
		for how, dryRun := range map[string][]client.CreateOption{" (dry run)": {client.DryRunAll}, "": nil} {
			o := w.stack("new", c.spec)
			err := w.alice.Create(w.Context(), o, dryRun...)
			if c.says == "" {
				w.verdict(name+how, err)
			} else {
				w.verdict(name+how, err, c.says, "spec.")
			}
			if err == nil && dryRun == nil {
				w.must(admin.Delete(w.Context(), o))
			}
		}
	}
}

// ratchet edits an object that was there before its policy: what it is judged for may stay, by
// whatever other edit, and may not become something else that is refused, in whatever way.
func (w *team) ratchet(was, harmless, worse fields, says string) {
	w.Helper()
	const old = "old"
	w.verdict("a label", w.alice.Patch(w.Context(), w.stack(old, nil), patch(fields{"metadata": fields{"labels": fields{"a": "b"}}})))
	w.verdict("another field", w.alice.Patch(w.Context(), w.stack(old, nil), patch(fields{"spec": harmless})))
	w.verdict("a merge patch", w.alice.Patch(w.Context(), w.stack(old, nil), patch(fields{"spec": worse})), says)
	w.verdict("a dry run", w.alice.Patch(w.Context(), w.stack(old, nil), patch(fields{"spec": worse}), client.DryRunAll), says)
	apply := w.stack(old, was)
	maps.Copy(apply.Object["spec"].(fields), worse)
	w.verdict("server-side apply", w.alice.Patch(w.Context(), apply, client.Apply, client.FieldOwner("alice"), client.ForceOwnership), says) //nolint:staticcheck // the object is unstructured
	is := w.stack(old, nil)
	w.must(admin.Get(w.Context(), client.ObjectKeyFromObject(is), is))
	before := is.DeepCopy()
	for key, value := range worse {
		is.Object["spec"].(fields)[key] = value
	}
	w.verdict("an update", w.alice.Update(w.Context(), is), "is forbidden") // alice may; the policy may not let her
	_ = w.alice.Status().Patch(w.Context(), w.stack(old, nil), patch(fields{"spec": worse, "status": fields{"phase": ""}}))
	w.must(admin.Get(w.Context(), client.ObjectKeyFromObject(is), is))
	for key := range worse {
		old, err := json.Marshal(before.Object["spec"].(fields)[key])
		w.must(err)
		now, err := json.Marshal(is.Object["spec"].(fields)[key])
		w.must(err)
		if string(old) != string(now) {
			w.Errorf("by its status, %s became %s", key, now)
		}
	}
}

func patch(content fields) client.Patch {
	data, err := json.Marshal(content)
	if err != nil {
		panic(err)
	}
	return client.RawPatch(types.MergePatchType, data)
}

func TestRepositories(t *testing.T) {
	w := newTeam(t, nil)
	w.must(w.alice.Create(t.Context(), w.stack("old", git("https://github.com/elsewhere/web.git"))))
	w.enforce("awscdk-operator-repositories", map[string]string{"repositories": "https://github.com/acme/*\n\n  git@github.com:acme/infra.git  \n"}, git("https://evil.example/web.git"))
	w.create(cases{
		"one of the prefix":         {git("https://github.com/acme/web.git"), ""},
		"one by its name":           {git("git@github.com:acme/infra.git"), ""},
		"another host":              {git("https://gitlab.example/acme/web.git"), "https://gitlab.example/acme/web.git is not allowed in this namespace: use one of https://github.com/acme/*, git@github.com:acme/infra.git"},
		"a name that begins alike":  {git("https://github.com/acme-evil/web.git"), "is not allowed"},
		"another one by its name":   {git("git@github.com:acme/infra.git2"), "is not allowed"},
		"a way out of the prefix":   {git("https://github.com/acme/../elsewhere/web.git"), "without . and .."},
		"the same, encoded":         {git("https://github.com/acme/%2E%2e/elsewhere/web.git"), "encoded characters"},
		"a host that begins alike":  {git("https://github.com.evil.example/acme/web.git"), "is not allowed"},
		"a user in front":           {git("https://evil@github.com/acme/web.git"), "is not allowed"},
		"a Flux source":             {fields{"source": fields{"sourceRef": fields{"kind": "GitRepository", "name": "web"}}}, "Flux sources are not allowed"},
		"capitals of another owner": {git("https://github.com/ACME/web.git"), "is not allowed"},
	})
	w.ratchet(git("https://github.com/elsewhere/web.git"), fields{"suspend": true, "timeout": "2h"}, git("https://evil.example/web.git"), "spec.source.git.repository: https://evil.example/web.git is not allowed")
	w.verdict("to what is allowed", w.alice.Patch(t.Context(), w.stack("old", nil), patch(fields{"spec": git("https://github.com/acme/web.git")})))
}

func TestAccounts(t *testing.T) {
	w := newTeam(t, nil)
	w.must(w.alice.Create(t.Context(), w.stack("old", fields{"roleARN": nil})))
	w.enforce("awscdk-operator-accounts", map[string]string{"accounts": "123456789012\n210987654321", "roles": "arn:aws:iam::123456789012:role/cdk/*\narn:aws:iam::210987654321:role/deployer"},
		fields{"roleARN": "arn:aws:iam::999999999999:role/x"})
	w.create(cases{
		"a role of the prefix":    {nil, ""},
		"a role by its name":      {fields{"roleARN": "arn:aws:iam::210987654321:role/deployer"}, ""},
		"no role":                 {fields{"roleARN": nil}, "spec.roleARN: it is required in this namespace, so that the account is known"},
		"an empty one":            {fields{"roleARN": ""}, "it is required"},
		"another account":         {fields{"roleARN": "arn:aws:iam::999999999999:role/cdk/deployer"}, "is not in an account that is allowed in this namespace: use 123456789012, 210987654321"},
		"another role":            {fields{"roleARN": "arn:aws:iam::123456789012:role/admin"}, "is not allowed in this namespace: use one of arn:aws:iam::123456789012:role/cdk/*"},
		"the account in the path": {fields{"roleARN": "arn:aws:iam::999999999999:role/123456789012/x"}, "is not in an account"},
	})
	w.ratchet(fields{"roleARN": nil}, fields{"suspend": true, "awsRegion": "us-east-1"}, fields{"roleARN": "arn:aws:iam::999999999999:role/x"}, "spec.roleARN")
	w.verdict("another Secret for no role", w.alice.Patch(t.Context(), w.stack("old", nil), patch(fields{"spec": fields{"credentialsSecretName": "other"}})), "spec.roleARN: it is required")
}

func TestRegions(t *testing.T) {
	w := newTeam(t, nil)
	w.must(w.alice.Create(t.Context(), w.stack("old", fields{"awsRegion": "ap-south-1"})))
	w.enforce("awscdk-operator-regions", map[string]string{"regions": "eu-central-1\nus-east-1"}, fields{"awsRegion": "eu-west-3"})
	w.create(cases{
		"one of them":             {nil, ""},
		"another":                 {fields{"awsRegion": "eu-central-2"}, "spec.awsRegion: eu-central-2 is not allowed in this namespace: use one of eu-central-1, us-east-1"},
		"the default is as named": {fields{"awsRegion": nil}, ""},
	})
	w.ratchet(fields{"awsRegion": "ap-south-1"}, fields{"suspend": true}, fields{"awsRegion": "eu-west-3"}, "spec.awsRegion: eu-west-3 is not allowed")
}

var noCredentials = fields{"credentialsSecretName": nil, "roleARN": nil}

func TestOperatorIdentity(t *testing.T) {
	w := newTeam(t, nil)
	w.must(admin.Create(t.Context(), w.stack("old", noCredentials)))
	w.enforce("awscdk-operator-identity", nil, noCredentials)
	w.create(cases{
		"a Secret":                {nil, ""},
		"a ServiceAccount":        {fields{"credentialsSecretName": nil, "serviceAccountName": "deployer"}, ""},
		"nothing":                 {noCredentials, "name a Secret or a ServiceAccount of this namespace"},
		"empty names":             {fields{"credentialsSecretName": "", "serviceAccountName": "", "roleARN": nil}, "the operator's own AWS identity is not for this namespace"},
		"a role for the operator": {fields{"credentialsSecretName": nil}, "the operator's own AWS identity is not for this namespace"},
	})
	// The object was made by somebody who may. Others cannot make it run something else.
	w.ratchet(noCredentials, fields{"suspend": true, "timeout": "2h"}, git("https://github.com/acme/evil.git"), "the operator's own AWS identity")
	w.verdict("a hook", w.alice.Patch(t.Context(), w.stack("old", nil), patch(fields{"spec": fields{"lifecycleHooks": fields{"beforeDeploy": "env"}}})), "the operator's own AWS identity")
	w.grant("alice", "use-operator-identity", rbacv1.PolicyRule{APIGroups: []string{"awscdk.dev"}, Resources: []string{"cdktsstacks"}, Verbs: []string{"use-operator-identity"}})
	w.eventually("the right is enough", func() error { return w.alice.Create(t.Context(), w.stack("new", noCredentials), client.DryRunAll) })
}

func TestOperatorIdentityByLabel(t *testing.T) {
	w := newTeam(t, map[string]string{"awscdk.dev/operator-identity": "roles"})
	w.enforce("awscdk-operator-identity", nil, noCredentials)
	w.create(cases{
		"a role for the operator": {fields{"credentialsSecretName": nil}, ""},
		"nothing":                 {noCredentials, "without one, spec.roleARN is required here"},
	})
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}
	w.must(admin.Patch(t.Context(), namespace, patch(fields{"metadata": fields{"labels": fields{"awscdk.dev/operator-identity": "any"}}})))
	w.eventually("any is enough", func() error { return w.alice.Create(t.Context(), w.stack("new", noCredentials), client.DryRunAll) })
}

func TestServiceAccounts(t *testing.T) {
	w := newTeam(t, nil)
	account := fields{"credentialsSecretName": nil, "serviceAccountName": "deployer"}
	w.must(admin.Create(t.Context(), w.stack("old", account)))
	w.enforce("awscdk-operator-service-accounts", nil, account)
	w.create(cases{
		"no account":         {nil, ""},
		"an account of pods": {fields{"runner": fields{"serviceAccountName": "deployer"}}, "spec.runner.serviceAccountName: you may not act as the ServiceAccount deployer"},
		"an account":         {account, "spec.serviceAccountName: you may not act as the ServiceAccount deployer: ask for the verb use on it"},
	})
	w.ratchet(account, fields{"suspend": true}, git("https://github.com/acme/evil.git"), "you may not act as the ServiceAccount deployer")
	w.grant("alice", "use-deployer", rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"serviceaccounts"}, ResourceNames: []string{"deployer"}, Verbs: []string{"use"}})
	w.eventually("the right is enough", func() error { return w.alice.Create(t.Context(), w.stack("new", account), client.DryRunAll) })
	w.verdict("for this one account", w.alice.Create(t.Context(), w.stack("new", fields{"credentialsSecretName": nil, "serviceAccountName": "other"})), "ServiceAccount other")
	bob := w.user("bob", "awscdk-operator-edit", "awscdk-operator-view")
	w.grant("bob", "impersonate-deployer", rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"serviceaccounts"}, ResourceNames: []string{"deployer"}, Verbs: []string{"impersonate"}})
	w.eventually("so is impersonate", func() error { return bob.Create(t.Context(), w.stack("new", account), client.DryRunAll) })
}

func TestKeepStacks(t *testing.T) {
	w := newTeam(t, nil)
	w.must(w.alice.Create(t.Context(), w.stack("old", fields{"actions": nil})))
	w.enforce("awscdk-operator-keep-stacks", nil, fields{"actions": fields{"destroy": true}})
	w.create(cases{
		"kept":                   {nil, ""},
		"deleted":                {fields{"actions": fields{"destroy": true}}, "spec.actions.destroy: set it to false"},
		"deleted by the default": {fields{"actions": nil}, "spec.actions.destroy: set it to false"},
	})
	w.ratchet(fields{"actions": nil}, fields{"suspend": true}, fields{"actions": fields{"destroy": true, "autoRedeploy": true}}, "spec.actions.destroy")
}

func TestRunner(t *testing.T) {
	w := newTeam(t, nil)
	volumes := fields{"runner": fields{"volumes": []any{fields{"name": "x", "secret": fields{"secretName": "others"}}}}}
	w.must(w.alice.Create(t.Context(), w.stack("old", volumes)))
	w.enforce("awscdk-operator-runner", map[string]string{"runnerFields": "resources\nenv"}, volumes)
	w.create(cases{
		"no runner":     {nil, ""},
		"what is named": {fields{"runner": fields{"resources": fields{"limits": fields{"memory": "2Gi"}}}}, ""},
		"a volume":      {volumes, "spec.runner: volumes may not be set in this namespace: only resources, env may"},
		"a priority":    {fields{"runner": fields{"priorityClassName": "system-node-critical", "resources": fields{}}}, "priorityClassName may not be set"},
	})
	w.ratchet(volumes, fields{"suspend": true}, fields{"runner": fields{"tolerations": []any{fields{"operator": "Exists"}}}}, "may not be set in this namespace")
}

// The finalizer and the status are the operator's to write, whatever a policy says of the object.
func TestTheOperatorIsNotHeldUp(t *testing.T) {
	w := newTeam(t, nil)
	w.must(admin.Create(t.Context(), w.stack("old", noCredentials)))
	w.enforce("awscdk-operator-identity", nil, noCredentials)
	w.grant("operator", "operator", rbacv1.PolicyRule{APIGroups: []string{"awscdk.dev"}, Resources: []string{"cdktsstacks", "cdktsstacks/status"}, Verbs: []string{"get", "patch", "update"}})
	operator := w.user("operator")
	w.eventually("the finalizer", func() error {
		return operator.Patch(t.Context(), w.stack("old", nil), patch(fields{"metadata": fields{"finalizers": []string{"cdkstack.awscdk.dev/finalizer"}}}))
	})
	w.verdict("the status", operator.Status().Patch(t.Context(), w.stack("old", nil), patch(fields{"status": fields{"phase": "Pending"}})))
	w.must(admin.Delete(t.Context(), w.stack("old", nil)))
	w.verdict("letting go", operator.Patch(t.Context(), w.stack("old", nil), patch(fields{"metadata": fields{"finalizers": []string{}}})))
}

// A policy without its parameters lets nothing through.
func TestWithoutItsParametersAPolicyRefuses(t *testing.T) {
	w := newTeam(t, nil)
	w.enforce("awscdk-operator-regions", map[string]string{"other": "x"}, nil)
	w.must(admin.Delete(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "awscdk-operator-system", Name: w.namespace}}))
	w.verdict("with none", w.alice.Create(t.Context(), w.stack("new", nil)), "awscdk-operator-regions")
}

func TestTheExampleLetsAGoodObjectThrough(t *testing.T) {
	w := newTeam(t, map[string]string{"awscdk.dev/policies": "team"})
	objects, err := read(filepath.Join("policies", "example", "bindings.yaml"))
	w.must(err)
	for _, o := range objects {
		w.must(admin.Create(t.Context(), o))
		t.Cleanup(func() { _ = admin.Delete(t.Context(), o) })
	}
	for policy, bad := range map[string]fields{
		"awscdk-operator-repositories":     git("https://evil.example/x.git"),
		"awscdk-operator-accounts":         {"roleARN": "arn:aws:iam::999999999999:role/x"},
		"awscdk-operator-regions":          {"awsRegion": "ap-south-1"},
		"awscdk-operator-identity":         {"credentialsSecretName": nil},
		"awscdk-operator-service-accounts": {"credentialsSecretName": nil, "serviceAccountName": "deployer"},
		"awscdk-operator-keep-stacks":      {"actions": nil},
		"awscdk-operator-runner":           {"runner": fields{"priorityClassName": "x"}},
	} {
		w.eventually(policy, func() error {
			if err := w.alice.Create(t.Context(), w.stack("bad", bad), client.DryRunAll); err == nil || !strings.Contains(err.Error(), policy) || !strings.Contains(err.Error(), "spec.") {
				return errNotYet{err}
			}
			return nil
		})
	}
	w.eventually("a good object", func() error { return w.alice.Create(t.Context(), w.stack("good", nil), client.DryRunAll) })
}
