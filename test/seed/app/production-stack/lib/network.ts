import * as cdk from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { Construct, IDependable } from 'constructs';

/** A VPC with a public subnet in each of two availability zones. */
export class Network extends Construct {
  readonly vpc: ec2.CfnVPC;
  readonly subnetIds: string[] = [];
  /** The way to the internet; what needs it depends on it. */
  readonly internet: IDependable;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.vpc = new ec2.CfnVPC(this, 'Vpc', { cidrBlock: '10.0.0.0/16', enableDnsHostnames: true, enableDnsSupport: true });
    const gateway = new ec2.CfnInternetGateway(this, 'Gateway');
    const attachment = new ec2.CfnVPCGatewayAttachment(this, 'Attachment', {
      vpcId: this.vpc.ref,
      internetGatewayId: gateway.ref,
    });
    const routes = new ec2.CfnRouteTable(this, 'Routes', { vpcId: this.vpc.ref });
    const outward = new ec2.CfnRoute(this, 'Outward', {
      routeTableId: routes.ref,
      destinationCidrBlock: '0.0.0.0/0',
      gatewayId: gateway.ref,
    });
    outward.node.addDependency(attachment);
    this.internet = outward;
    for (const zone of [0, 1]) {
      const subnet = new ec2.CfnSubnet(this, `Subnet${zone + 1}`, {
        vpcId: this.vpc.ref,
        cidrBlock: `10.0.${zone}.0/24`,
        availabilityZone: cdk.Fn.select(zone, cdk.Fn.getAzs()),
        mapPublicIpOnLaunch: true,
      });
      new ec2.CfnSubnetRouteTableAssociation(this, `Association${zone + 1}`, {
        routeTableId: routes.ref,
        subnetId: subnet.ref,
      });
      this.subnetIds.push(subnet.ref);
    }
  }
}
