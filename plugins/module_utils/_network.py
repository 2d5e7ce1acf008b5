# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What becomes of a network, by what there is and what is wanted.

The modules that bring it about say of a resource only that it changes, and in check mode not even what they would make.

Pure functions: they import neither boto3 nor Ansible.
This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._resources import KEEP, compared, resource

Described = Mapping[str, Any]
Found = Mapping[str, list[Described]]
ANYWHERE = "0.0.0.0/0"
DNS = ("enable_dns_support", "enable_dns_hostnames")


def provided_network(found: Found, wanted: Described) -> list[dict[str, Any]]:
    """What becomes of each resource of the network that is wanted.

    Args:
        found: what M(algotrading.aws.ec2_network_info) returns.
        wanted: C(name), C(tags), C(cidr), the VPC's C(dns), C(subnets) with C(cidr) and C(az), and the security group's
            C(rules) and C(rules_egress).
    """
    name, tags = wanted["name"], wanted["tags"]
    subnets = {subnet["cidr_block"]: subnet for subnet in found["subnets"]}
    return [
        _kept_up("VPC", name, found["vpcs"], _vpc, {"cidr_block": wanted["cidr"], **wanted["dns"]}, tags),
        _kept_up("internet gateway", name, found["internet_gateways"], _gateway, {"attached": True}, tags),
        *(
            _kept_up(
                "subnet",
                f"{name} {subnet['cidr']}",
                [subnets[subnet["cidr"]]] if subnet["cidr"] in subnets else [],
                _subnet,
                {"cidr_block": subnet["cidr"], "map_public_ip_on_launch": True},
                tags,
                {"availability_zone": subnet["az"]},
            )
            for subnet in wanted["subnets"]
        ),
        _kept_up(
            "route table",
            name,
            found["route_tables"],
            lambda table: _route_table(table, found),
            {"routed_to_the_gateway": [ANYWHERE], "subnets": sorted(subnet["cidr"] for subnet in wanted["subnets"])},
            tags,
        ),
        _kept_up(
            "security group",
            name,
            found["security_groups"],
            _security_group,
            {
                "rules": _wanted_rules(wanted["rules"], "from"),
                "rules_egress": _wanted_rules(wanted["rules_egress"], "to"),
            },
            tags,
        ),
    ]


def destroyed_network(found: Found, left: str = "") -> list[dict[str, Any]]:
    """What becomes of each resource of a network that goes, or stays for a reason."""
    kinds: dict[str, tuple[str, Callable[[Described], dict[str, Any]]]] = {
        "security_groups": ("security group", _security_group),
        "subnets": ("subnet", _subnet),
        "route_tables": ("route table", lambda table: _route_table(table, found)),
        "internet_gateways": ("internet gateway", _gateway),
        "vpcs": ("VPC", _vpc),
    }
    return [
        resource(kind, _name_of(one), KEEP, [left]) if left else compared(kind, _name_of(one), describe(one), None)
        for key, (kind, describe) in kinds.items()
        for one in found[key]
    ]


def _name_of(one: Described) -> str:
    name = str(one["tags"].get("Name", ""))
    return f"{name} {one['cidr_block']}" if "availability_zone" in one else name


def _kept_up(
    kind: str,
    name: str,
    found: list[Described],
    describe: Callable[[Described], dict[str, Any]],
    wanted: dict[str, Any],
    tags: Mapping[str, str],
    at_birth: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What becomes of one resource. Tags that others have set stay, as does what cannot be changed."""
    if not found:
        return compared(kind, name, None, {**wanted, **(at_birth or {}), "tags": dict(tags)})
    before = describe(found[0])
    return compared(kind, name, before, {**before, **wanted, "tags": {**before["tags"], **tags}})


def _vpc(vpc: Described) -> dict[str, Any]:
    return {key: vpc[key] for key in ("cidr_block", *DNS, "tags")}


def _gateway(gateway: Described) -> dict[str, Any]:
    return {"attached": bool(gateway["attachments"]), "tags": gateway["tags"]}


def _subnet(subnet: Described) -> dict[str, Any]:
    return {key: subnet[key] for key in ("cidr_block", "availability_zone", "map_public_ip_on_launch", "tags")}


def _route_table(table: Described, found: Found) -> dict[str, Any]:
    """What concerns us of a route table. Others may have added routes, such as to a peer.

    A route whose gateway is gone stays, and leads nowhere.
    """
    gateways = {gateway["internet_gateway_id"] for gateway in found["internet_gateways"]}
    cidrs = {subnet["subnet_id"]: subnet["cidr_block"] for subnet in found["subnets"]}
    to_the_gateway = [
        ANYWHERE
        for route in table["routes"]
        if route.get("gateway_id") in gateways and route.get("destination_cidr_block") == ANYWHERE
    ]
    subnets = [each["subnet_id"] for each in table["associations"] if each.get("subnet_id")]
    return {
        "routed_to_the_gateway": to_the_gateway,
        "subnets": sorted(cidrs.get(subnet, subnet) for subnet in subnets),
        "tags": table["tags"],
    }


def _security_group(group: Described) -> dict[str, Any]:
    return {
        "rules": _rules(group["ip_permissions"], "from", group["group_id"]),
        "rules_egress": _rules(group["ip_permissions_egress"], "to", group["group_id"]),
        "tags": group["tags"],
    }


def _rules(permissions: list[Described], way: str, group_id: str) -> list[str]:
    """Whom one may hear from, or talk to, one line for each."""
    rules = []
    for permission in permissions:
        protocol, ports = permission["ip_protocol"], _ports(permission)
        peers = [
            *((each["cidr_ip"], each) for each in permission.get("ip_ranges", [])),
            *((each["cidr_ipv6"], each) for each in permission.get("ipv6_ranges", [])),
            *((each["prefix_list_id"], each) for each in permission.get("prefix_list_ids", [])),
            *(
                ("itself" if each.get("group_id") == group_id else each.get("group_id"), each)
                for each in permission.get("user_id_group_pairs", [])
            ),
        ]
        rules += [_rule(protocol, ports, way, peer, each.get("description", "")) for peer, each in peers]
    return sorted(rules)


def _ports(permission: Described) -> str:
    first, last = permission.get("from_port"), permission.get("to_port")
    return "" if first is None else str(first) if first == last else f"{first}-{last}"


def _rule(protocol: str, ports: str, way: str, peer: Any, description: str) -> str:
    what = " ".join(filter(None, ("all" if protocol == "-1" else protocol, ports)))
    return f"{what} {way} {peer}" + (f" ({description})" if description else "")


def _wanted_rules(rules: list[Described], way: str) -> list[str]:
    return sorted(
        _rule(rule["proto"], str(port), way, peer, rule.get("rule_desc", ""))
        for rule in rules
        for port in rule.get("ports", [""])
        for peer in rule.get("cidr_ip", ["itself"])
    )
