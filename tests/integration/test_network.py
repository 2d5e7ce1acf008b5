# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A network is made where it is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from tests.integration.account import Account
from tests.integration.killing import kill, wait_until
from tests.playbook import Site, run_playbook, start_playbook

MANAGED = ["-e", json.dumps({"trading_network_manage": True, "trading_dashboard_cidrs": ["203.0.113.0/24"]})]


def test_a_network_is_made_and_then_left_alone(account: Account, site: Site) -> None:
    account.seed("qa", models=2, network=False)
    account.aws.forget_calls()
    announced = site("qa", "--check", "--diff", *MANAGED)
    assert account.mutating_calls() == []
    assert announced.output.count("changed: [localhost]") >= 10

    site("qa", *MANAGED)

    named = [{"Name": "tag:Name", "Values": ["trading-qa"]}]
    (vpc,) = account.ec2.describe_vpcs(Filters=named)["Vpcs"]
    subnets = account.ec2.describe_subnets(Filters=named)["Subnets"]
    assert {subnet["VpcId"] for subnet in subnets} == {vpc["VpcId"]}
    assert len({subnet["AvailabilityZone"] for subnet in subnets}) == 2
    (gateway,) = account.ec2.describe_internet_gateways(Filters=named)["InternetGateways"]
    assert gateway["Attachments"][0]["VpcId"] == vpc["VpcId"]
    (group,) = account.ec2.describe_security_groups(Filters=named)["SecurityGroups"]
    rules = {rule["FromPort"]: rule for rule in group["IpPermissions"]}
    assert rules.keys() == {4222, 8501}
    assert [pair["GroupId"] for pair in rules[4222]["UserIdGroupPairs"]] == [group["GroupId"]]
    assert rules[4222]["IpRanges"] == []
    assert [allowed["CidrIp"] for allowed in rules[8501]["IpRanges"]] == ["203.0.113.0/24"]
    assert {host.described["VpcId"] for host in account.hosts("qa")} == {vpc["VpcId"]}

    account.aws.forget_calls()
    # One network by `-e` may be a text.
    again = site("qa", *MANAGED, "-e", "network_dashboard_cidrs=203.0.113.0/24")
    assert again.changed == 0
    assert "Create the security group" not in again.output
    assert account.mutating_calls() == []


def test_a_gateway_that_a_killed_run_made_is_taken(account: Account, site: Site) -> None:
    """It is attached to nothing yet; seen failing when create.yml leaves the gateway's id to the module."""
    account.seed("qa", models=1, network=False)
    account.aws.hold("AttachInternetGateway", after=0, count=1)
    killed = start_playbook("qa", account.aws.environ, *MANAGED)
    try:
        wait_until(lambda: account.aws.waiting() == 1)
    finally:
        kill(account.aws, killed)
    site("qa", *MANAGED)
    named = [{"Name": "tag:Name", "Values": ["trading-qa"]}]
    (gateway,) = account.ec2.describe_internet_gateways(Filters=named)["InternetGateways"]
    assert gateway["Attachments"]
    account.aws.release()


def test_of_two_networks_none_is_chosen(account: Account, site: Site, refused: Site) -> None:
    """Seen failing without the refusal in create.yml: by chance the first one that EC2 tells is kept."""
    account.seed("qa", models=1, network=False)
    site("qa", *MANAGED)
    tags = [{"Key": "Name", "Value": "trading-qa"}, {"Key": "Environment", "Value": "qa"}]
    second = account.ec2.create_vpc(
        CidrBlock="10.20.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}]
    )["Vpc"]["VpcId"]
    said = " ".join(refused("qa", *MANAGED).output.split())
    assert "More than one VPC, or route table in it, is called trading-qa: " in said
    assert second in said


# By this seed the first answers about a VPC, an internet gateway and a route table are lost, and no other.
LOSING = {"seed": 1774271, "lost": 0.15}


def test_nothing_is_made_twice_when_answers_are_lost(account: Account, tmp_path: Path) -> None:
    """A run may fail, and is run again. Seen failing when botocore sends its requests again, with two VPCs."""
    account.seed("qa", models=1, network=False)
    play = {"hosts": "localhost", "gather_facts": False, "roles": ["algotrading.aws.network"]}
    playbook = tmp_path / "network.yml"
    playbook.write_text(yaml.safe_dump([play]))
    account.aws.set_faults(**LOSING)
    runs = [run_playbook("qa", account.aws.environ, *MANAGED, playbook=str(playbook)) for _run in range(5)]
    assert account.aws.faults() == {"lost": 3}
    assert [run.status for run in runs] == [2, 2, 2, 0, 0], runs[-1].output
    assert runs[-1].changed == 0
    named = [{"Name": "tag:Name", "Values": ["trading-qa"]}]
    assert len(account.ec2.describe_vpcs(Filters=named)["Vpcs"]) == 1
    assert len(account.ec2.describe_internet_gateways(Filters=named)["InternetGateways"]) == 1
    assert len(account.ec2.describe_route_tables(Filters=named)["RouteTables"]) == 1
