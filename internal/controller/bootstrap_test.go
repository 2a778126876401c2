package controller_test

import "testing"

// What one stack of an account has heard of its bootstrap serves the next ones, and
// one that needs more is heard by itself.
func TestStacksOfAnAccountShareTheVersionOfItsBootstrap(t *testing.T) {
	const needs = `{"bootstrapParameter":"/cdk-bootstrap/hnb659fds/version","bootstrapVersion":`
	w := newWorld(t)
	w.commitFiles(map[string]string{
		"a/template.json": template(w, map[string]any{"Topic": topic("a")}), "a/app.json": needs + `6}`,
		"b/template.json": template(w, map[string]any{"Topic": topic("b")}), "b/app.json": needs + `900}`,
	})
	w.manage()
	for _, name := range []string{"one", "two", "three"} {
		obj := w.stack(name)
		obj.Spec.Path = "a"
		w.create(obj)
		w.untilReady(name)
	}
	if n := len(w.aws.Calls(t, "GetParameter")); n != 1 {
		t.Errorf("the version was read %d times, want once", n)
	}
	demanding := w.stack("demanding")
	demanding.Spec.Path = "b"
	w.create(demanding)
	refused := w.until("demanding", "it is refused", because("BootstrapTooOld"))
	contains(t, message(refused), "the app needs 900: run `cdk bootstrap")
	// Whoever bootstraps is heard by the next attempt, and waits for no minute.
	w.parameter("/cdk-bootstrap/hnb659fds/version", "900")
	w.edit("demanding", `{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}}}`)
	w.untilReady("demanding")
}
