# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module s3_bucket_policy."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.algotrading.aws.plugins.modules.s3_bucket_policy import main
from botocore.exceptions import ClientError

from tests.unit.plugins.support import Account, Disturbance, Outcome, RunModule

BUCKET = "algo-model-deploy"
ARN = f"arn:aws:s3:::{BUCKET}"


def statement(sid: str | None, action: Any = "s3:GetObject", resource: Any = f"{ARN}/*", **more: Any) -> dict[str, Any]:
    named = {"Sid": sid} if sid else {}
    return {**named, "Effect": "Allow", "Principal": "*", "Action": action, "Resource": resource, **more}


class Bucket:
    """The bucket, and the module applied to it."""

    def __init__(self, aws: Account, run_module: RunModule) -> None:
        self.aws, self.run_module = aws, run_module
        self.s3 = aws.client("s3")
        self.s3.create_bucket(Bucket=BUCKET)

    def run(self, *statements: dict[str, Any], name: str = BUCKET, **args: Any) -> Outcome:
        self.aws.forget_calls()
        return self.run_module(main, name=name, statements=list(statements), **args)

    def put(self, statements: list[dict[str, Any]] | dict[str, Any], **more: Any) -> None:
        policy = {"Version": "2012-10-17", **more, "Statement": statements}
        self.s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))

    @property
    def policy(self) -> dict[str, Any] | None:
        try:
            return json.loads(self.s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
        except ClientError:  # NoSuchBucketPolicy, which boto3 has no class for
            return None

    @property
    def statements(self) -> list[dict[str, Any]]:
        return self.policy["Statement"] if self.policy else []


@pytest.fixture
def bucket(aws: Account, run_module: RunModule) -> Bucket:
    return Bucket(aws, run_module)


def test_a_bucket_without_a_policy_gets_one(bucket: Bucket) -> None:
    outcome = bucket.run(statement("A"))
    assert outcome.changed
    assert bucket.policy == outcome["policy"] == {"Version": "2012-10-17", "Statement": [statement("A")]}
    assert outcome["diff"] == {"before": {}, "after": bucket.policy}


def test_a_second_run_only_reads(bucket: Bucket) -> None:
    bucket.run(statement("A"), statement("B"))
    assert not bucket.run(statement("A"), statement("B")).changed
    assert bucket.aws.counts() == {"GetBucketPolicy": 1}


def test_statements_of_others_keep_their_place_and_their_words(bucket: Bucket) -> None:
    theirs = [statement("X"), statement("A", "s3:PutObject"), statement(None, ["s3:GetObject"])]
    bucket.put(theirs, Version="2008-10-17", Id="theirs")
    assert bucket.run(statement("B"), statement("A")).changed
    assert bucket.statements == [theirs[0], statement("A"), theirs[2], statement("B")]
    assert bucket.policy is not None
    assert (bucket.policy["Version"], bucket.policy["Id"]) == ("2008-10-17", "theirs")


@pytest.mark.parametrize(
    "written",
    [
        statement("A", ["s3:GetObject"], [f"{ARN}/*"]),
        statement("A", Principal={"AWS": "*"}),
        dict(reversed(statement("A").items())),
    ],
    ids=["lists of one", "everybody", "another order of keys"],
)
def test_what_only_is_written_in_another_way_is_no_change(bucket: Bucket, written: dict[str, Any]) -> None:
    bucket.put([written])
    assert not bucket.run(statement("A")).changed
    assert bucket.statements == [written]


def test_the_order_of_actions_is_no_change(bucket: Bucket) -> None:
    bucket.put([statement("A", ["s3:PutObject", "s3:GetObject"])])
    assert not bucket.run(statement("A", ["s3:GetObject", "s3:PutObject"])).changed


@pytest.mark.parametrize(
    "narrowed",
    [
        statement("A", "s3:PutObject"),
        statement("A", resource=f"{ARN}/models/*"),
        statement("A", Effect="Deny"),
        statement("A", Condition={"Bool": {"aws:SecureTransport": "true"}}),
    ],
    ids=["action", "resource", "effect", "condition"],
)
def test_what_means_another_thing_is_changed(bucket: Bucket, narrowed: dict[str, Any]) -> None:
    bucket.put([statement("A")])
    outcome = bucket.run(narrowed)
    assert outcome.changed
    assert bucket.statements == [narrowed]
    assert outcome["diff"]["before"]["Statement"] == [statement("A")]


def test_a_policy_of_one_statement_without_a_list_is_merged_too(bucket: Bucket) -> None:
    bucket.put(statement("X"))
    assert bucket.run(statement("A")).changed
    assert bucket.statements == [statement("X"), statement("A")]


def test_a_policy_of_one_statement_without_a_list_is_no_change_by_itself(bucket: Bucket) -> None:
    bucket.put(statement("A"))
    assert not bucket.run(statement("A")).changed
    assert not bucket.aws.changes()


def test_absent_removes_a_statement_by_its_sid_alone(bucket: Bucket) -> None:
    bucket.put([statement("A"), statement("X"), statement(None)])
    outcome = bucket.run({"Sid": "A"}, state="absent")
    assert outcome.changed
    assert bucket.statements == outcome["policy"]["Statement"] == [statement("X"), statement(None)]


def test_absent_removes_the_policy_with_its_last_statement(bucket: Bucket) -> None:
    bucket.put([statement("A"), statement("B")])
    outcome = bucket.run({"Sid": "A"}, {"Sid": "B"}, state="absent")
    assert outcome.changed
    assert (bucket.policy, outcome["policy"], outcome["diff"]["after"]) == (None, None, {})
    assert bucket.aws.changes() == ["DeleteBucketPolicy"]


@pytest.mark.parametrize("there", [None, [statement("X")], statement("X")], ids=["none", "a list", "no list"])
def test_absent_changes_nothing_where_the_sid_is_not(bucket: Bucket, there: Any) -> None:
    if there:
        bucket.put(there)
    assert not bucket.run({"Sid": "A"}, state="absent").changed
    assert not bucket.aws.changes()


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        ([statement(None)], "a statement has no Sid; give each one its own"),
        ([statement("A"), statement("A")], "two statements have the same Sid; give each one its own"),
    ],
)
def test_statements_that_cannot_be_told_apart_are_refused(
    bucket: Bucket, state: str, statements: list[dict[str, Any]], reason: str
) -> None:
    outcome = bucket.run(*statements, state=state)
    assert outcome.msg == f"Cannot manage the policy of bucket '{BUCKET}': {reason}"
    assert not bucket.aws.calls()


@pytest.mark.parametrize("check", [False, True])
def test_a_missing_bucket_is_an_error(bucket: Bucket, check: bool) -> None:
    message = bucket.run(statement("A"), name="no-such-bucket", check=check).msg
    assert message.startswith("Failed to get bucket policy: ")
    assert "NoSuchBucket" in message
    assert not bucket.aws.changes()


@pytest.mark.parametrize("check", [False, True])
def test_a_missing_bucket_has_no_statement(bucket: Bucket, check: bool) -> None:
    assert not bucket.run(statement("A"), name="no-such-bucket", state="absent", check=check).changed


def test_a_role_that_s3_does_not_know_yet_is_waited_for(
    bucket: Bucket, disturbance: Disturbance, naps: list[float]
) -> None:
    disturbance.fail("PUT", "?policy", code="MalformedPolicy", message="Invalid principal in policy", times=2)
    assert bucket.run(statement("A")).changed
    assert bucket.statements == [statement("A")]
    assert len(naps) == 2


def test_a_statement_that_s3_refuses_fails_in_its_words_and_at_once(bucket: Bucket, naps: list[float]) -> None:
    message = bucket.run(statement("A", "ec2:RunInstances")).msg
    assert message.startswith("Failed to put bucket policy: ")
    assert "Policy has invalid action" in message
    assert naps == []


@pytest.mark.parametrize(
    ("state", "given"),
    [("present", statement("A", "s3:PutObject")), ("present", statement("B")), ("absent", {"Sid": "A"})],
    ids=["change", "add", "remove"],
)
def test_check_mode_announces_what_a_run_then_does(bucket: Bucket, state: str, given: dict[str, Any]) -> None:
    bucket.put([statement("A")])
    announced = bucket.run(given, state=state, check=True)
    assert announced.changed
    assert not bucket.aws.changes()
    assert bucket.statements == [statement("A")]
    done = bucket.run(given, state=state)
    assert {**announced.result, "invocation": 0} == {**done.result, "invocation": 0}
    assert bucket.policy == announced["policy"]
