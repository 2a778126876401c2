import * as path from 'path';
import * as cdk from 'aws-cdk-lib';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as sns from 'aws-cdk-lib/aws-sns';
import * as subscriptions from 'aws-cdk-lib/aws-sns-subscriptions';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';
import { AuditStack } from './audit-stack';
import { settings } from './settings';

export interface WebAppStackProps extends cdk.StackProps {
  readonly alerts: sns.ITopic;
  readonly environment: string;
  readonly features: string[];
}

/** A small web application: orders come in by a topic, wait in a queue, end in a table. */
export class WebAppStack extends cdk.Stack {
  constructor(scope: Construct, id: string, props: WebAppStackProps) {
    super(scope, id, props);
    const removalPolicy =
      props.environment === 'production' ? cdk.RemovalPolicy.RETAIN : cdk.RemovalPolicy.DESTROY;

    const uploads = new s3.Bucket(this, 'Uploads', { removalPolicy });
    const orders = new dynamodb.Table(this, 'Orders', {
      partitionKey: { name: 'id', type: dynamodb.AttributeType.STRING },
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      removalPolicy,
    });

    const failedJobs = new sqs.Queue(this, 'FailedJobs');
    const jobs = new sqs.Queue(this, 'Jobs', {
      visibilityTimeout: cdk.Duration.seconds(settings.jobTimeoutSeconds),
      deadLetterQueue: { queue: failedJobs, maxReceiveCount: 3 },
    });
    const incoming = new sns.Topic(this, 'Incoming', { displayName: 'Orders that came in' });
    incoming.addSubscription(new subscriptions.SqsSubscription(jobs));

    const handler = new lambda.Function(this, 'Handler', {
      runtime: lambda.Runtime.NODEJS_22_X,
      handler: 'index.handler',
      code: lambda.Code.fromAsset(path.join(__dirname, '..', 'handler')),
      logGroup: new logs.LogGroup(this, 'HandlerLogs', {
        retention: logs.RetentionDays.ONE_WEEK,
        removalPolicy,
      }),
      environment: {
        GREETING: settings.greeting,
        JOBS_URL: jobs.queueUrl,
        ALERTS_ARN: props.alerts.topicArn,
      },
    });
    orders.grantReadWriteData(handler);
    uploads.grantRead(handler);
    jobs.grantSendMessages(handler);
    props.alerts.grantPublish(handler);

    const environment = new ssm.StringParameter(this, 'Environment', {
      parameterName: '/web-app/environment',
      stringValue: props.environment,
    });
    for (const feature of props.features) {
      new ssm.StringParameter(this, `Feature-${feature}`, {
        parameterName: `/web-app/features/${feature}`,
        stringValue: 'enabled',
      });
    }

    new AuditStack(this, 'Audit', { auditedTable: orders.tableName });

    // Somewhere for a release pipeline to report to; nothing waits for it.
    new cdk.CfnWaitConditionHandle(this, 'ReleaseSignal');

    new cdk.CfnOutput(this, 'UploadsBucket', { value: uploads.bucketName });
    new cdk.CfnOutput(this, 'IncomingTopicArn', { value: incoming.topicArn });
    new cdk.CfnOutput(this, 'JobsUrl', { value: jobs.queueUrl });
    new cdk.CfnOutput(this, 'HandlerName', { value: handler.functionName });
    new cdk.CfnOutput(this, 'EnvironmentParameter', { value: environment.parameterName });
  }
}
