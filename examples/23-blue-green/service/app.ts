import { App, CfnOutput, Duration, Stack } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as elbv2 from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import { machines } from './machines';

const app = new App();
const told = (key: string): string => app.node.getContext(key);
const colour = told('colour'), testPort = Number(told('testPort'));
const stack = new Stack(app, colour === 'blue' ? 'Shop-Blue' : 'Shop-Green');

const subnets = told('subnetIds').split(',');
const vpc = ec2.Vpc.fromVpcAttributes(stack, 'Vpc', {
  vpcId: told('vpcId'), availabilityZones: subnets.map((_, zone) => `zone${zone}`), publicSubnetIds: subnets,
});
const balancer = elbv2.ApplicationLoadBalancer.fromApplicationLoadBalancerAttributes(stack, 'Balancer', {
  loadBalancerArn: told('balancerArn'), securityGroupId: told('balancerGroupId'), vpc,
});

const targets = new elbv2.ApplicationTargetGroup(stack, 'Targets', {
  vpc, port: 8080, protocol: elbv2.ApplicationProtocol.HTTP, targetType: elbv2.TargetType.IP,
  healthCheck: { path: '/health', interval: Duration.seconds(10), healthyThresholdCount: 2 },
  deregistrationDelay: Duration.seconds(30),
});
// Load balancers look at the health of targets that a listener uses, and this one always does.
const test = new elbv2.ApplicationListener(stack, 'Test', {
  loadBalancer: balancer, port: testPort, protocol: elbv2.ApplicationProtocol.HTTP, open: true, defaultTargetGroups: [targets],
});
machines(stack, { colour, vpc, targets }).node.addDependency(test);

new CfnOutput(stack, 'TargetGroupArn', { value: targets.targetGroupArn });
new CfnOutput(stack, 'TestUrl', { value: `http://${told('balancerDns')}:${testPort}` });
