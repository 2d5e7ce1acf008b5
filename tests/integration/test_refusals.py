# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What must not go through ends before the first change, with one sentence that says what to do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.account import Account
from tests.local_aws.seed import BUCKETS
from tests.local_aws.seed_models import delete_model, model_names
from tests.playbook import Site

# What is seeded, how the playbook is called, and what it must say.
REFUSALS: dict[str, tuple[dict[str, Any], list[str], str]] = {
    "a missing bucket": (
        {},
        ["-e", "trading_bucket=not-there"],
        "The bucket 'not-there' does not exist: create it, or name the one that holds the models",
    ),
    "a bucket without models": (
        {"models": 0},
        [],
        "The bucket algo-model-deploy holds no model, which would retire the whole fleet of qa: upload a model",
    ),
    "no image": (
        {"images": False},
        [],
        "No available image matches alpaca-websocket* of owner self in us-east-1: build one, or name another image",
    ),
    "an unknown subnet": (
        {},
        ["-e", "trading_subnet_ids=subnet-0123456789abcdef0"],
        "Unknown in us-east-1: subnet-0123456789abcdef0; correct trading_subnet_ids",
    ),
    "no network": (
        {"network": False},
        [],
        "No subnet matches {'tag:Name': 'trading-qa'} in us-east-1: tag the subnets of qa",
    ),
    "a second network": (
        {},
        ["-e", "trading_network_manage=true"],
        "qa has a network already",
    ),
    "an invalid environment": (
        {},
        ["-e", "trading_environment=staging"],
        "'staging' is not an environment: name one of dev, qa, prod",
    ),
    "a wrong type": (
        {},
        ["-e", "trading_fleet_volume_size=large"],
        "argument 'trading_fleet_volume_size' is of type str and we were unable to convert to int",
    ),
}


@pytest.mark.parametrize("reason", REFUSALS)
def test_a_run_is_refused_before_any_change(account: Account, refused: Site, reason: str) -> None:
    seed, arguments, sentence = REFUSALS[reason]
    account.seed("qa", **seed)
    assert sentence in _unfolded(refused("qa", *arguments).output)


def test_forbidden_credentials_are_refused(account: Account, refused: Site) -> None:
    account.seed("qa")
    account.iam.create_user(UserName="nobody")
    key = account.iam.create_access_key(UserName="nobody")["AccessKey"]
    credentials = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    run = refused("qa", environ={**account.aws.environ, **credentials})
    assert "UnauthorizedOperation" in run.output


def test_credentials_that_may_not_list_the_bucket_are_refused(account: Account, refused: Site) -> None:
    account.seed("qa")
    account.iam.create_user(UserName="onlooker")
    actions = ["ec2:Describe*", "iam:Get*", "sts:GetCallerIdentity", "ssm:*Parameter*"]
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    account.iam.put_user_policy(UserName="onlooker", PolicyName="look", PolicyDocument=policy)
    key = account.iam.create_access_key(UserName="onlooker")["AccessKey"]
    credentials = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    run = refused("qa", environ={**account.aws.environ, **credentials})
    sentence = "The bucket 'algo-model-deploy' may not be listed with these credentials: grant s3:ListBucket on it"
    assert sentence in _unfolded(run.output)


def test_a_run_without_credentials_fails(account: Account, refused: Site) -> None:
    account.seed("qa")
    environ = {key: value for key, value in account.aws.environ.items() if "ACCESS_KEY" not in key}
    assert "Unable to locate credentials" in refused("qa", environ=environ).output


def test_too_many_retirements_are_refused_until_they_are_let_through(
    account: Account, site: Site, refused: Site
) -> None:
    account.seed("qa", models=6)
    site("qa")
    for model in model_names(6)[:2]:
        delete_model(account.s3, BUCKETS["qa"], *model)

    output = _unfolded(refused("qa").output)
    assert "2 of 6 servers have no model any more, and at most 1 may be retired in one run" in output
    for _type, _symbol, number in model_names(6)[:2]:
        assert number in output

    site("qa", "-e", "trading_fleet_max_retired=2")
    assert sum("Retired" in host.tags for host in account.traders("qa")) == 2


def test_a_model_with_two_live_servers_is_refused(account: Account, site: Site, refused: Site) -> None:
    account.seed("qa", models=2)
    site("qa")
    first = account.traders("qa")[0]
    copy = account.ec2.run_instances(
        ImageId=first.described["ImageId"],
        InstanceType="t3.small",
        SubnetId=first.described["SubnetId"],
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": first.described["Tags"]}],
    )["Instances"][0]["InstanceId"]

    output = _unfolded(refused("qa").output)
    assert f"More than one live instance for {first.name}" in output
    assert first.instance_id in output
    assert copy in output


def _unfolded(output: str) -> str:
    """Ansible's YAML output folds long sentences over lines, and doubles quotes."""
    return " ".join(output.split()).replace("''", "'")
