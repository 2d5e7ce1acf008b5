# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A linter reads every policy that site.yml writes, with each option of the roles on and off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.security.linter import findings
from tests.security.policies import AWS_OWN, Policies, Policy
from tests.security.stack import ENVIRONMENTS, ROLES, Stack

pytestmark = pytest.mark.xdist_group("security")

_NEEDS_DOCUMENT = "SendCommand needs a document and hosts, and only the hosts have tags to name: two statements"
# What the linter says, of which statement, and why it stays.
JUSTIFIED = {
    ("CREDENTIALS_EXPOSURE", "trust"): "sts:AssumeRole by one service is what a trust policy is for",
    ("RESOURCE_MISMATCH", "RunCommands"): _NEEDS_DOCUMENT,
    ("RESOURCE_MISMATCH", "AskTradersForTheirHealth"): _NEEDS_DOCUMENT,
    ("RESOURCE_MISMATCH", "UseShellDocument"): "AWS's own documents have no account in their ARN, as the linter wants",
}
# AWS knows no narrower resource for these, by its service authorization reference.
EVERYWHERE = {
    "ec2:DescribeInstances",
    "ec2:DescribeInstanceStatus",
    "ssm:DescribeInstanceInformation",
    "ssm:GetCommandInvocation",
    "ssm:ListCommandInvocations",
    "ssm:ListCommands",
}
SERVICES = {
    "alpaca_instance_role_": "ec2.amazonaws.com",
    "trading_server_instance_role_": "ec2.amazonaws.com",
    "alpaca_websocket_lambda_role_": "lambda.amazonaws.com",
    "trading_server_lambda_role_": "lambda.amazonaws.com",
    "trading_server_shutdown_lambda_role_": "lambda.amazonaws.com",
    "eventbridge-scheduler-invoke-lambda-": "scheduler.amazonaws.com",
}


@pytest.fixture(scope="module")
def written(stack: Stack) -> list[Policy]:
    policies = Policies(stack.aws)
    return [*policies.of_roles(), *policies.of_buckets(), *policies.of_functions()]


def _issues(policy: Policy) -> Iterator[tuple[str, str]]:
    """What is found, by the Sid of its statement; a trust policy has none."""
    seen = set()
    for statement in policy.statements():
        alone = replace(policy, document=policy.document | {"Statement": [statement]})
        for finding in findings(alone):
            seen.add(finding.issue)
            yield finding.issue, "trust" if policy.kind == "trust" else statement.get("Sid", "")
    yield from ((finding.issue, "") for finding in findings(policy) if finding.issue not in seen)


def test_the_linter_finds_nothing_that_is_not_justified(written: list[Policy]) -> None:
    """Seen to fail with GetSecretValue on `*` for a trader, and the linter with the mistakes of the next test."""
    found = {(issue, sid): str(policy) for policy in written for issue, sid in _issues(policy)}
    assert {place: policy for place, policy in found.items() if place not in JUSTIFIED} == {}
    assert found.keys() == JUSTIFIED.keys(), "what is justified is still there"


@pytest.mark.parametrize(
    ("mistake", "issue"),
    [
        ({"Action": "iam:PassRole", "Resource": "*"}, "RESOURCE_STAR"),
        ({"Action": "s3:PutBucketPolicy", "Resource": "arn:aws:s3:::b"}, "PERMISSIONS_MANAGEMENT_ACTIONS"),
        ({"Action": ["iam:CreatePolicyVersion"], "Resource": "*"}, "PRIVILEGE_ESCALATION"),
        ({"Action": "s3:GetObject", "Resource": "arn:aws:s3:::b"}, "RESOURCE_MISMATCH"),
        ({"Action": "ec2:StartInstance", "Resource": "*"}, "UNKNOWN_ACTION"),
        ({"Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*", "Sid": "no-dashes"}, "INVALID_SID"),
        (
            {
                "Action": "s3:GetObject",
                "Resource": "arn:aws:s3:::b/*",
                "Condition": {"StringEquals": {"s3:prefix": "x"}},
            },
            "UNKNOWN_CONDITION_FOR_ACTION",
        ),
        ({"NotResource": "arn:aws:s3:::b/*", "Action": "s3:GetObject"}, "NOTRESOURCE_WITH_ALLOW"),
    ],
)
def test_the_linter_has_teeth(mistake: dict[str, Any], issue: str) -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Sid": "A"} | mistake]}
    assert issue in {found for found, _ in _issues(Policy("inline", "a", "b", "", document))}


def test_every_role_is_read_with_all_it_has(written: list[Policy]) -> None:
    """Seen to fail with the scheduler's policy deleted, and with a function that has a policy of its own."""
    roles = {f"{prefix}{environment}" for prefix in ROLES.values() for environment in ENVIRONMENTS}
    assert {policy.holder for policy in written if policy.kind == "trust"} == roles
    assert {policy.holder for policy in written if policy.kind in ("inline", "managed")} == roles
    assert len([policy for policy in written if policy.kind == "bucket"]) == len(ENVIRONMENTS)
    assert [str(policy) for policy in written if policy.kind == "function"] == []


def test_no_policy_of_aws_but_the_agent_s(stack: Stack) -> None:
    """Seen to fail with AmazonSSMFullAccess attached to a trader's role."""
    policies = Policies(stack.aws)
    for environment in ENVIRONMENTS:
        for kind, prefix in ROLES.items():
            of_aws = [arn for arn in policies.attached(f"{prefix}{environment}") if arn.startswith(AWS_OWN)]
            is_host = SERVICES[prefix] == "ec2.amazonaws.com"
            assert of_aws == [f"{AWS_OWN}AmazonSSMManagedInstanceCore"] * is_host, kind


def test_a_statement_names_its_actions_and_its_resources(written: list[Policy]) -> None:
    """Seen to fail with `s3:Get*` for a trader, and with s3:ListBucket beside ssm:ListCommands on `*`."""
    for policy in written:
        if policy.kind == "trust":
            continue
        for statement in policy.statements():
            actions = set(_listed(statement["Action"]))
            assert not [action for action in actions if "*" in action], policy
            if "*" in _listed(statement["Resource"]):
                assert actions <= EVERYWHERE, policy
            assert "Sid" in statement, policy


def test_no_environment_s_policy_names_another_environment(written: list[Policy]) -> None:
    """Seen to fail with the bucket of qa in a policy of dev's traders, and prod's in one of qa's."""
    foreign = {
        "dev": r"[_-](qa|prod)\b|algo-model-deploy(-prod)?(/|\Z)",
        "qa": r"[_-](dev|prod)\b",
        "prod": r"[_-](dev|qa)\b|algo-model-deploy(-dev)?(/|\Z)",
    }
    for policy in written:
        if policy.kind == "bucket":
            continue
        environment = re.split("[_-]", policy.holder)[-1]
        for statement in policy.statements():
            for named in _listed(statement.get("Resource", [])):
                assert not re.search(foreign[environment], named), f"{policy}: {named}"


def test_each_role_is_assumed_by_one_service_only(written: list[Policy]) -> None:
    """Seen to fail with a second service, and with an account, in one trust policy."""
    for policy in written:
        if policy.kind == "trust":
            (statement,) = policy.statements()
            prefix = next(prefix for prefix in SERVICES if policy.holder.startswith(prefix))
            assert statement["Principal"] == {"Service": SERVICES[prefix]}, policy
            assert (statement["Effect"], statement["Action"]) == ("Allow", "sts:AssumeRole")


def test_a_bucket_s_policy_is_for_its_traders_only(written: list[Policy]) -> None:
    """Seen to fail with Principal "*", and with the traders of another environment."""
    for policy in written:
        if policy.kind == "bucket":
            (environment,) = [each for each in ENVIRONMENTS if _bucket_of(each) == policy.holder]
            role = f"arn:aws:iam::123456789012:role/trading_server_instance_role_{environment}"
            assert {str(each["Principal"]) for each in policy.statements()} == {str({"AWS": role})}


def _bucket_of(environment: str) -> str:
    return "algo-model-deploy" if environment == "qa" else f"algo-model-deploy-{environment}"


def _listed(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]
