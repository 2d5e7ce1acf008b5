# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module eventbridge_rule."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from ansible_collections.algotrading.aws.plugins.modules import eventbridge_rule
from botocore.exceptions import ClientError

from tests.unit.plugins.support import Account, Disturbance, Outcome, RunModule

NAME = "stop-each-day"
ARN = f"arn:aws:events:us-east-1:123456789012:rule/{NAME}"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
REMOVED = ["RemovePermission", "RemoveTargets", "DeleteRule"]


class Rule:
    """A rule that invokes a function, which lets others invoke it too, and the module applied to it."""

    def __init__(self, aws: Account, run_module: RunModule) -> None:
        self.aws, self.run_module = aws, run_module
        self.client, self.functions = aws.client("events"), aws.client("lambda")
        self.function = self._function("stop")
        self.client.put_rule(Name=NAME, ScheduleExpression="cron(5 21 ? * MON-FRI *)")
        self.client.put_targets(Rule=NAME, Targets=[{"Id": "stop", "Arn": self.function}])
        self.allow("AllowExecutionFromEventBridge", ARN)
        self.allow("SomebodyElse", f"{ARN}-of-others")

    def _function(self, name: str) -> str:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as package:
            package.writestr("lambda_function.py", "def lambda_handler(event, context):\n    return event\n")
        role = self.aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
        arn: str = self.functions.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=role["Role"]["Arn"],
            Handler="lambda_function.lambda_handler",
            Code={"ZipFile": packed.getvalue()},
        )["FunctionArn"]
        return arn

    def allow(self, statement: str, source: str) -> None:
        self.functions.add_permission(
            FunctionName="stop",
            StatementId=statement,
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn=source,
        )

    def run(self, *, check: bool = False, **options: Any) -> Outcome:
        self.aws.forget_calls()
        given = {"name": NAME, "state": "absent", **options}
        return self.run_module(eventbridge_rule.main, check=check, **given)

    def exists(self) -> bool:
        try:
            self.client.describe_rule(Name=NAME)
        except self.client.exceptions.ResourceNotFoundException:
            return False
        return True

    def statements(self) -> set[str]:
        policy = json.loads(self.functions.get_policy(FunctionName="stop")["Policy"])
        return {statement["Sid"] for statement in policy["Statement"]}


@pytest.fixture
def rule(aws: Account, run_module: RunModule) -> Rule:
    return Rule(aws, run_module)


def test_a_rule_goes_with_its_targets_and_permission_and_leaves_what_is_others(rule: Rule) -> None:
    outcome = rule.run()
    assert outcome.changed
    assert rule.aws.changes() == REMOVED
    assert not rule.exists()
    assert rule.statements() == {"SomebodyElse"}
    expected = {
        "arn": ARN,
        "schedule_expression": "cron(5 21 ? * MON-FRI *)",
        "event_pattern": None,
        "state": "ENABLED",
        "targets": [rule.function],
        "permissions": ["AllowExecutionFromEventBridge"],
    }
    assert outcome["rule"] == expected
    assert outcome["diff"] == {"before": expected, "after": {}}


def test_one_call_finds_that_there_is_no_rule(rule: Rule) -> None:
    rule.run()
    outcome = rule.run()
    assert not outcome.changed
    assert [call.operation for call in rule.aws.calls()] == ["DescribeRule"]
    assert (outcome["rule"], outcome["diff"]) == (None, {"before": {}, "after": {}})


def test_check_mode_announces_what_a_run_then_does(rule: Rule) -> None:
    announced = rule.run(check=True)
    assert rule.aws.changes() == []
    assert rule.exists()
    assert len(rule.statements()) == 2
    done = rule.run()
    assert (announced.changed, announced["diff"]) == (done.changed, done["diff"])


@pytest.mark.parametrize("step", REMOVED)
def test_a_run_that_ended_in_the_middle_is_taken_up_by_the_next(
    rule: Rule, disturbance: Disturbance, step: str
) -> None:
    error = json.dumps({"__type": "AccessDeniedException", "Type": "User", "message": "made up"})
    if step == "DeleteRule":
        # Its request looks like that of DescribeRule, which comes first.
        disturbance.answer('"Name"', body=json.dumps({"Name": NAME, "Arn": ARN}))
    needles = {"RemovePermission": ("DELETE", "/policy/"), "RemoveTargets": ("Ids",), "DeleteRule": ('"Name"',)}[step]
    disturbance.answer(*needles, body=error, status=400)
    assert "made up" in rule.run().msg
    assert rule.exists()
    assert rule.run().changed
    assert not rule.exists()
    assert rule.statements() == {"SomebodyElse"}


def test_targets_that_eventbridge_keeps_are_an_error(rule: Rule, disturbance: Disturbance) -> None:
    failed = {"FailedEntryCount": 1, "FailedEntries": [{"TargetId": "stop", "ErrorMessage": "made up"}]}
    disturbance.answer("Ids", body=json.dumps(failed))
    assert rule.run().msg == f"Failed to remove the targets of rule '{NAME}': stop: made up"
    assert rule.exists()


def test_a_rule_goes_whose_function_is_gone(rule: Rule) -> None:
    rule.functions.delete_function(FunctionName="stop")
    assert rule.run().changed
    assert not rule.exists()
    with pytest.raises(ClientError):
        rule.functions.get_function(FunctionName="stop")


def test_a_target_that_is_no_function_goes_too(rule: Rule) -> None:
    queue = "arn:aws:sqs:us-east-1:123456789012:events"
    rule.client.put_targets(Rule=NAME, Targets=[{"Id": "queue", "Arn": queue}])
    assert rule.run()["rule"]["targets"] == [rule.function, queue]
    assert not rule.exists()


def test_a_caller_without_permissions_hears_which(rule: Rule, stranger: dict[str, Any]) -> None:
    message = rule.run(**stranger).msg
    assert message.startswith(f"Failed to describe rule '{NAME}': ")
    assert "events:DescribeRule" in message
