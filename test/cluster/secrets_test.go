package cluster

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/test/e2e/rig"
	"awscdk.dev/operator/test/seed/customer"
)

// sight is what user code saw in one container.
type sight struct {
	Variables map[string]string
	Files     map[string]string
	Processes map[string]string
	Mounts    string
}

// secretsInside lets user code look around in every container that it runs in: it must find what its stage
// is given and nothing else.
func (w *world) secretsInside() {
	const namespace, build = "prying", "build-secret-of-the-team"
	w.namespace(namespace)
	w.Secret(w.T, namespace, "deploy-key", corev1.SecretTypeSSHAuth, map[string]string{
		"ssh-privatekey": string(w.SSHKey), "known_hosts": string(w.SSH.KnownHosts()),
	})
	w.Secret(w.T, namespace, "licences", corev1.SecretTypeOpaque, map[string]string{"LICENCE": build})
	pry := func(page string) string { return "node probe.js " + w.ledger.URL + "/prying/" + page }
	app := quickApp(stackName("prying"), "prying")
	app["probe.js"] = w.testdata("probe.js")
	app["package.json"] = `{"name": "quick", "version": "1.0.0", "scripts": {"preinstall": "` + pry("install") + `"}}`
	app["cdk.json"] = `{"app": "` + pry("synth") + ` && node app.js"}`
	p := w.publish("prying.git", app)
	stack := stackOf(namespace, "prying", p)
	stack.Spec.Source.Git.Repository = "ssh://git@" + address + "/prying.git"
	stack.Spec.Source.Git.SSHSecretName = "deploy-key"
	stack.Spec.Build = &v1alpha1.Build{EnvFrom: []v1alpha1.EnvFrom{{SecretRef: &v1alpha1.ObjectRef{Name: "licences"}}}}
	stack.Spec.LifecycleHooks = &v1alpha1.LifecycleHooks{
		BeforeDeploy: pry("beforeDeploy"),
		AfterDeploy:  "set -e\n" + pry("afterDeploy") + "\nkubectl get cdk prying -o name\nif kubectl get secrets; then exit 1; fi",
	}
	w.Create(w.T, stack)
	w.Until(w.T, stack, "it is deployed", rig.Ready)

	key := strings.Split(string(w.SSHKey), "\n")[2]
	for _, stage := range []struct {
		page        string
		finds, lack []string
	}{
		// It is given the variables of spec.build, which .npmrc may name.
		{"install", []string{build}, []string{key, secretKey, customer.IncidentToken, "eyJhbGciOi"}},
		{"synth", []string{secretKey, build}, []string{key, customer.IncidentToken, "eyJhbGciOi"}},
		// kubectl works there, without a token that could be read.
		{"beforeDeploy", []string{secretKey, build, customer.IncidentToken}, []string{key}},
		{"afterDeploy", []string{secretKey, build, customer.IncidentToken}, []string{key}},
	} {
		w.Run(stage.page, func(t *testing.T) { w.in(t).sees(namespace, stage.page, stage.finds, stage.lack) })
	}
}

// sees compares what a container's user code saw with what it should.
func (w *world) sees(namespace, page string, finds, lack []string) {
	told := w.ledger.entries("prying/" + page)
	if len(told) == 0 {
		w.Fatal("nobody looked")
	}
	all := told[len(told)-1]
	var s sight
	if err := json.Unmarshal([]byte(all), &s); err != nil {
		w.Fatal(err)
	}
	for _, secret := range finds {
		if !strings.Contains(all, secret) {
			w.Errorf("it lacks %s", secret)
		}
	}
	for _, secret := range lack {
		if at := strings.Index(all, secret); at >= 0 {
			w.Errorf("it finds %s …%s", secret, all[max(0, at-200):at])
		}
	}
	for path, text := range s.Files {
		if strings.Contains(path, "kubernetes.io/serviceaccount") {
			w.Errorf("a service account's token is mounted at %s", path)
		}
		for _, identity := range tokens(text) {
			if identity != "system:serviceaccount:"+namespace+":awscdk-operator-hooks" {
				w.Errorf("%s holds a token of %s", path, identity)
			}
		}
	}
	for line := range strings.Lines(s.Mounts) {
		if fields := strings.Fields(line); fields[1] == "/" && !strings.HasPrefix(fields[3], "ro") {
			w.Errorf("its root can be written to: %s", line)
		}
	}
}

// tokens are the subjects of the JSON web tokens in a text.
func tokens(text string) (subjects []string) {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \n\t\"'=,:\x00", r) }) {
		parts := strings.Split(word, ".")
		if len(parts) != 3 || !strings.HasPrefix(word, "eyJ") {
			continue
		}
		var claims struct{ Sub string }
		if raw, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil && json.Unmarshal(raw, &claims) == nil {
			subjects = append(subjects, claims.Sub)
		}
	}
	return subjects
}

func (w *world) testdata(name string) string {
	w.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		w.Fatal(err)
	}
	return string(text)
}
