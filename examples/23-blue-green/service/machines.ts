import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import * as elbv2 from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { release } from './release';

interface Place {
  colour: string;
  vpc: ec2.IVpc;
  targets: elbv2.ApplicationTargetGroup;
}

/** What answers for a colour: two containers of the release, which is of the same commit. */
export function machines(stack: Stack, { colour, vpc, targets }: Place): Construct {
  const task = new ecs.FargateTaskDefinition(stack, 'Task');
  task.addContainer('shop', {
    image: ecs.ContainerImage.fromRegistry(`ghcr.io/example/shop:${release}`),
    portMappings: [{ containerPort: 8080 }],
    environment: { COLOUR: colour },
    logging: ecs.LogDrivers.awsLogs({
      streamPrefix: colour, logGroup: new logs.LogGroup(stack, 'Logs', { removalPolicy: RemovalPolicy.DESTROY }),
    }),
  });
  const service = new ecs.FargateService(stack, 'Service', {
    cluster: new ecs.Cluster(stack, 'Cluster', { vpc }), taskDefinition: task, desiredCount: 2, assignPublicIp: true,
    minHealthyPercent: 100, circuitBreaker: { rollback: true },
  });
  service.attachToApplicationTargetGroup(targets);
  return service;
}
