package e2e

import (
	"strings"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/git/gittest"
	"awscdk.dev/operator/test/e2e/rig"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// lives deploys the sample app's two stacks, one from each of git's
// protocols, as the guides say; changes one by a commit; and deletes both.
func (w *world) lives(t *testing.T) {
	repo := w.Repo(t, "web/platform.git")
	first := commit(t, repo, rig.SampleApp(t).At("stacks/sample"), "Add the app")

	shared := rig.Stack(w.namespace, "shared", "Shared", w.HTTP.URL+"/web/platform.git", "./stacks/sample")
	w.Create(t, shared)
	w.waitReady(t, shared)
	deployed := w.Get(t, shared).Status
	if arn := deployed.Outputs["AlertsTopicArn"]; !strings.HasPrefix(arn, "arn:aws:sns:"+rig.Region+":") {
		t.Errorf("the output AlertsTopicArn is %q", arn)
	}
	if deployed.Deployed.Target.Revision != first || deployed.StackID == "" {
		t.Errorf("revision %q, stack %q are deployed; want %s and an ARN", deployed.Deployed.Target.Revision, deployed.StackID, first)
	}

	w.Secret(t, w.namespace, "deploy-key", corev1.SecretTypeSSHAuth, map[string]string{
		corev1.SSHAuthPrivateKey: string(w.SSHKey), "known_hosts": string(w.SSH.KnownHosts()),
	})
	app := rig.Stack(w.namespace, "web-app", "WebApp", w.SSH.URL+"/web/platform.git", "stacks/sample")
	app.Spec.Source.Git.SSHSecretName = "deploy-key"
	app.Spec.Actions = &v1alpha1.Actions{AutoRedeploy: ptr.To(true)}
	w.Create(t, app)
	w.waitReady(t, app)
	if out := w.Get(t, app).Status.Outputs; out["EnvironmentParameter"] != "/web-app/environment" || out["JobsUrl"] == "" {
		t.Errorf("outputs %v", out)
	}

	second := commit(t, repo, rig.App{"stacks/sample/lib/settings.ts": strings.ReplaceAll(
		rig.SampleApp(t)["lib/settings.ts"], "version 1", "version 2")}, "Greet again")
	after := w.UntilDeployed(t, app, second)
	if got := after.Status.History[0].Outcome; got != v1alpha1.OutcomeSucceeded {
		t.Errorf("the new commit's deployment was %s", got)
	}
	w.Until(t, shared, "the new commit is pending where nobody asked for it", func(o *v1alpha1.CdkTsStack) bool {
		return o.Status.Source.PendingRevision == second && o.Status.Deployed.Target.Revision == first
	})
	for _, reason := range []string{"StackDeployStart", "StackDeploySuccess", "GitChangesDetected", "AutoRedeployStart", "AutoRedeploySuccess"} {
		w.hasEvent(t, app, reason)
	}

	for _, obj := range []*v1alpha1.CdkTsStack{app, shared} {
		w.Delete(t, obj)
		w.UntilGone(t, obj)
		if n := w.calls(t, "DeleteStack", obj.Spec.StackName); n != 1 {
			t.Errorf("%s: DeleteStack was called %d times, want once", obj.Name, n)
		}
		if stack := w.stackStatus(t, obj.Spec.StackName); stack != "" {
			t.Errorf("the object %s is gone, its stack is %s", obj.Name, stack)
		}
	}
}

// waitReady is what the guides tell people, and scripts, to do.
func (w *world) waitReady(t *testing.T, obj *v1alpha1.CdkTsStack) {
	t.Helper()
	if _, err := w.Kubectl(t, "wait", "-n", obj.Namespace, "--for=condition=Ready", "cdk/"+obj.Name, "--timeout=4m"); err != nil {
		t.Fatalf("%v\n%s", err, w.Get(t, obj).Status.Message)
	}
}

func commit(t *testing.T, repo *gittest.Repo, files rig.App, message string) string {
	t.Helper()
	hash, err := repo.Commit(files, message)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}
