import { App, Stack } from 'aws-cdk-lib';
import * as elbv2 from 'aws-cdk-lib/aws-elasticloadbalancingv2';

const app = new App();
const told = (key: string): string => app.node.getContext(key);
const live = told('live');
if (live !== 'blue' && live !== 'green') throw new Error(`live must be blue or green, and is ${live}`);
const stack = new Stack(app, 'Shop-Router');

const colour = (name: string) => ({
  targetGroup: elbv2.ApplicationTargetGroup.fromTargetGroupAttributes(stack, name, { targetGroupArn: told(`${name}Targets`) }),
  weight: live === name ? 100 : 0,
});
new elbv2.ApplicationListener(stack, 'Public', {
  loadBalancer: elbv2.ApplicationLoadBalancer.fromApplicationLoadBalancerAttributes(stack, 'Balancer', {
    loadBalancerArn: told('balancerArn'), securityGroupId: told('balancerGroupId'),
  }),
  port: Number(app.node.tryGetContext('port') ?? 80), protocol: elbv2.ApplicationProtocol.HTTP, open: true,
  defaultAction: elbv2.ListenerAction.weightedForward([colour('blue'), colour('green')]),
});
