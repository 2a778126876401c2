// What testdata/*.template.json were made of, by aws-cdk-lib 2.x without the bootstrap's rule and the CDK's metadata.
const cdk = require('aws-cdk-lib');
const { aws_s3: s3, aws_ec2: ec2, aws_rds: rds, aws_dynamodb: ddb, aws_lambda: lambda, aws_iam: iam, aws_sqs: sqs, aws_efs: efs } = cdk;
const app = new cdk.App({ analyticsReporting: false, context: {} });
const env = { account: '111122223333', region: 'eu-central-1' };
const good = new cdk.Stack(app, 'Good', { env });
{
  const bucket = new s3.Bucket(good, 'Bucket', { enforceSSL: true, blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL });
  const vpc = new ec2.Vpc(good, 'Vpc', { maxAzs: 2, natGateways: 0 });
  const sg = new ec2.SecurityGroup(good, 'Web', { vpc });
  sg.addIngressRule(ec2.Peer.anyIpv4(), ec2.Port.tcp(443));
  sg.addIngressRule(ec2.Peer.ipv4(vpc.vpcCidrBlock), ec2.Port.tcp(22));
  new rds.DatabaseInstance(good, 'Db', { vpc, vpcSubnets: { subnetType: ec2.SubnetType.PRIVATE_ISOLATED }, engine: rds.DatabaseInstanceEngine.POSTGRES, storageEncrypted: true, backupRetention: cdk.Duration.days(7) });
  new rds.DatabaseCluster(good, 'Aurora', { vpc, vpcSubnets: { subnetType: ec2.SubnetType.PRIVATE_ISOLATED }, engine: rds.DatabaseClusterEngine.auroraPostgres({ version: rds.AuroraPostgresEngineVersion.of('16.4', '16') }), writer: rds.ClusterInstance.serverlessV2('w'), backup: { retention: cdk.Duration.days(14) }, storageEncrypted: true });
  const table = new ddb.TableV2(good, 'Table', { partitionKey: { name: 'id', type: ddb.AttributeType.STRING }, pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true } });
  const fn = new lambda.Function(good, 'Fn', { runtime: lambda.Runtime.NODEJS_22_X, handler: 'index.handler', code: lambda.Code.fromInline('exports.handler=()=>1'), tracing: lambda.Tracing.ACTIVE });
  table.grantReadWriteData(fn); bucket.grantReadWrite(fn);
  new sqs.Queue(good, 'Queue', { encryption: sqs.QueueEncryption.KMS });
  new efs.FileSystem(good, 'Files', { vpc, vpcSubnets: { subnetType: ec2.SubnetType.PRIVATE_ISOLATED } });
}
const bad = new cdk.Stack(app, 'Bad', { env });
{
  const bucket = new s3.Bucket(bad, 'Bucket', { blockPublicAccess: new s3.BlockPublicAccess({ blockPublicPolicy: false }) });
  bucket.grantPublicAccess();
  const vpc = new ec2.Vpc(bad, 'Vpc', { maxAzs: 2, natGateways: 0 });
  const sg = new ec2.SecurityGroup(bad, 'Web', { vpc });
  sg.addIngressRule(ec2.Peer.anyIpv4(), ec2.Port.tcpRange(1, 1024));
  const other = new ec2.SecurityGroup(bad, 'Other', { vpc });
  other.connections.allowFrom(ec2.Peer.anyIpv6(), ec2.Port.allTraffic());
  new rds.DatabaseInstance(bad, 'Db', { vpc, vpcSubnets: { subnetType: ec2.SubnetType.PRIVATE_ISOLATED }, engine: rds.DatabaseInstanceEngine.POSTGRES });
  new ddb.TableV2(bad, 'Table', { partitionKey: { name: 'id', type: ddb.AttributeType.STRING } });
  new iam.Role(bad, 'Role', { assumedBy: new iam.AnyPrincipal(), managedPolicies: [iam.ManagedPolicy.fromAwsManagedPolicyName('AdministratorAccess')] });
  const fn = new lambda.Function(bad, 'Fn', { runtime: lambda.Runtime.NODEJS_22_X, handler: 'index.handler', code: lambda.Code.fromInline('exports.handler=()=>1') });
  fn.addToRolePolicy(new iam.PolicyStatement({ actions: ['dynamodb:*'], resources: ['*'] }));
  new sqs.Queue(bad, 'Queue', { encryption: sqs.QueueEncryption.UNENCRYPTED });
  new ec2.Volume(bad, 'Volume', { availabilityZone: 'eu-central-1a', size: cdk.Size.gibibytes(8), encrypted: false });
}
app.synth();
