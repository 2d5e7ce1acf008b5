# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every role of three environments tries every deed on each of them; the local AWS judges by the policies it was given.

Both the roles' policies and the buckets' count.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.security.rights import DEEDS, Deed
from tests.security.stack import (
    ENVIRONMENTS,
    INGEST,
    ROLES,
    SCHEDULER,
    STARTS_FEED,
    STARTS_FLEET,
    STOPS,
    TRADER,
    Stack,
    is_refused,
)

pytestmark = pytest.mark.xdist_group("security")

BY_NAME = {deed.name: deed for deed in DEEDS}
Who = set[tuple[str, str]]


def _principals(*environments: str) -> Who:
    return {(environment, kind) for environment in environments for kind in ROLES}


def _doers(stack: Stack, deed: Deed, environment: str, principals: Who) -> Who:
    target = stack.targets[environment]
    return {
        (own, kind)
        for own, kind in principals
        if not is_refused(lambda: deed.call(lambda service: stack.client(own, kind, service), target))  # noqa: B023
    }


@pytest.mark.parametrize("name", [deed.name for deed in DEEDS if deed.by])
def test_these_may_and_nobody_else(stack: Stack, name: str) -> None:
    """Seen to fail by `test_a_right_too_much_is_seen` and `test_a_missing_right_is_seen`, whatever the deed."""
    deed = BY_NAME[name]
    for environment in ENVIRONMENTS:
        assert _doers(stack, deed, environment, _principals(*ENVIRONMENTS)) == deed.doers(environment), environment


@pytest.mark.parametrize("name", [deed.name for deed in DEEDS if not deed.by])
def test_nobody_may(stack: Stack, name: str) -> None:
    """To their own environment: no policy names another, as test_policies.py says. Seen to fail as the test above."""
    for environment in ENVIRONMENTS:
        assert _doers(stack, BY_NAME[name], environment, _principals(environment)) == set(), environment


@pytest.mark.parametrize("operation", ["start_instances", "stop_instances", "create_tags", "send_command"])
def test_nobody_reaches_a_host_without_tags(stack: Stack, operation: str) -> None:
    """Seen to fail with the condition on Environment taken out of StartHosts, StopHosts, TagHosts and RunCommands."""
    parameters: dict[str, Any] = {"InstanceIds": [stack.stranger]}
    if operation == "create_tags":
        parameters = {"Resources": [stack.stranger], "Tags": [{"Key": "Environment", "Value": "qa"}]}
    elif operation == "send_command":
        parameters |= {"DocumentName": "AWS-RunShellScript", "Parameters": {"commands": ["true"]}}
    for own, kind in _principals(*ENVIRONMENTS):
        client = stack.client(own, kind, "ssm" if operation == "send_command" else "ec2")
        assert is_refused(lambda: getattr(client, operation)(**parameters)), (own, kind)  # noqa: B023


def _allow(action: str, resource: str = "*", **condition: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return statement | ({"Condition": {"StringEquals": condition}} if condition else {})


_HOSTS = "arn:aws:ec2:us-east-1:123456789012:instance/*"
_MINE = {"aws:ResourceTag/Environment": "dev"}
# What a careless hand could write for a role of dev, and deeds by which it shows, of which none does harm.
TOO_MUCH = [
    (STARTS_FLEET, _allow("ec2:StartInstances", _HOSTS), ["start a trader", "start a host of no role"]),
    (STARTS_FLEET, _allow("ec2:StartInstances", _HOSTS, **_MINE), ["start the ingest node", "start a host of no role"]),
    (STOPS, _allow("ec2:StopInstances", _HOSTS), ["stop a trader", "stop the ingest node"]),
    (STOPS, _allow("ec2:CreateTags", _HOSTS, **_MINE), ["note a repair of a host of no role"]),
    (INGEST, _allow("ssm:SendCommand"), ["run a command on a trader", "run a command on the ingest node"]),
    (INGEST, _allow("ssm:StartSession"), ["open a session on a trader"]),
    (TRADER, _allow("s3:PutObject", "arn:aws:s3:::algo-model-deploy-dev/*"), ["write a model", "write a config"]),
    (TRADER, _allow("s3:GetObject"), ["read a model"]),
    (TRADER, _allow("secretsmanager:GetSecretValue"), ["read somebody else's secret", "read NATS's token"]),
    (SCHEDULER, _allow("lambda:InvokeFunction"), ["invoke the function that starts the fleet"]),
    (STARTS_FEED, _allow("lambda:*"), ["change a function's settings", "invoke the function that stops"]),
    (STARTS_FEED, _allow("iam:*"), ["read a role"]),
    (STARTS_FEED, _allow("sns:Publish"), ["raise an alert"]),
]


@pytest.mark.parametrize(("kind", "statement", "names"), TOO_MUCH)
def test_a_right_too_much_is_seen(stack: Stack, kind: str, statement: dict[str, Any], names: list[str]) -> None:
    """The table above is a test of the policies only if it fails when one of them is too wide."""
    role = {"RoleName": f"{ROLES[kind]}dev", "PolicyName": "careless"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam = stack.aws.client("iam")
    iam.put_role_policy(**role, PolicyDocument=document)
    try:
        found = {name: [_doers(stack, BY_NAME[name], each, {("dev", kind)}) for each in ENVIRONMENTS] for name in names}
    finally:
        iam.delete_role_policy(**role)
    for name, doers in found.items():
        wanted = [BY_NAME[name].doers(each) & {("dev", kind)} for each in ENVIRONMENTS]
        assert doers != wanted, f"nobody sees that {kind} may {name}"


@pytest.mark.parametrize("kind", ROLES)
def test_a_missing_right_is_seen(stack: Stack, kind: str) -> None:
    """The same the other way: each deed of a role is its policies' doing, and gone with them."""
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    role = {"RoleName": f"{ROLES[kind]}dev", "PolicyName": "careless"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    deeds = [deed for deed in DEEDS if ("dev", kind) in deed.doers("dev")]
    assert deeds
    iam = stack.aws.client("iam")
    iam.put_role_policy(**role, PolicyDocument=document)
    try:
        for deed in deeds:
            assert _doers(stack, deed, "dev", {("dev", kind)}) == set(), deed.name
    finally:
        iam.delete_role_policy(**role)
