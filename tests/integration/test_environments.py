# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Three environments side by side in one account, with all that PARITY.md says of their hosts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.account import Account, Host
from tests.local_aws.seed import BUCKETS
from tests.playbook import Site

ENVIRONMENTS = ("dev", "qa", "prod")
ACCOUNT_ID = "123456789012"
SSM_CORE = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"


def test_three_environments_come_into_being_side_by_side(account: Account, site: Site) -> None:
    for environment in ENVIRONMENTS:
        account.seed(environment, models=6)
    account.aws.forget_calls()

    for environment in ENVIRONMENTS:
        announced = site(environment, "--check", "--diff")
        assert account.mutating_calls() == []
        for name in _names_of_resources(environment):
            assert name in announced.output, f"{name} is not announced"

    for environment in ENVIRONMENTS:
        others = {other: account.snapshot(other) for other in ENVIRONMENTS if other != environment}
        assert site(environment).changed > 0
        assert {other: account.snapshot(other) for other in others} == others

    for environment in ENVIRONMENTS:
        _check_hosts(account, environment)
        _check_ingest_role(account, environment)
        _check_trader_role(account, environment)
        _check_bucket_policy(account, environment)

    account.aws.forget_calls()
    for environment in ENVIRONMENTS:
        assert site(environment).changed == 0
    assert account.mutating_calls() == []


def _names_of_resources(environment: str) -> list[str]:
    return [
        f"alpaca_instance_role_{environment}",
        f"alpaca_instance_profile_{environment}",
        f"secretsmanager-access-{environment}",
        f"s3-config-read-{environment}",
        f"dashboard-access-{environment}",
        f"alpaca-websocket-ingest-{environment}",
        f"trading_server_instance_role_{environment}",
        f"trading_server_instance_profile_{environment}",
        f"s3-list-access-{environment}",
        "AllowListBucket",
        "AllowGetObject",
        "AllowPutObject",
        *_trader_names(environment),
    ]


def _trader_names(environment: str) -> list[str]:
    return [
        f"trading-server-{environment}-{symbol}-{kind}-{symbol.lower()}_{kind}-outer_{outer}_inner_{inner}"
        for symbol in ("SOXL", "SPXL", "TQQQ")
        for kind, outer, inner in (("long", 11, 48), ("short", 12, 49))
    ]


def _check_hosts(account: Account, environment: str) -> None:
    hosts = account.hosts(environment)
    assert [host.name for host in hosts] == [f"alpaca-websocket-ingest-{environment}", *_trader_names(environment)]
    for host in hosts:
        ingest = host.name == f"alpaca-websocket-ingest-{environment}"
        assert host.state == "running"
        assert host.tags.items() >= _expected_tags(host, environment, ingest=ingest).items()
        assert not host.tags.keys() - _expected_tags(host, environment, ingest=ingest).keys() - {"UserDataDigest"}
        _check_launch(account, host, environment, ingest=ingest)


def _expected_tags(host: Host, environment: str, *, ingest: bool) -> dict[str, str]:
    if ingest:
        return {"Name": host.name, "Environment": environment, "Role": "ingest"}
    symbol, kind, number = host.name.removeprefix(f"trading-server-{environment}-").split("-", 2)
    model = {"ModelType": kind, "Symbol": symbol, "ModelNumber": number}
    return {"Name": host.name, "Environment": environment, "Role": "trader", **model}


def _check_launch(account: Account, host: Host, environment: str, *, ingest: bool) -> None:
    described = host.described
    profile = "alpaca_instance_profile" if ingest else "trading_server_instance_profile"
    image = account.ec2.describe_images(ImageIds=[described["ImageId"]])["Images"][0]
    assert image["Name"] == ("alpaca-websocket-2026-02-02" if ingest else "trading-server-2026-02-02")
    assert described["InstanceType"] == "t3.small"
    assert "KeyName" not in described
    assert described["IamInstanceProfile"]["Arn"].endswith(f":instance-profile/{profile}_{environment}")
    assert [group["GroupName"] for group in described["SecurityGroups"]] == [f"trading-{environment}"]
    assert described["PrivateIpAddress"].startswith("127.")
    metadata = described["MetadataOptions"]
    assert (metadata["HttpTokens"], metadata["HttpPutResponseHopLimit"]) == ("required", 1)
    assert metadata["InstanceMetadataTags"] == "enabled"
    assert described["BlockDeviceMappings"][0]["Ebs"]["DeleteOnTermination"] is True
    volume = account.volume(host)
    assert (volume["VolumeType"], volume["Size"], volume["Encrypted"]) == ("gp3", 14, True)


def _check_ingest_role(account: Account, environment: str) -> None:
    role = account.role(f"alpaca_instance_role_{environment}")
    bucket = f"arn:aws:s3:::{BUCKETS[environment]}"
    assert _principal(role.trust) == {"Service": "ec2.amazonaws.com"}
    assert role.managed == [SSM_CORE]
    assert role.profiles == [f"alpaca_instance_profile_{environment}"]
    assert role.inline.keys() == {
        f"secretsmanager-access-{environment}",
        f"s3-config-read-{environment}",
        f"dashboard-access-{environment}",
    }
    _check_secrets_policy(role.inline[f"secretsmanager-access-{environment}"])
    configs = _by_action(role.inline[f"s3-config-read-{environment}"])
    assert configs["s3:GetObject"][0]["Resource"] == f"{bucket}/configs/*"
    assert configs["s3:ListBucket"][0]["Resource"] == bucket
    assert configs["s3:ListBucket"][0]["Condition"] == {"StringLike": {"s3:prefix": "configs/*"}}
    dashboard = _by_action(role.inline[f"dashboard-access-{environment}"])
    assert dashboard.keys() == {
        "ec2:DescribeInstances",
        "s3:GetObject",
        "s3:ListBucket",
        "ssm:SendCommand",
        "ssm:GetCommandInvocation",
        "ssm:ListCommandInvocations",
    }
    assert sorted(dashboard["s3:GetObject"][0]["Resource"]) == [
        f"{bucket}/models/*/*/*/logs/*",
        f"{bucket}/models/*/*/*/trades/*",
    ]
    document, instances = dashboard["ssm:SendCommand"]
    assert document["Resource"] == "arn:aws:ssm:us-east-1::document/AWS-RunShellScript"
    assert instances["Condition"] == {
        "StringEquals": {"ssm:resourceTag/Environment": environment, "ssm:resourceTag/Role": "trader"}
    }


def _check_trader_role(account: Account, environment: str) -> None:
    role = account.role(f"trading_server_instance_role_{environment}")
    assert _principal(role.trust) == {"Service": "ec2.amazonaws.com"}
    assert role.managed == [SSM_CORE]
    assert role.profiles == [f"trading_server_instance_profile_{environment}"]
    assert role.inline.keys() == {f"secretsmanager-access-{environment}", f"s3-list-access-{environment}"}
    _check_secrets_policy(role.inline[f"secretsmanager-access-{environment}"])
    (statement,) = role.inline[f"s3-list-access-{environment}"]["Statement"]
    assert statement["Action"] == "s3:ListBucket"
    assert statement["Resource"] == f"arn:aws:s3:::{BUCKETS[environment]}"
    assert statement["Condition"] == {"StringLike": {"s3:prefix": "models/*"}}


def _check_bucket_policy(account: Account, environment: str) -> None:
    bucket = f"arn:aws:s3:::{BUCKETS[environment]}"
    statements = {statement["Sid"]: statement for statement in account.bucket_policy(environment)["Statement"]}
    assert statements.keys() == {"AllowListBucket", "AllowGetObject", "AllowPutObject"}
    for statement in statements.values():
        role = f"trading_server_instance_role_{environment}"
        assert statement["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT_ID}:role/{role}"}
    assert statements["AllowPutObject"]["Resource"] == [
        f"{bucket}/models/*/*/*/logs/*",
        f"{bucket}/models/*/*/*/trades/*",
    ]


def _check_secrets_policy(document: dict[str, Any]) -> None:
    (statement,) = document["Statement"]
    assert statement["Action"] == "secretsmanager:GetSecretValue"
    assert statement["Resource"] == f"arn:aws:secretsmanager:us-east-1:{ACCOUNT_ID}:secret:github/ssh-key*"


def _principal(trust: dict[str, Any]) -> dict[str, str]:
    (statement,) = trust["Statement"]
    assert statement["Action"] == "sts:AssumeRole"
    return statement["Principal"]


def _by_action(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    statements: dict[str, list[dict[str, Any]]] = {}
    for statement in document["Statement"]:
        actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        for action in actions:
            statements.setdefault(action, []).append(statement)
    return statements


@pytest.mark.parametrize("dashboard", ["true", "false"])
def test_the_dashboard_runs_commands_only_where_it_may(account: Account, site: Site, dashboard: str) -> None:
    account.seed("qa", models=1)
    site("qa", "-e", f"trading_dashboard_commands={dashboard}")
    policy = account.role("alpaca_instance_role_qa").inline["dashboard-access-qa"]
    assert ("ssm:SendCommand" in _by_action(policy)) == (dashboard == "true")
