# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module ec2_network_info."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.algotrading.aws.plugins.modules import ec2_network_info

from tests.unit.plugins.support import Account, Outcome, RunModule

NAME = {"tag:Name": "trading-qa"}
EVERYTHING: dict[str, Any] = {
    "vpc_filters": NAME,
    "subnet_filters": {},
    "route_table_filters": {},
    "security_group_filters": {},
    "internet_gateway_filters": NAME,
}


class Network:
    """A VPC beside another one, and the module applied to it."""

    def __init__(self, aws: Account, run_module: RunModule) -> None:
        self.aws, self.run_module = aws, run_module
        self.ec2 = aws.client("ec2")
        self.vpc = self._make_vpc("trading-qa", "10.20.0.0/16")
        self.other_vpc = self._make_vpc("other", "10.21.0.0/16")
        self.subnet = self.ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.20.0.0/20")["Subnet"]["SubnetId"]
        self.ec2.create_subnet(VpcId=self.other_vpc, CidrBlock="10.21.0.0/20")
        self.gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self._name(self.gateway, "trading-qa")

    def _make_vpc(self, name: str, cidr: str) -> str:
        vpc = str(self.ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"])
        self._name(vpc, name)
        return vpc

    def _name(self, resource: str, name: str) -> None:
        self.ec2.create_tags(Resources=[resource], Tags=[{"Key": "Name", "Value": name}])

    def look(self, check: bool = False, **filters: Any) -> Outcome:
        self.aws.forget_calls()
        return self.run_module(ec2_network_info.main, check=check, **filters)


@pytest.fixture
def network(aws: Account, run_module: RunModule) -> Network:
    return Network(aws, run_module)


@pytest.mark.parametrize("check", [False, True])
def test_a_vpc_is_told_with_all_that_is_in_it(network: Network, check: bool) -> None:
    found = network.look(check, **EVERYTHING)
    assert not found.changed
    (vpc,) = found["vpcs"]
    assert (vpc["vpc_id"], vpc["tags"]) == (network.vpc, {"Name": "trading-qa"})
    assert (vpc["enable_dns_support"], vpc["enable_dns_hostnames"]) == (True, False)
    assert [subnet["subnet_id"] for subnet in found["subnets"]] == [network.subnet]
    assert {each["vpc_id"] for each in found["route_tables"] + found["security_groups"]} == {network.vpc}
    assert [each["internet_gateway_id"] for each in found["internet_gateways"]] == [network.gateway]
    assert len(network.aws.calls()) == 7


def test_nothing_is_looked_for_that_is_not_asked_for(network: Network) -> None:
    found = network.look(subnet_filters={"subnet-id": [network.subnet]})
    assert [subnet["cidr_block"] for subnet in found["subnets"]] == ["10.20.0.0/20"]
    assert "vpcs" not in found.result
    assert [call.operation for call in network.aws.calls()] == ["DescribeSubnets"]


def test_in_no_vpc_is_nothing(network: Network) -> None:
    """It would otherwise find the subnets of every VPC. Seen to fail without `nowhere`."""
    found = network.look(**{**EVERYTHING, "vpc_filters": {"tag:Name": "gone"}})
    assert [found[kind] for kind in ("vpcs", "subnets", "route_tables", "security_groups")] == [[], [], [], []]
    assert [call.operation for call in network.aws.calls()] == ["DescribeVpcs", "DescribeInternetGateways"]


def test_what_ec2_refuses_is_told(network: Network) -> None:
    found = network.look(subnet_filters={"no-such-filter": "x"})
    assert found.msg.startswith("Failed to describe subnets: ")
