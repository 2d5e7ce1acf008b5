# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module iam_role_policies."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.algotrading.aws.plugins.modules.iam_role_policies import main

from tests.unit.plugins.support import Account, Outcome, RunModule

Policies = dict[str, dict[str, Any]]

ROLE = "trading_server_instance_role_qa"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def document(action: Any = "s3:ListBucket", resource: Any = "arn:aws:s3:::algo-model-deploy") -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]}


class Role:
    """The role, and the module applied to it."""

    def __init__(self, aws: Account, run_module: RunModule) -> None:
        self.aws, self.run_module = aws, run_module
        self.iam = aws.client("iam")
        self.iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(TRUST))

    def run(self, wanted: Policies, *, name: str = ROLE, purge: bool = False, check: bool = False) -> Outcome:
        self.aws.forget_calls()
        policies = [{"name": policy, "document": document} for policy, document in wanted.items()]
        return self.run_module(main, name=name, policies=policies, purge_policies=purge, check=check)

    @property
    def policies(self) -> dict[str, dict[str, Any]]:
        names = self.iam.list_role_policies(RoleName=ROLE)["PolicyNames"]
        return {name: self.iam.get_role_policy(RoleName=ROLE, PolicyName=name)["PolicyDocument"] for name in names}


@pytest.fixture
def role(aws: Account, run_module: RunModule) -> Role:
    return Role(aws, run_module)


def test_policies_are_created(role: Role) -> None:
    outcome = role.run({"read": document(), "write": document("s3:PutObject")})
    assert outcome.changed
    assert role.policies == outcome["policies"] == {"read": document(), "write": document("s3:PutObject")}
    assert outcome["diff"] == {"before": {}, "after": role.policies}


def test_a_second_run_only_reads(role: Role) -> None:
    role.run({"read": document(), "write": document("s3:PutObject")})
    assert not role.run({"read": document(), "write": document("s3:PutObject")}).changed
    assert not role.aws.changes()


def test_only_the_policy_that_differs_is_put(role: Role) -> None:
    role.run({"read": document(), "write": document("s3:PutObject")})
    outcome = role.run({"read": document(resource="arn:aws:s3:::other"), "write": document("s3:PutObject")})
    assert outcome.changed
    assert role.aws.changes() == ["PutRolePolicy"]
    assert role.policies["read"] == document(resource="arn:aws:s3:::other")
    assert outcome["diff"]["before"]["read"] == document()


@pytest.mark.parametrize(
    "written",
    [document(["s3:ListBucket"]), dict(reversed(document().items()))],
    ids=["a list of one", "another order of keys"],
)
def test_what_only_is_written_in_another_way_is_no_change(role: Role, written: dict[str, Any]) -> None:
    role.run({"read": document()})
    assert not role.run({"read": written}).changed


def test_other_policies_stay_unless_they_are_purged(role: Role) -> None:
    role.run({"theirs": document()})
    role.run({"read": document()})
    assert role.policies.keys() == {"theirs", "read"}


def test_purge_removes_the_policies_that_are_not_named(role: Role) -> None:
    role.run({"old": document(), "read": document()})
    outcome = role.run({"read": document()}, purge=True)
    assert outcome.changed
    assert role.policies.keys() == outcome["policies"].keys() == {"read"}
    assert role.aws.changes() == ["DeleteRolePolicy"]


def test_an_empty_list_with_purge_removes_all(role: Role) -> None:
    role.run({"read": document()})
    assert role.run({}, purge=True).changed
    assert role.policies == {}


def test_a_role_that_does_not_exist_is_an_error(role: Role) -> None:
    message = role.run({"read": document()}, name="nobody").msg
    assert message == "The role 'nobody' does not exist: create it before its policies"
    assert not role.aws.changes()


def test_check_mode_announces_the_policies_of_a_role_that_does_not_exist_yet(role: Role) -> None:
    outcome = role.run({"read": document()}, name="nobody", check=True)
    assert outcome.changed
    assert outcome["policies"] == {"read": document()}
    assert not role.aws.changes()


def test_check_mode_announces_what_a_run_then_does(role: Role) -> None:
    role.run({"old": document(), "read": document()})
    before = role.policies
    wanted = {"read": document("s3:GetObject"), "new": document()}
    announced = role.run(wanted, purge=True, check=True)
    assert announced.changed
    assert not role.aws.changes()
    assert role.policies == before
    done = role.run(wanted, purge=True)
    assert {**announced.result, "invocation": 0} == {**done.result, "invocation": 0}
    assert role.policies == wanted


def test_a_policy_that_iam_refuses_fails_in_its_words(role: Role) -> None:
    message = role.run({"read": document(resource=["arn:aws:s3:::x" * 50] * 20)}).msg
    assert message.startswith("Failed to put policy of role: ")
    assert "Maximum policy size of 10240 bytes exceeded" in message


def test_a_policy_that_is_named_twice_is_refused(role: Role) -> None:
    twice = [{"name": "read", "document": document(action)} for action in ("s3:ListBucket", "s3:GetObject")]
    outcome = role.run_module(main, name=ROLE, policies=twice)
    assert "read" in outcome.msg
    assert role.policies == {}
