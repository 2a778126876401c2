#!/usr/bin/env node
import * as cdk from 'aws-cdk-lib';
import { SharedStack } from '../lib/shared-stack';
import { WebAppStack } from '../lib/web-app-stack';

const app = new cdk.App();

// What every service of the company uses; WebApp imports its topic, so Shared is deployed first.
const shared = new SharedStack(app, 'Shared');

new WebAppStack(app, 'WebApp', {
  alerts: shared.alerts,
  environment: app.node.tryGetContext('environment'),
  // One setting per feature: `-c features=a,b,c` makes the stack as large as you like.
  features: String(app.node.tryGetContext('features') ?? '').split(',').filter(Boolean),
});
