package cli

import (
	"fmt"
	"strings"

	"awscdk.dev/operator/api/v1alpha1"

	"go.yaml.in/yaml/v3"
)

// meanings are what is different now for an object that is right in itself.
// docs/migration.md tells the same.
var meanings = []func(*checked){
	(*checked).twice, (*checked).context, (*checked).sshKey, (*checked).guard, (*checked).exported, (*checked).emergency,
}

// twice tells of fields that are written twice, of which the last counts.
func (c *checked) twice() {
	var walk func(n *yaml.Node, path string)
	walk = func(n *yaml.Node, path string) {
		seen := map[string]bool{}
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			key, below := n.Content[i], n.Content[i+1]
			at := strings.TrimPrefix(path+"."+key.Value, ".")
			if seen[key.Value] && key.Value != "<<" {
				c.findings = append(c.findings, finding{grade: look, path: at, line: c.before + key.Line, text: "it is there twice: the last one counts"})
			}
			seen[key.Value] = true
			walk(below, at)
		}
		for i := 0; n.Kind == yaml.SequenceNode && i < len(n.Content); i++ {
			walk(n.Content[i], fmt.Sprintf("%s[%d]", path, i))
		}
	}
	walk(c.node, "")
}

// context tells of what the earlier operator dropped.
func (c *checked) context() {
	a := c.obj.Spec.Actions
	if len(c.obj.Spec.CDKContext) == 0 || a == nil || a.AutoRedeploy == nil || !*a.AutoRedeploy {
		return
	}
	c.find(look, "spec.cdkContext", "the earlier operator dropped it when it deployed a new commit by itself, and in drift checks. It is used always now, so the first deployment may change more than its commit says: look with npx cdk diff, and the same -c KEY=VALUE, before")
}

// sshKey tells of what was announced and never read.
func (c *checked) sshKey() {
	git := c.obj.Spec.Source.Git
	if git.SSHSecretName != "" {
		c.find(note, "spec.source.git.sshSecretName", fmt.Sprintf("it counts now, and was ignored before: the Secret %s must be in the object's namespace and hold ssh-privatekey", git.SSHSecretName))
		if strings.HasPrefix(git.Repository, "http") {
			c.find(look, "spec.source.git.sshSecretName", "the repository is reached over https, so the key is of no use: write git@HOST:ORG/REPO.git, or name a Secret with source.git.secretName")
		}
	}
}

// guard tells of hooks that keep an object from going.
func (c *checked) guard() {
	h := c.obj.Spec.LifecycleHooks
	if h == nil || h.BeforeDestroy == "" {
		return
	}
	const path = "spec.lifecycleHooks.beforeDestroy"
	a := c.obj.Spec.Actions
	kept := a != nil && a.Destroy != nil && !*a.Destroy
	switch {
	case alwaysFails(h.BeforeDestroy) && kept:
		c.find(look, path, fmt.Sprintf("it always fails, and now keeps the object, too: kubectl delete waits for ever. actions.destroy: false keeps the stack already. To let the object go: kubectl patch cdk %s --type=merge -p '{\"spec\":{\"lifecycleHooks\":{\"beforeDestroy\":null}}}'", c.obj.Name))
	case alwaysFails(h.BeforeDestroy):
		c.find(look, path, "it always fails, and a failure blocks now: the object and its stack cannot be deleted as long as it is there")
		c.find(hint, path, "spec.actions.destroy keeps the stack when the object is deleted:", "actions:", "  destroy: false")
	case kept:
		c.find(note, path, "it runs although actions.destroy is false: when it exits with another code than 0 the object stays; the stack stays in any case")
	default:
		c.find(note, path, "when it exits with another code than 0 neither the stack nor the object is deleted; the earlier operator deleted all the same")
	}
}

// alwaysFails says whether a script plainly ends with an error whatever happens:
// it exits with another code than 0, and decides nothing before.
func alwaysFails(script string) bool {
	for _, line := range commands(script) {
		if decides.MatchString(line) {
			return false
		}
		if exitsWithError.MatchString(line) {
			return true
		}
	}
	return false
}

// exported tells of what the API server writes into an object.
func (c *checked) exported() {
	m := c.obj.ObjectMeta
	if m.ResourceVersion != "" || m.UID != "" {
		c.find(look, "metadata", "it holds resourceVersion or uid, as kubectl get -o yaml writes them: take them out, or an apply fails once the object has changed")
	}
	if c.object["status"] != nil {
		c.find(note, "status", "it is not taken from a manifest. An object that is new to the cluster gets a first deployment; only objects that stayed in the cluster are adopted as they stand")
	}
}

// emergency tells of an order that was left in a manifest.
func (c *checked) emergency() {
	if c.obj.Annotations[v1alpha1.EmergencyAnnotation] == "" {
		return
	}
	c.find(look, "metadata.annotations", v1alpha1.EmergencyAnnotation+" is an order that is given when it is needed: take it out of the manifest, which would give it whenever it is applied anew")
}
