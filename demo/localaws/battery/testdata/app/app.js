// The battery's app: a network-like stack that exports, and one that imports.
// Context chooses what changes: -c color=…, -c fail=create|update, -c alien=true, -c protect=true.
const cdk = require('aws-cdk-lib');
const { aws_s3: s3, aws_sns: sns, aws_iam: iam, aws_lambda: lambda, aws_ssm: ssm, aws_sqs: sqs, aws_logs: logs, aws_dynamodb: ddb, aws_sns_subscriptions: subs } = cdk;

const app = new cdk.App();
const color = app.node.tryGetContext('color') ?? 'blue';
const fail = app.node.tryGetContext('fail');
const env = { account: '123456789012', region: 'eu-central-1' };

class Base extends cdk.Stack {
  constructor(scope, id, props) {
    super(scope, id, props);
    this.topic = new sns.Topic(this, 'Topic', { displayName: `the ${color} topic` });
    this.bucket = new s3.Bucket(this, 'Bucket', {
      encryption: s3.BucketEncryption.S3_MANAGED, enforceSSL: true, removalPolicy: cdk.RemovalPolicy.DESTROY,
    });
    const queue = new sqs.Queue(this, 'Queue', { visibilityTimeout: cdk.Duration.seconds(45) });
    this.topic.addSubscription(new subs.SqsSubscription(queue));
    new cdk.CfnOutput(this, 'TopicArn', { value: this.topic.topicArn, exportName: 'battery-topic' });
  }
}

class Service extends cdk.Stack {
  constructor(scope, id, props) {
    super(scope, id, props);
    const role = new iam.Role(this, 'Role', { assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com') });
    props.bucket.grantRead(role);
    const fn = new lambda.Function(this, 'Function', {
      runtime: lambda.Runtime.NODEJS_20_X, handler: 'index.handler', code: lambda.Code.fromAsset(`${__dirname}/lambda`), role,
      environment: { COLOR: color, TOPIC: props.topic.topicArn },
    });
    this.parameter = new ssm.StringParameter(this, 'Parameter', { parameterName: '/battery/color', stringValue: color });
    new logs.LogGroup(this, 'Logs', { retention: logs.RetentionDays.ONE_WEEK, removalPolicy: cdk.RemovalPolicy.DESTROY });
    new ddb.Table(this, 'Table', { partitionKey: { name: 'id', type: ddb.AttributeType.STRING }, removalPolicy: cdk.RemovalPolicy.DESTROY });
    const trouble = new cdk.CfnResource(this, 'Trouble', {
      type: 'Local::Test::Resource', properties: { Value: color, FailOn: fail === 'update' ? 'Update' : fail === 'create' ? 'Create' : 'Never' },
    });
    trouble.node.addDependency(this.parameter);
    if (app.node.tryGetContext('alien')) {
      new cdk.CfnResource(this, 'Alien', { type: 'Alien::Space::Ship', properties: {} });
    }
    new cdk.CfnOutput(this, 'FunctionName', { value: fn.functionName });
  }
}

const base = new Base(app, 'Base', { env, terminationProtection: app.node.tryGetContext('protect') === 'true' });
new Service(app, 'Service', { env, topic: base.topic, bucket: base.bucket });
