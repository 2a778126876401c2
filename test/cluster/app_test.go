package cluster

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/git/gittest"
	"awscdk.dev/operator/test/e2e/rig"
)

// quickApp is an app without dependencies that builds in no time: its program writes the cloud assembly of
// one stack with a topic, as the CDK's library would.
func quickApp(stackName, note string) rig.App {
	return rig.App{
		"cdk.json":          `{"app": "node app.js"}`,
		"package.json":      `{"name": "quick", "version": "1.0.0"}`,
		"package-lock.json": `{"name": "quick", "version": "1.0.0", "lockfileVersion": 3, "requires": true, "packages": {"": {"name": "quick", "version": "1.0.0"}}}`,
		"app.js": fmt.Sprintf(`
const fs = require('fs');
const crypto = require('crypto');
const out = process.env.CDK_OUTDIR;
const name = %q;
const template = JSON.stringify({ Resources: { Topic: { Type: 'AWS::SNS::Topic', Properties: { DisplayName: %q } } }, Outputs: { Note: { Value: %[2]q } } });
const hash = crypto.createHash('sha256').update(template).digest('hex');
const role = (kind) => 'arn:${AWS::Partition}:iam::${AWS::AccountId}:role/cdk-hnb659fds-' + kind + '-role-${AWS::AccountId}-' + process.env.CDK_DEFAULT_REGION;
const bucket = 'cdk-hnb659fds-assets-${AWS::AccountId}-' + process.env.CDK_DEFAULT_REGION;
fs.writeFileSync(out + '/' + name + '.template.json', template);
fs.writeFileSync(out + '/' + name + '.assets.json', JSON.stringify({ version: '36.0.0', dockerImages: {}, files: { [hash]: {
  source: { path: name + '.template.json', packaging: 'file' },
  destinations: { here: { bucketName: bucket, objectKey: hash + '.json', region: process.env.CDK_DEFAULT_REGION, assumeRoleArn: role('file-publishing') } } } } }));
fs.writeFileSync(out + '/manifest.json', JSON.stringify({ version: '36.0.0', artifacts: {
  [name + '.assets']: { type: 'cdk:asset-manifest', properties: { file: name + '.assets.json' } },
  [name]: { type: 'aws:cloudformation:stack', environment: 'aws://' + process.env.CDK_DEFAULT_ACCOUNT + '/' + process.env.CDK_DEFAULT_REGION, dependencies: [name + '.assets'],
    displayName: name, properties: { templateFile: name + '.template.json', stackTemplateAssetObjectUrl: 's3://' + bucket + '/' + hash + '.json',
      assumeRoleArn: role('deploy'), cloudFormationExecutionRoleArn: role('cfn-exec') } } } }));
`, stackName, note),
	}
}

// published is a repository of an app that the git server has.
type published struct {
	repo *gittest.Repo
	url  string
}

func (w *world) publish(name string, app rig.App) *published {
	w.Helper()
	p := &published{repo: w.Repo(w.T, name), url: w.HTTP.URL + "/" + name}
	w.commit(p, app)
	return p
}

// commit makes a commit on main, and returns its hash.
func (w *world) commit(p *published, app rig.App) string {
	w.Helper()
	hash, err := p.repo.Commit(app, "Change it")
	if err != nil {
		w.Fatal(err)
	}
	return hash
}

// stackOf is an object for the app of a repository, with the Secret "aws" and patience of a test.
func stackOf(namespace, name string, p *published) *v1alpha1.CdkTsStack {
	return &v1alpha1.CdkTsStack{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.CdkTsStackSpec{
			StackName: stackName(name), CredentialsSecretName: "aws",
			Source: v1alpha1.Source{Git: v1alpha1.GitSource{Repository: p.url, Ref: "main"}},
		},
	}
}

// stackName is the name that an object's stack has in these tests.
func stackName(object string) string { return "Cluster-" + strings.ReplaceAll(object, ".", "-") }
