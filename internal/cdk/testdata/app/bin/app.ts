#!/usr/bin/env node
import * as cdk from 'aws-cdk-lib';
import * as sns from 'aws-cdk-lib/aws-sns';
import { WebStack } from '../lib/web-stack';

const app = new cdk.App();
const context = (name: string): string | undefined => app.node.tryGetContext(name);

const base = new cdk.Stack(app, 'Base', { stackName: 'company-base', tags: { team: 'web' } });
const alerts = new sns.Topic(base, 'Alerts');

new WebStack(app, 'Web', { alerts, terminationProtection: true, notificationArns: ['arn:aws:sns:eu-west-1:123456789012:ops'] });

// A stage has an assembly of its own, and a stack that is pinned to an environment.
const stage = new cdk.Stage(app, 'Prod', { env: { account: '123456789012', region: 'eu-west-1' } });
new sns.Topic(new cdk.Stack(stage, 'Api'), 'Topic');

// Synthesizers that publish no template.
new sns.Topic(new cdk.Stack(app, 'Bare', { synthesizer: new cdk.BootstraplessSynthesizer({}) }), 'Topic');
new sns.Topic(new cdk.Stack(app, 'Legacy', { synthesizer: new cdk.LegacyStackSynthesizer() }), 'Topic');

const noted = new cdk.Stack(app, 'Noted');
new sns.Topic(noted, 'Topic');
cdk.Annotations.of(noted).addWarningV2('test:warning', 'This topic is lonely');
cdk.Annotations.of(noted).addError('This topic must not be deployed');

if (context('throw') === 'yes') {
  throw new Error('the app was asked to fail');
}
