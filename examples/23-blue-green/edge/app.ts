import { App, CfnOutput, Stack } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as elbv2 from 'aws-cdk-lib/aws-elasticloadbalancingv2';

const stack = new Stack(new App(), 'Shop-Edge');
const vpc = new ec2.Vpc(stack, 'Vpc', { maxAzs: 2, natGateways: 0 });
const group = new ec2.SecurityGroup(stack, 'BalancerGroup', { vpc });
const balancer = new elbv2.ApplicationLoadBalancer(stack, 'Balancer', { vpc, internetFacing: true, securityGroup: group });

const outputs: Record<string, string> = {
  VpcId: vpc.vpcId,
  SubnetIds: vpc.publicSubnets.map((subnet) => subnet.subnetId).join(','),
  BalancerArn: balancer.loadBalancerArn,
  BalancerDns: balancer.loadBalancerDnsName,
  BalancerGroupId: group.securityGroupId,
};
for (const [name, value] of Object.entries(outputs)) new CfnOutput(stack, name, { value });
