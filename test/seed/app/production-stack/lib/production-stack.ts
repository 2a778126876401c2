import * as cdk from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as elb from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import * as rds from 'aws-cdk-lib/aws-rds';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as sns from 'aws-cdk-lib/aws-sns';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';
import { Network } from './network';

export interface ProductionStackProps extends cdk.StackProps {
  readonly environment: string;
  readonly multiAz: boolean;
  readonly backupRetentionDays: number;
  /** Lets everybody in by SSH: what the checks before a deployment must find. */
  readonly openSsh: boolean;
  /** Where the application answers; by default at the load balancer. */
  readonly applicationUrl?: string;
}

/** A web application of several tiers: a load balancer, its targets, a database, a bucket. */
export class ProductionStack extends cdk.Stack {
  constructor(scope: Construct, id: string, props: ProductionStackProps) {
    super(scope, id, props);
    const network = new Network(this, 'Network');

    const web = new ec2.CfnSecurityGroup(this, 'WebAccess', {
      groupDescription: 'Requests to the web application',
      vpcId: network.vpc.ref,
      securityGroupIngress: [
        { ipProtocol: 'tcp', fromPort: 80, toPort: 80, cidrIp: '0.0.0.0/0', description: 'HTTP' },
        ...(props.openSsh
          ? [{ ipProtocol: 'tcp', fromPort: 22, toPort: 22, cidrIp: '0.0.0.0/0', description: 'SSH from everywhere' }]
          : []),
      ],
    });
    const balancer = this.loadBalancer(network, web);
    this.database(network, web, props);
    this.buckets();

    new sns.Topic(this, 'Alarms', { displayName: 'Alarms of the web application' });
    new ssm.StringParameter(this, 'Environment', {
      parameterName: '/webapp/environment',
      stringValue: props.environment,
    });
    new cdk.CfnOutput(this, 'ApplicationUrl', { value: props.applicationUrl ?? `http://${balancer.attrDnsName}` });
  }

  private loadBalancer(network: Network, access: ec2.CfnSecurityGroup): elb.CfnLoadBalancer {
    const balancer = new elb.CfnLoadBalancer(this, 'LoadBalancer', {
      name: 'webapp-prod',
      type: 'application',
      scheme: 'internet-facing',
      subnets: network.subnetIds,
      securityGroups: [access.attrGroupId],
    });
    balancer.node.addDependency(network.internet);
    const targets = new elb.CfnTargetGroup(this, 'Targets', {
      name: 'webapp-prod-targets',
      vpcId: network.vpc.ref,
      port: 8080,
      protocol: 'HTTP',
      targetType: 'ip',
      healthCheckPath: '/health',
      targets: [
        { id: '10.0.0.10', port: 8080 },
        { id: '10.0.1.10', port: 8080 },
      ],
    });
    new elb.CfnListener(this, 'Listener', {
      loadBalancerArn: balancer.ref,
      port: 80,
      protocol: 'HTTP',
      defaultActions: [{ type: 'forward', targetGroupArn: targets.ref }],
    });
    return balancer;
  }

  private database(network: Network, access: ec2.CfnSecurityGroup, props: ProductionStackProps): void {
    const group = new ec2.CfnSecurityGroup(this, 'DatabaseAccess', {
      groupDescription: 'Connections to the database',
      vpcId: network.vpc.ref,
    });
    new ec2.CfnSecurityGroupIngress(this, 'DatabaseFromWeb', {
      groupId: group.attrGroupId,
      ipProtocol: 'tcp',
      fromPort: 5432,
      toPort: 5432,
      sourceSecurityGroupId: access.attrGroupId,
    });
    const subnets = new rds.CfnDBSubnetGroup(this, 'DatabaseSubnets', {
      dbSubnetGroupDescription: 'Both availability zones',
      subnetIds: network.subnetIds,
    });
    const database = new rds.CfnDBInstance(this, 'Database', {
      dbInstanceIdentifier: 'webapp-prod',
      engine: 'postgres',
      engineVersion: '17',
      dbInstanceClass: 'db.t4g.medium',
      allocatedStorage: '20',
      storageEncrypted: true,
      multiAz: props.multiAz,
      backupRetentionPeriod: props.backupRetentionDays,
      dbSubnetGroupName: subnets.ref,
      vpcSecurityGroups: [group.attrGroupId],
      masterUsername: 'webapp',
      // RDS makes the password and keeps it: no template, parameter or log ever holds it.
      manageMasterUserPassword: true,
    });
    database.applyRemovalPolicy(cdk.RemovalPolicy.DESTROY);
  }

  private buckets(): void {
    const log = new s3.Bucket(this, 'AccessLog', {
      encryption: s3.BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      removalPolicy: cdk.RemovalPolicy.DESTROY,
    });
    const uploads = new s3.Bucket(this, 'Uploads', {
      encryption: s3.BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      serverAccessLogsBucket: log,
      serverAccessLogsPrefix: 'uploads/',
      removalPolicy: cdk.RemovalPolicy.DESTROY,
    });
    new cdk.CfnOutput(this, 'UploadsBucket', { value: uploads.bucketName });
  }
}
