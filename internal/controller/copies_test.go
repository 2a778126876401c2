package controller_test

import (
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestOutputsAreCopiedAnewWhenTheyChange(t *testing.T) {
	for kind, target := range map[string]v1alpha1.OutputsTarget{
		"ConfigMap": {ConfigMapName: "web-outputs"},
		"Secret":    {SecretName: "web-outputs"},
	} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t)
			w.commitOutput("one")
			w.manage()
			obj := w.stack("web")
			obj.Spec.Outputs = &target
			obj.Spec.Actions = &v1alpha1.Actions{AutoRedeploy: new(true)}
			w.create(obj)
			w.untilReady("web")
			awstest.Eventually(t, "the copy says one", func() bool { return w.copied(target) == "one" })
			w.commitOutput("two")
			w.until("web", "the second output is there", func(o *v1alpha1.CdkTsStack) bool { return ready(o) && o.Status.Outputs["Said"] == "two" })
			awstest.Eventually(t, "the copy says two", func() bool { return w.copied(target) == "two" })
		})
	}
}

// commitOutput commits an app whose stack has one output.
func (w *world) commitOutput(value string) {
	w.commitFiles(map[string]string{
		"template.json": `{"Resources":{"Topic":{"Type":"AWS::SNS::Topic"}},"Outputs":{"Said":{"Value":"` + value + `"}}}`,
	})
}

// copied is the output as a copy of it says, "" before there is one.
func (w *world) copied(target v1alpha1.OutputsTarget) string {
	key := client.ObjectKey{Namespace: w.namespace, Name: target.ConfigMapName + target.SecretName}
	if target.SecretName != "" {
		var s corev1.Secret
		w.must(client.IgnoreNotFound(w.client.Get(w.Context(), key, &s)))
		return string(s.Data["Said"])
	}
	var c corev1.ConfigMap
	w.must(client.IgnoreNotFound(w.client.Get(w.Context(), key, &c)))
	return c.Data["Said"]
}
