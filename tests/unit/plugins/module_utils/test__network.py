# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is said of a network. What is done to it is in tests/integration/test_network.py and test_destroy.py."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.algotrading.aws.plugins.module_utils._network import destroyed_network, provided_network

TAGS = {"Name": "trading-qa", "Environment": "qa"}
WANTED: dict[str, Any] = {
    "name": "trading-qa",
    "tags": TAGS,
    "cidr": "10.20.0.0/16",
    "dns": {"enable_dns_support": True, "enable_dns_hostnames": True},
    "subnets": [{"cidr": "10.20.0.0/20", "az": "us-east-1a"}, {"cidr": "10.20.16.0/20", "az": "us-east-1b"}],
    "rules": [
        {"proto": "tcp", "ports": [4222], "group_name": "trading-qa", "rule_desc": "NATS"},
        {"proto": "tcp", "ports": [8501], "cidr_ip": ["203.0.113.0/24"], "rule_desc": "The dashboard"},
    ],
    "rules_egress": [{"proto": "all", "cidr_ip": ["0.0.0.0/0"]}],
}
NOTHING: dict[str, list[Any]] = {
    "vpcs": [],
    "internet_gateways": [],
    "subnets": [],
    "route_tables": [],
    "security_groups": [],
}


def subnet(number: int, cidr: str, az: str, **differs: Any) -> dict[str, Any]:
    own = {"subnet_id": f"subnet-{number}", "cidr_block": cidr, "availability_zone": az}
    return {**own, "map_public_ip_on_launch": True, "tags": TAGS, **differs}


def permission(port: int, **sources: Any) -> dict[str, Any]:
    return {"ip_protocol": "tcp", "from_port": port, "to_port": port, **sources}


NATS = permission(4222, user_id_group_pairs=[{"group_id": "sg-1", "description": "NATS"}])
ALL_OUT = {"ip_protocol": "-1", "ip_ranges": [{"cidr_ip": "0.0.0.0/0"}]}
DASHBOARD = permission(8501, ip_ranges=[{"cidr_ip": "203.0.113.0/24", "description": "The dashboard"}])
THERE: dict[str, list[Any]] = {
    "vpcs": [{"vpc_id": "vpc-1", "cidr_block": "10.20.0.0/16", **WANTED["dns"], "tags": {**TAGS, "Team": "ops"}}],
    "internet_gateways": [{"internet_gateway_id": "igw-1", "attachments": [{"vpc_id": "vpc-1"}], "tags": TAGS}],
    "subnets": [subnet(1, "10.20.0.0/20", "us-east-1a"), subnet(2, "10.20.16.0/20", "us-east-1c")],
    "route_tables": [
        {
            "tags": TAGS,
            "routes": [
                {"destination_cidr_block": "10.20.0.0/16", "gateway_id": "local"},
                {"destination_cidr_block": "0.0.0.0/0", "gateway_id": "igw-1"},
                {"destination_cidr_block": "10.9.0.0/16", "vpc_peering_connection_id": "pcx-1"},
            ],
            "associations": [{"subnet_id": "subnet-1"}, {"subnet_id": "subnet-2"}, {"main": False}],
        }
    ],
    "security_groups": [
        {"group_id": "sg-1", "tags": TAGS, "ip_permissions": [NATS, DASHBOARD], "ip_permissions_egress": [ALL_OUT]}
    ],
}


def actions(resources: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(each["kind"], each["action"]) for each in resources]


def test_of_nothing_all_is_created() -> None:
    made = provided_network(NOTHING, WANTED)
    kinds = ["VPC", "internet gateway", "subnet", "subnet", "route table", "security group"]
    assert actions(made) == [(kind, "create") for kind in kinds]
    assert made[2]["name"] == "trading-qa 10.20.0.0/20"
    assert made[5]["after"]["rules"] == ["tcp 4222 from itself (NATS)", "tcp 8501 from 203.0.113.0/24 (The dashboard)"]


def test_what_is_as_wanted_is_kept_and_so_are_tags_routes_and_zones_of_others() -> None:
    assert {each["action"] for each in provided_network(THERE, WANTED)} == {"keep"}


@pytest.mark.parametrize(
    ("key", "change", "entry", "differs"),
    [
        ("vpcs", {"tags": {"Name": "trading-qa"}}, 0, "tags"),
        ("vpcs", {"enable_dns_support": False}, 0, "enable_dns_support"),
        ("internet_gateways", {"attachments": []}, 1, "attached"),
        ("subnets", {"map_public_ip_on_launch": False}, 2, "map_public_ip_on_launch"),
        ("route_tables", {"routes": []}, 4, "routed_to_the_gateway"),
        (
            "route_tables",
            {"routes": [{"destination_cidr_block": "0.0.0.0/0", "gateway_id": "igw-gone", "state": "blackhole"}]},
            4,
            "routed_to_the_gateway",
        ),
        ("route_tables", {"associations": [{"subnet_id": "subnet-2"}]}, 4, "subnets"),
        ("security_groups", {"ip_permissions": [NATS]}, 5, "rules"),
        ("security_groups", {"ip_permissions_egress": []}, 5, "rules_egress"),
        ("security_groups", {"ip_permissions": [NATS, DASHBOARD, permission(22, ip_ranges=[])]}, None, ""),
        (
            "security_groups",
            {"ip_permissions": [NATS, DASHBOARD, permission(22, ip_ranges=[{"cidr_ip": "0.0.0.0/0"}])]},
            5,
            "rules",
        ),
    ],
)
def test_what_differs_is_told(key: str, change: dict[str, Any], entry: int | None, differs: str) -> None:
    first, *others = THERE[key]
    told = provided_network({**THERE, key: [{**first, **change}, *others]}, WANTED)
    changed = [number for number, each in enumerate(told) if each["action"] == "change"]
    assert changed == ([] if entry is None else [entry])
    if entry is not None:
        assert told[entry]["reasons"] == [f"differs in {differs}"]


def test_all_sources_of_a_security_group_are_told() -> None:
    everything = {
        "ip_protocol": "-1",
        "ipv6_ranges": [{"cidr_ipv6": "::/0"}],
        "prefix_list_ids": [{"prefix_list_id": "pl-1"}],
        "user_id_group_pairs": [{"group_id": "sg-2"}],
    }
    group = {**THERE["security_groups"][0], "ip_permissions": [everything, {**NATS, "to_port": 4223}]}
    told = provided_network({**THERE, "security_groups": [group]}, WANTED)[5]
    assert told["before"]["rules"] == [
        "all from ::/0",
        "all from pl-1",
        "all from sg-2",
        "tcp 4222-4223 from itself (NATS)",
    ]


def test_a_network_that_goes_is_told_from_the_inside_out() -> None:
    gone = destroyed_network(THERE)
    kinds = ["security group", "subnet", "subnet", "route table", "internet gateway", "VPC"]
    assert actions(gone) == [(kind, "delete") for kind in kinds]
    assert gone[1]["name"] == "trading-qa 10.20.0.0/20"
    assert destroyed_network(NOTHING) == []


def test_a_network_that_stays_is_told_with_the_reason() -> None:
    left = destroyed_network(THERE, "it is loved")
    assert {(each["action"], *each["reasons"]) for each in left} == {("keep", "it is loved")}
