import * as cdk from 'aws-cdk-lib';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';

export interface AuditStackProps extends cdk.NestedStackProps {
  readonly auditedTable: string;
}

/** Keeps a trail of who changed what: a nested stack, deployed with the stack it belongs to. */
export class AuditStack extends cdk.NestedStack {
  constructor(scope: Construct, id: string, props: AuditStackProps) {
    super(scope, id, props);

    new logs.LogGroup(this, 'Trail', {
      retention: logs.RetentionDays.ONE_MONTH,
      removalPolicy: cdk.RemovalPolicy.DESTROY,
    });
    new sqs.Queue(this, 'Changes', { retentionPeriod: cdk.Duration.days(4) });
    new ssm.StringParameter(this, 'AuditedTable', { stringValue: props.auditedTable });
  }
}
