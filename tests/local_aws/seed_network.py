# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A network in the loopback range, so that an instance's address is one of this machine's own."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

from tests.local_aws.clients import Client
from tests.local_aws.control_client import ask


def seed_network(ec2: Client, environment: str) -> str:
    """Make one VPC with two subnets, a way out and a security group, all named trading-ENV."""
    name = f"trading-{environment}"
    network = ip_network(ask(ec2.meta.endpoint_url, "GET", "networks")[environment])
    if not ec2.describe_vpcs(Filters=[_named(name)])["Vpcs"]:
        vpc = ec2.create_vpc(CidrBlock=str(network), TagSpecifications=_tags("vpc", name))["Vpc"]["VpcId"]
        ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
        blocks = network.subnets(new_prefix=20)
        subnets = [_subnet(ec2, vpc, name, zone, str(block)) for zone, block in zip("ab", blocks, strict=False)]
        _way_out(ec2, vpc, name, subnets)
        _security_group(ec2, vpc, name)
    return f"network {name} ({network})"


def _named(name: str) -> dict[str, Any]:
    return {"Name": "tag:Name", "Values": [name]}


def _tags(kind: str, name: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": name}]}]


def _subnet(ec2: Client, vpc: str, name: str, zone: str, block: str) -> str:
    subnet: str = ec2.create_subnet(
        VpcId=vpc,
        CidrBlock=block,
        AvailabilityZone=f"{ec2.meta.region_name}{zone}",
        TagSpecifications=_tags("subnet", name),
    )["Subnet"]["SubnetId"]
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    return subnet


def _way_out(ec2: Client, vpc: str, name: str, subnets: list[str]) -> None:
    gateway = ec2.create_internet_gateway(TagSpecifications=_tags("internet-gateway", name))
    gateway_id = gateway["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway_id, VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc, TagSpecifications=_tags("route-table", name))["RouteTable"]
    ec2.create_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway_id)
    for subnet in subnets:
        ec2.associate_route_table(RouteTableId=table["RouteTableId"], SubnetId=subnet)


def _security_group(ec2: Client, vpc: str, name: str) -> None:
    group = ec2.create_security_group(
        GroupName=name,
        Description=f"Trading hosts of {name.removeprefix('trading-')}",
        VpcId=vpc,
        TagSpecifications=_tags("security-group", name),
    )["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 4222,
                "ToPort": 4222,
                "UserIdGroupPairs": [{"GroupId": group, "Description": "NATS within the environment"}],
            }
        ],
    )
