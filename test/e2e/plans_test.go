package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/test/e2e/rig"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// planned is the program of an app with a table of a custom name, a role, and two
// resources that can be moved. What it makes depends on its stage.
const planned = `const cdk = require('aws-cdk-lib');
const dynamodb = require('aws-cdk-lib/aws-dynamodb'), iam = require('aws-cdk-lib/aws-iam'), sns = require('aws-cdk-lib/aws-sns');
const { Construct } = require('constructs');
const stage = 'first';
const stack = new cdk.Stack(new cdk.App(), 'Plans');
const key = stage === 'changed' ? 'email' : 'id';
new dynamodb.CfnTable(stack, 'Users', {
  tableName: 'plans-users', billingMode: 'PAY_PER_REQUEST',
  attributeDefinitions: [{ attributeName: key, attributeType: 'S' }], keySchema: [{ attributeName: key, keyType: 'HASH' }],
});
const worker = new iam.Role(stack, 'Worker', { assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com') });
const actions = stage === 'changed' ? ['s3:GetObject', 's3:DeleteObject'] : ['s3:GetObject'];
worker.addToPolicy(new iam.PolicyStatement({ actions, resources: ['arn:aws:s3:::plans-of-e2e/*'] }));
const home = stage === 'moved' ? new Construct(stack, 'Alerting') : stack;
new sns.CfnTopic(home, 'Alerts').overrideLogicalId('Alerts');
new sns.CfnTopic(home, 'Reports');
if (stage === 'grown') {
  for (let i = 0; i < 300; i++) new sns.CfnTopic(stack, 'Team' + String(i).padStart(3, '0'), { displayName: 'team ' + i });
}
`

// shownPlan is one plan that waits, in the status and as a whole.
type shownPlan struct {
	*v1alpha1.Changes
	whole v1alpha1.PlanDetails
}

// plans has plans of the real CDK wait for their approval, one after the other, and
// reads what they tell.
func (w *world) plans(t *testing.T) {
	repo := w.Repo(t, "plans.git")
	commit(t, repo, rig.SmallApp(t, planned), "Add the app")
	obj := rig.Stack(w.namespace, "plans", "Plans", w.HTTP.URL+"/plans.git", "")
	obj.Spec.Actions = &v1alpha1.Actions{AutoRedeploy: ptr.To(true)}
	obj.Spec.Approval = &v1alpha1.Approval{Required: v1alpha1.ApprovalOnNewCommit}
	w.Create(t, obj)
	w.waitReady(t, obj)
	show := func(stage string) shownPlan {
		t.Helper()
		revision := commit(t, repo, rig.App{"app.js": strings.Replace(planned, "'first'", "'"+stage+"'", 1)}, stage)
		return w.shown(t, obj, revision)
	}

	// A construct that keeps its logical id is moved. One that does not is another to
	// CloudFormation, and that is what the plan says.
	moved := show("moved")
	if r := moved.of(t, "Alerts"); r.Class != v1alpha1.ChangeMoved || r.Action != v1alpha1.ChangeModify || r.MovedFrom != "Plans/Alerts" || r.Path != "Plans/Alerting/Alerts" {
		t.Errorf("what moved and kept its id: %+v", r)
	}
	if r := moved.of(t, "Reports"); r.Action != v1alpha1.ChangeRemove || r.Class != v1alpha1.ChangeDestructive {
		t.Errorf("what moved and lost its id: %+v", r)
	}
	if moved.Moved != 1 || moved.Remove != 1 || moved.Add != 1 || moved.Security != 0 || len(moved.Resources) != 3 {
		t.Errorf("moves: %+v", moved.Changes)
	}

	changed := show("changed")
	if r := changed.of(t, "Users"); r.Class != v1alpha1.ChangeDestructive || r.Action != v1alpha1.ChangeReplace || r.CustomName != "plans-users" || !r.DataLoss || len(r.Because) == 0 {
		t.Errorf("a table that is replaced under its name: %+v", r)
	}
	i := slices.IndexFunc(changed.Resources, func(r v1alpha1.ResourceChange) bool { return r.Type == "AWS::IAM::Policy" })
	if i < 0 || changed.Resources[i].Class != v1alpha1.ChangeSecurity || len(changed.Resources[i].Allows) != 1 ||
		!strings.HasSuffix(changed.Resources[i].Allows[0], "may s3:DeleteObject on arn:aws:s3:::plans-of-e2e/*") || changed.Resources[i].Path != "Plans/Worker/DefaultPolicy/Resource" {
		t.Errorf("a policy that allows more, of %+v", changed.Resources)
	}
	if !strings.Contains(changed.Summary, "cannot be replaced under the name") || changed.Resources[0].LogicalID != "Users" || len(changed.Resources) != 2 {
		t.Errorf("the changed app: %+v", changed.Changes)
	}

	grown := show("grown")
	status, err := json.Marshal(w.Get(t, obj).Status)
	if err != nil {
		t.Fatal(err)
	}
	if grown.Add != 300 || len(grown.Resources) >= 300 || len(grown.Resources)+int(grown.Omitted) != 300 || len(status) > 64<<10 {
		t.Errorf("of 300 resources %d are told and %d omitted in a status of %d bytes", len(grown.Resources), grown.Omitted, len(status))
	}
	if len(grown.whole.Resources) != 300 || grown.whole.Omitted != 0 || grown.whole.WithoutValues != 0 || len(grown.whole.Resources[299].Values) == 0 {
		t.Errorf("the whole tells of %d resources, %d omitted, %d without values", len(grown.whole.Resources), grown.whole.Omitted, grown.whole.WithoutValues)
	}

	if n := w.calls(t, "ExecuteChangeSet", "Plans"); n != 1 {
		t.Errorf("%d executions, want that of the first deployment", n)
	}
	w.Delete(t, obj)
	w.UntilGone(t, obj)
}

// shown waits until the plan of a revision waits for its approval.
func (w *world) shown(t *testing.T, obj *v1alpha1.CdkTsStack, revision string) shownPlan {
	t.Helper()
	waits := w.Until(t, obj, "the plan of "+revision+" waits", func(o *v1alpha1.CdkTsStack) bool {
		held, c := o.Status.Held, o.Status.Changes
		return held != nil && held.Target.Revision == revision && c != nil && c.Operation == held.ID
	})
	p := shownPlan{Changes: waits.Status.Changes}
	var m corev1.ConfigMap
	if err := w.Client.Get(t.Context(), client.ObjectKey{Namespace: obj.Namespace, Name: p.DetailsConfigMap}, &m); err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict([]byte(m.Data[v1alpha1.PlanDetailsKey]), &p.whole); err != nil {
		t.Fatal(err)
	}
	if p.whole.Digest != p.Digest || p.whole.Revision == "" || p.whole.Summary != p.Summary {
		t.Errorf("the whole is of another plan: %s %s, want %s %s", p.whole.Digest, p.whole.Summary, p.Digest, p.Summary)
	}
	return p
}

// of is the change of a resource.
func (p shownPlan) of(t *testing.T, id string) v1alpha1.ResourceChange {
	t.Helper()
	i := slices.IndexFunc(p.Resources, func(r v1alpha1.ResourceChange) bool { return r.LogicalID == id })
	if i < 0 {
		t.Fatalf("%s is not among %+v", id, p.Resources)
	}
	return p.Resources[i]
}
