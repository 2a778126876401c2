#!/usr/bin/env node
import * as cdk from 'aws-cdk-lib';
import { ProductionStack } from '../lib/production-stack';

const app = new cdk.App();

/** A context value as text; `-c name=value` on the command line wins over cdk.json. */
const context = (name: string, otherwise: string): string => String(app.node.tryGetContext(name) ?? otherwise);

const retention = Number(context('backup-retention', '7'));
if (!Number.isInteger(retention) || retention < 0 || retention > 35) {
  throw new Error(`backup-retention is a number of days from 0 to 35, not ${context('backup-retention', '')}`);
}

new ProductionStack(app, 'WebApp-Production-Stack', {
  environment: context('environment', 'production'),
  multiAz: context('multi-az', 'false') === 'true',
  backupRetentionDays: retention,
  openSsh: context('open-ssh', 'false') === 'true',
  applicationUrl: app.node.tryGetContext('app-url'),
});
