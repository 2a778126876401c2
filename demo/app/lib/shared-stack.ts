import * as cdk from 'aws-cdk-lib';
import * as sns from 'aws-cdk-lib/aws-sns';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';

/** Things that more than one service needs. */
export class SharedStack extends cdk.Stack {
  readonly alerts: sns.Topic;

  constructor(scope: Construct, id: string, props?: cdk.StackProps) {
    super(scope, id, props);

    this.alerts = new sns.Topic(this, 'Alerts', { displayName: 'Alerts of all services' });

    new ssm.StringParameter(this, 'OnCall', {
      parameterName: '/shared/on-call',
      stringValue: 'team-web@example.com',
    });
    new cdk.CfnOutput(this, 'AlertsTopicArn', { value: this.alerts.topicArn });
  }
}
