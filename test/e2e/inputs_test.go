package e2e

import (
	"strings"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/test/e2e/rig"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"
)

// followsWhatItReads has a project in a repository of many: a commit is a
// change when it touches the project's folder, or what the app reads beside it.
func (w *world) followsWhatItReads(t *testing.T) {
	program := strings.ReplaceAll(rig.OneParameter("Monorepo"), "'one'", "require('../../lib/names/value.js')")
	repo := w.Repo(t, "everything.git")
	commit(t, repo, rig.SmallApp(t, program).At("apps/small").With(rig.App{
		"lib/names/value.js": "module.exports = 'one';\n", "web/index.js": "// another team's\n", "README.md": "# Everything\n",
	}), "Add everything")
	obj := rig.Stack(w.namespace, "monorepo", "Monorepo", w.HTTP.URL+"/everything.git", "./apps/small")
	obj.Spec.Actions = &v1alpha1.Actions{AutoRedeploy: ptr.To(true)}
	w.Create(t, obj)
	w.waitReady(t, obj)
	if diff := cmp.Diff([]string{"apps/small", "lib/names"}, w.Get(t, obj).Status.Deployed.Plan.Inputs); diff != "" {
		t.Errorf("inputs (-want +got):\n%s", diff)
	}

	others := commit(t, repo, rig.App{"web/index.js": "// another team's edit\n", "README.md": "# Everything here\n"}, "Edit the web")
	passed := w.Until(t, obj, "another team's commit is passed over", func(o *v1alpha1.CdkTsStack) bool {
		return o.Status.Source.IrrelevantRevision == others
	})
	if pending := passed.Status.Source.PendingRevision; pending != "" || !rig.Ready(passed) || len(passed.Status.History) != 1 {
		t.Errorf("pending %q, ready %v, %d deployments; want none pending, ready, one", pending, rig.Ready(passed), len(passed.Status.History))
	}

	ours := commit(t, repo, rig.App{"lib/names/value.js": "module.exports = 'two';\n"}, "Rename it")
	after := w.UntilDeployed(t, obj, ours)
	if got := after.Status.History[0].Outcome; got != v1alpha1.OutcomeSucceeded {
		t.Errorf("the outcome is %s, want %s", got, v1alpha1.OutcomeSucceeded)
	}
	w.Delete(t, obj)
	w.UntilGone(t, obj)
}
