import * as path from 'path';
import * as cdk from 'aws-cdk-lib';
import * as assets from 'aws-cdk-lib/aws-s3-assets';
import * as sns from 'aws-cdk-lib/aws-sns';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';

export interface WebStackProps extends cdk.StackProps {
  readonly alerts: sns.ITopic;
}

export class WebStack extends cdk.Stack {
  constructor(scope: Construct, id: string, props: WebStackProps) {
    super(scope, id, props);
    const handler = new assets.Asset(this, 'Handler', { path: path.join(__dirname, '..', 'handler') });
    new ssm.StringParameter(this, 'Greeting', { stringValue: String(this.node.tryGetContext('greeting') ?? 'hello') });
    new cdk.CfnOutput(this, 'HandlerObject', { value: handler.s3ObjectUrl });
    new cdk.CfnOutput(this, 'AlertsArn', { value: props.alerts.topicArn });
    const audit = new cdk.NestedStack(this, 'Audit');
    new sns.Topic(audit, 'Trail');
  }
}
