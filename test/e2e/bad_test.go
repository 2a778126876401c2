package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/awsconfig/awstest"
	"awscdk.dev/operator/test/e2e/rig"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// refusedSecret belongs to a key that AWS does not know.
const refusedSecret = "refused/secret/key/that/nobody/may/see/ab"

// bad is what somebody did wrong, and what the object must say about it.
type bad struct {
	// app is in the repository "bad.git", in a folder of the case's name.
	app rig.App
	// spoil makes the object wrong; it may be nil.
	spoil  func(*v1alpha1.CdkTsStack)
	reason string
	// says are parts of the condition's message: what happened, and the fix.
	says []string
	// event, if another than StackDeployFailure.
	event string
}

// badInput makes every mistake at once, and deploys a good stack meanwhile.
func (w *world) badInput(t *testing.T) {
	w.Secret(t, w.namespace, "refused", corev1.SecretTypeOpaque, map[string]string{
		"AWS_ACCESS_KEY_ID": "INVALIDINVALIDINVALID", "AWS_SECRET_ACCESS_KEY": refusedSecret,
	})
	w.AWS.Parameter(t, "/cdk-bootstrap/hnb659fds/version", "3") // in awstest.Region
	cases := w.badCases(t)
	tree := rig.App{}
	objects := map[string]*v1alpha1.CdkTsStack{}
	for name, c := range cases {
		folder := strings.ReplaceAll(strings.ToLower(name), " ", "-")
		maps.Copy(tree, c.app.At(folder))
		obj := rig.Stack(w.namespace, folder, "Small", w.HTTP.URL+"/bad.git", folder)
		obj.Spec.Retry = &v1alpha1.Retry{Limit: ptr.To[int32](0)}
		if c.spoil != nil {
			c.spoil(obj)
		}
		objects[name] = obj
	}
	commit(t, w.Repo(t, "bad.git"), tree, "Add mistakes")
	goOn := w.goodStack(t)
	for _, name := range slices.Sorted(maps.Keys(objects)) {
		w.Create(t, objects[name])
	}
	hanging := objects["an app that never ends"].DeepCopy()
	hanging.ObjectMeta = metav1.ObjectMeta{Namespace: w.namespace, Name: "hanging"}
	hanging.Spec.Timeout = &metav1.Duration{Duration: 10 * time.Minute}
	w.Create(t, hanging)
	goOn(hanging)
	w.Delete(t, hanging)
	w.UntilGone(t, hanging)
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		t.Run(name, func(t *testing.T) { w.tells(t, objects[name], cases[name]) })
	}
	for _, obj := range objects {
		w.Delete(t, obj)
	}
	for _, obj := range objects {
		w.UntilGone(t, obj)
	}
}

// goodStack deploys a stack. What it returns deploys a new commit of it while
// another object's build hangs.
func (w *world) goodStack(t *testing.T) (goOn func(hanging *v1alpha1.CdkTsStack)) {
	t.Helper()
	repo := w.Repo(t, "good.git")
	revision := commit(t, repo, rig.SmallApp(t, rig.OneParameter("Good")), "Add the app")
	good := rig.Stack(w.namespace, "good", "Good", w.HTTP.URL+"/good.git", "")
	good.Spec.Actions = &v1alpha1.Actions{AutoRedeploy: ptr.To(true)}
	w.Create(t, good)
	w.UntilDeployed(t, good, revision)
	return func(hanging *v1alpha1.CdkTsStack) {
		t.Helper()
		w.Until(t, hanging, "its app runs", func(o *v1alpha1.CdkTsStack) bool {
			return o.Status.Operation != nil && o.Status.Operation.RunStep == "Synthesizing"
		})
		revision = commit(t, repo, rig.App{"app.js": strings.ReplaceAll(rig.OneParameter("Good"), "'one'", "'two'")}, "Change it")
		w.UntilDeployed(t, good, revision)
		if op := w.Get(t, hanging).Status.Operation; op == nil || op.RunStep != "Synthesizing" {
			t.Errorf("the app that never ends has ended: %+v", op)
		}
		w.Delete(t, good)
		w.UntilGone(t, good)
	}
}

// tells checks condition, message and event, and that the operator rests.
func (w *world) tells(t *testing.T, obj *v1alpha1.CdkTsStack, c bad) {
	failed := w.Until(t, obj, "it is in trouble", func(o *v1alpha1.CdkTsStack) bool {
		return rig.Ready(o) || rig.Trouble(o) != nil
	})
	trouble := rig.Trouble(failed)
	if trouble == nil {
		t.Fatal("it was deployed")
	}
	t.Logf("%s: %s", trouble.Reason, trouble.Message)
	if trouble.Reason != c.reason {
		t.Errorf("the reason is %s, want %s", trouble.Reason, c.reason)
	}
	for _, part := range c.says {
		if !strings.Contains(trouble.Message, part) {
			t.Errorf("the message does not say %q:\n%s", part, trouble.Message)
		}
	}
	event := c.event
	if event == "" {
		event = "StackDeployFailure"
	}
	w.hasEvent(t, obj, event)
	for i, e := range w.Get(t, obj).Status.History {
		if i > 0 && e.Waited == 0 {
			t.Errorf("it was tried again: %s %s", e.Reason, e.Message)
		}
	}
	if failed.Finalizers == nil {
		t.Error("the finalizer is lost")
	}
}

func (w *world) badCases(t *testing.T) map[string]bad {
	small := rig.SmallApp(t, rig.OneParameter("Small"))
	inRegion := func(region string) func(*v1alpha1.CdkTsStack) {
		return func(o *v1alpha1.CdkTsStack) { o.Spec.AWSRegion = region }
	}
	minute := func(o *v1alpha1.CdkTsStack) { o.Spec.Timeout = &metav1.Duration{Duration: time.Minute} }
	return map[string]bad{
		"no lock file": {
			app: small.With(rig.App{"package-lock.json": ""}), reason: "MissingLockFile", says: []string{"package-lock.json", "ommit"},
		},
		"a lock file that does not fit": {
			app:    small.With(rig.App{"package.json": strings.ReplaceAll(small["package.json"], `"10.8.1"`, `"10.4.2"`)}),
			reason: "InstallFailed", says: []string{"npm failed", "package-lock.json"},
		},
		"broken TypeScript": {
			app: rig.SampleApp(t).With(rig.App{"lib/settings.ts": "export const settings = { jobTimeoutSeconds: 'soon', greeting: 'hello' };\n"}),
			spoil: func(o *v1alpha1.CdkTsStack) {
				o.Spec.StackName = "Shared"
				// Nobody but this case has a stack of the sample app here.
				o.Spec.AWSRegion = awstest.Region
			},
			reason: "SynthFailed", says: []string{"lib/web-app-stack.ts", "TS2345", "'string' is not assignable"},
		},
		"an app that throws": {
			app: rig.SmallApp(t, "throw new Error('ORDERS_TABLE is not set');\n"), reason: "SynthFailed", says: []string{"ORDERS_TABLE is not set", "app.js:1"},
		},
		"an app that never ends": {
			app: rig.SmallApp(t, "setInterval(() => {}, 1000);\n"), spoil: minute, reason: "TimedOut", says: []string{"1m0s", "spec.timeout"},
		},
		"a look-up that finds nothing": {
			app: rig.SmallApp(t, lookUp("'/nobody/made/this'")), reason: "SynthFailed", says: []string{"/nobody/made/this"},
		},
		"a look-up that leads to the next": {
			app: rig.SmallApp(t, ring), reason: "SynthFailed", says: []string{"20 times in a row", "/ring/", "cdk.context.json"},
		},
		"a template that is too large": {
			app:    rig.SmallApp(t, rig.OneParameter("Small")+"stack.templateOptions.metadata = { blob: 'x'.repeat(1200000) };\n"),
			reason: "TemplateTooLarge", says: []string{"1048576", "Split the stack"},
		},
		"a stack that the app lacks": {
			app: small, spoil: func(o *v1alpha1.CdkTsStack) { o.Spec.StackName = "Smal" }, reason: "StackNotInApp", says: []string{"Smal", "Small"},
		},
		"a path that is not there": {
			app: small, spoil: func(o *v1alpha1.CdkTsStack) { o.Spec.Path = "no/such/folder" }, reason: "InvalidProjectPath",
			says: []string{"no/such/folder"}, event: "InvalidProjectPath",
		},
		"a ref that is not there": {
			app: small, spoil: func(o *v1alpha1.CdkTsStack) { o.Spec.Source.Git.Ref = "mian" }, reason: "RefNotFound", says: []string{"mian"}, event: "RefNotFound",
		},
		"a repository that is not there": {
			app: small, spoil: func(o *v1alpha1.CdkTsStack) { o.Spec.Source.Git.Repository += "x" }, reason: "RepositoryNotFound",
			says: []string{"bad.gitx"}, event: "RepositoryNotFound",
		},
		"a registry that is down": {
			// Nobody listens on the port, and no cache has this package.
			app: small.With(rig.App{".npmrc": "registry=" + "http://127.0.0.1:9/\n"}), reason: "InstallFailed",
			says: []string{"registry could not be reached", "127.0.0.1:9"},
		},
		"an account that is not bootstrapped": {
			app: small, spoil: inRegion("eu-north-1"), reason: "NotBootstrapped", says: []string{"cdk bootstrap aws://" + awstest.Account + "/eu-north-1"},
		},
		"an account that was bootstrapped long ago": {
			app: small, spoil: inRegion(awstest.Region), reason: "BootstrapTooOld", says: []string{"version 3", "cdk bootstrap aws://" + awstest.Account + "/" + awstest.Region},
		},
		"credentials that are refused": {
			app: small, spoil: func(o *v1alpha1.CdkTsStack) { o.Spec.CredentialsSecretName = "refused" }, reason: "CredentialsInvalid",
			says: []string{"AWS_ACCESS_KEY_ID"},
		},
		"a Secret that is not there": {
			app: small, spoil: func(o *v1alpha1.CdkTsStack) { o.Spec.CredentialsSecretName = "nobody" }, reason: "SecretNotFound",
			says: []string{w.namespace + "/nobody"}, event: "SecretNotFound",
		},
		"a mebibyte of context": {
			app: small, spoil: func(o *v1alpha1.CdkTsStack) {
				o.Spec.CDKContext = []apiextensionsv1.JSON{{Raw: fmt.Appendf(nil, "%q", "a="+strings.Repeat("x", 1<<20-64))}}
			}, reason: "InvalidSpec", says: []string{"cdkContext", "65536"}, event: "InvalidSpec",
		},
	}
}

// ring is the program of an app that asks for another parameter each time. It
// writes its assembly itself: the library would take seconds to load, each time.
const ring = `const fs = require('fs'), env = process.env;
const parameterName = '/ring/' + process.hrtime.bigint();
const props = { account: env.CDK_DEFAULT_ACCOUNT, region: env.CDK_DEFAULT_REGION, parameterName };
fs.mkdirSync(env.CDK_OUTDIR, { recursive: true });
fs.writeFileSync(env.CDK_OUTDIR + '/manifest.json', JSON.stringify({
  version: '36.0.0', artifacts: {}, missing: [{ key: parameterName, provider: 'ssm', props }],
}));
`

// lookUp is the program of an app that asks AWS for a parameter.
func lookUp(parameter string) string {
	return `const cdk = require('aws-cdk-lib');
const ssm = require('aws-cdk-lib/aws-ssm');
const stack = new cdk.Stack(new cdk.App(), 'Small', {
  env: { account: process.env.CDK_DEFAULT_ACCOUNT, region: process.env.CDK_DEFAULT_REGION },
});
new cdk.CfnOutput(stack, 'Value', { value: ssm.StringParameter.valueFromLookup(stack, ` + parameter + `) });
`
}
