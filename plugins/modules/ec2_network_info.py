#!/usr/bin/python
# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ec2_network_info
version_added: 0.1.0
short_description: Look at VPCs and at what is in them, in one task
description:
  - Returns VPCs, subnets, route tables, security groups and internet gateways as EC2 describes them.
  - The modules of amazon.aws look at one kind each, so that a network costs a task for each of its kinds.
author:
  - The algotrading.aws maintainers (!UNKNOWN)
options:
  vpc_filters:
    description:
      - EC2's filters for VPCs. Without it no VPCs are looked for.
      - With it subnets, route tables and security groups are looked for in the VPCs that are found, and so nowhere when
        there is none.
    type: dict
  subnet_filters:
    description: EC2's filters for subnets; an empty dictionary finds all. Without it none are looked for.
    type: dict
  route_table_filters:
    description: EC2's filters for route tables; an empty dictionary finds all. Without it none are looked for.
    type: dict
  security_group_filters:
    description: EC2's filters for security groups; an empty dictionary finds all. Without it none are looked for.
    type: dict
  internet_gateway_filters:
    description:
      - EC2's filters for internet gateways; an empty dictionary finds all. Without it none are looked for.
      - They are looked for everywhere, as a gateway may be attached to no VPC.
    type: dict
extends_documentation_fragment:
  - algotrading.aws.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
notes:
  - "The caller needs C(ec2:DescribeVpcs), C(ec2:DescribeVpcAttribute), C(ec2:DescribeSubnets),
    C(ec2:DescribeRouteTables), C(ec2:DescribeSecurityGroups) and C(ec2:DescribeInternetGateways),
    each for what it looks at."
seealso:
  - module: amazon.aws.ec2_vpc_net_info
  - module: amazon.aws.ec2_vpc_subnet_info
  - module: amazon.aws.ec2_vpc_route_table_info
  - module: amazon.aws.ec2_security_group_info
  - module: amazon.aws.ec2_vpc_igw_info
"""

EXAMPLES = r"""
- name: Look at a VPC and at all that is in it
  algotrading.aws.ec2_network_info:
    region: us-east-1
    vpc_filters:
      tag:Name: trading-qa
    subnet_filters: {}
    route_table_filters: {}
    security_group_filters: {}

- name: Look at subnets by their ids
  algotrading.aws.ec2_network_info:
    region: us-east-1
    subnet_filters:
      subnet-id: [subnet-0123456789abcdef0, subnet-0fedcba9876543210]
"""

RETURN = r"""
vpcs:
  description:
    - The VPCs, as EC2's DescribeVpcs returns them, with their keys in snake case and their tags as a dictionary.
    - C(enable_dns_support) and C(enable_dns_hostnames) are added to each.
  returned: with O(vpc_filters)
  type: list
  elements: dict
subnets:
  description:
    - The subnets, as EC2's DescribeSubnets returns them, likewise.
  returned: with O(subnet_filters)
  type: list
  elements: dict
route_tables:
  description: The route tables, as EC2's DescribeRouteTables returns them, likewise.
  returned: with O(route_table_filters)
  type: list
  elements: dict
security_groups:
  description: The security groups, as EC2's DescribeSecurityGroups returns them, likewise.
  returned: with O(security_group_filters)
  type: list
  elements: dict
internet_gateways:
  description: The internet gateways, as EC2's DescribeInternetGateways returns them, likewise.
  returned: with O(internet_gateway_filters)
  type: list
  elements: dict
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.ec2 import (
    AnsibleEC2Error,
    describe_internet_gateways,
    describe_route_tables,
    describe_security_groups,
    describe_subnets,
    describe_vpc_attribute,
    describe_vpcs,
)
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.transformation import (
    ansible_dict_to_boto3_filter_list,
    boto3_resource_list_to_ansible_dict,
)

INSIDE = {
    "subnets": ("subnet_filters", describe_subnets),
    "route_tables": ("route_table_filters", describe_route_tables),
    "security_groups": ("security_group_filters", describe_security_groups),
}
DNS_ATTRIBUTES = ("enableDnsSupport", "enableDnsHostnames")


def look(client: Any, filters: dict[str, dict[str, Any] | None]) -> dict[str, list[dict[str, Any]]]:
    """Describe what the filters ask for."""
    found = {}
    inside = {}
    wanted = filters["vpc_filters"]
    if wanted is not None:
        found["vpcs"] = [with_dns(client, vpc) for vpc in describe_vpcs(client, Filters=for_boto3(wanted))]
        inside = {"vpc-id": [vpc["VpcId"] for vpc in found["vpcs"]]}
    for kind, (option, describe) in INSIDE.items():
        wanted = filters[option]
        if wanted is not None:
            nowhere = inside.get("vpc-id") == []
            found[kind] = [] if nowhere else describe(client, Filters=for_boto3({**wanted, **inside}))
    wanted = filters["internet_gateway_filters"]
    if wanted is not None:
        found["internet_gateways"] = describe_internet_gateways(client, Filters=for_boto3(wanted))
    return found


def for_boto3(filters: dict[str, Any]) -> list[dict[str, Any]]:
    return ansible_dict_to_boto3_filter_list(filters)


def with_dns(client: Any, vpc: dict[str, Any]) -> dict[str, Any]:
    """Add what EC2 tells of a VPC only by one request for each attribute."""
    values = {
        attribute[0].upper() + attribute[1:]: describe_vpc_attribute(client, vpc["VpcId"], attribute)
        for attribute in DNS_ATTRIBUTES
    }
    return {**vpc, **{key: value[key]["Value"] for key, value in values.items()}}


def main() -> None:
    options = ("vpc_filters", *(option for option, _describe in INSIDE.values()), "internet_gateway_filters")
    module = AnsibleAWSModule(
        argument_spec={option: {"type": "dict"} for option in options},
        supports_check_mode=True,
    )
    client = module.client("ec2")
    try:
        found = look(client, {option: module.params[option] for option in options})
    except AnsibleEC2Error as error:
        module.fail_json_aws_error(error)
    module.exit_json(changed=False, **{kind: boto3_resource_list_to_ansible_dict(some) for kind, some in found.items()})


if __name__ == "__main__":
    main()
