# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module lambda_event_invoke_config."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from ansible_collections.algotrading.aws.plugins.modules import lambda_event_invoke_config

from tests.unit.plugins.support import Account, Disturbance, Outcome, RunModule

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
MAY_SEND = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["sns:Publish", "lambda:InvokeFunction"], "Resource": "*"}],
}
DEFAULTS = {
    "maximum_retry_attempts": 2,
    "maximum_event_age_in_seconds": 21600,
    "on_success": None,
    "on_failure": None,
}
PUT = ("PUT", "/event-invoke-config")


class Function:
    """A function that may send to a topic and to another function, and the module applied to it."""

    def __init__(self, aws: Account, run_module: RunModule) -> None:
        self.aws, self.run_module = aws, run_module
        self.client = aws.client("lambda")
        iam = aws.client("iam")
        self.role = iam.create_role(RoleName="report", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        iam.put_role_policy(RoleName="report", PolicyName="send", PolicyDocument=json.dumps(MAY_SEND))
        self.topic = aws.client("sns").create_topic(Name="alerts")["TopicArn"]
        self.create("report")
        self.mailer = self.create("mail")

    def create(self, name: str) -> str:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as package:
            package.writestr("lambda_function.py", "def lambda_handler(event, context):\n    return event\n")
        arn: str = self.client.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=self.role,
            Handler="lambda_function.lambda_handler",
            Code={"ZipFile": buffer.getvalue()},
        )["FunctionArn"]
        return arn

    def run(self, *, check: bool = False, **options: Any) -> Outcome:
        self.aws.forget_calls()
        given = {"function_name": "report", **options}
        return self.run_module(lambda_event_invoke_config.main, check=check, **given)

    def config(self, **which: str) -> dict[str, Any] | None:
        try:
            described = self.client.get_function_event_invoke_config(FunctionName="report", **which)
        except self.client.exceptions.ResourceNotFoundException:
            return None
        destinations = described.get("DestinationConfig", {})
        return {
            "maximum_retry_attempts": described["MaximumRetryAttempts"],
            "maximum_event_age_in_seconds": described["MaximumEventAgeInSeconds"],
            "on_success": destinations.get("OnSuccess", {}).get("Destination"),
            "on_failure": destinations.get("OnFailure", {}).get("Destination"),
        }


@pytest.fixture
def function(aws: Account, run_module: RunModule) -> Function:
    return Function(aws, run_module)


def test_a_configuration_is_made_with_lambdas_defaults_for_the_rest(function: Function) -> None:
    outcome = function.run(maximum_retry_attempts=1, on_failure=function.topic)
    assert outcome.changed
    expected = {**DEFAULTS, "maximum_retry_attempts": 1, "on_failure": function.topic}
    assert outcome["event_invoke_config"] == function.config() == expected
    assert outcome["diff"] == {"before": {}, "after": expected}


def test_a_second_run_only_reads(function: Function) -> None:
    options: dict[str, Any] = {
        "maximum_retry_attempts": 0,
        "maximum_event_age_in_seconds": 3600,
        "on_success": function.mailer,
    }
    function.run(**options)
    outcome = function.run(**options)
    assert not outcome.changed
    assert [call.operation for call in function.aws.calls()] == ["GetFunctionEventInvokeConfig"]
    assert outcome["diff"]["before"] == outcome["diff"]["after"]


@pytest.mark.parametrize(
    "option",
    [
        {"maximum_retry_attempts": 0},
        {"maximum_retry_attempts": 2},
        {"maximum_event_age_in_seconds": 60},
        {"on_success": ""},
        {"on_failure": ""},
    ],
    ids=str,
)
def test_what_is_not_given_stays_as_it_is(function: Function, option: dict[str, Any]) -> None:
    before: dict[str, Any] = {
        "maximum_retry_attempts": 1,
        "maximum_event_age_in_seconds": 3600,
        "on_success": function.mailer,
        "on_failure": function.topic,
    }
    function.run(**before)
    outcome = function.run(**option)
    assert outcome.changed
    after = {**before, **{key: value if value != "" else None for key, value in option.items()}}
    assert outcome["event_invoke_config"] == function.config() == after
    assert outcome["diff"] == {"before": before, "after": after}


def test_present_alone_makes_a_configuration_once(function: Function) -> None:
    assert function.run().changed
    assert function.config() == DEFAULTS
    assert not function.run().changed


def test_removing_a_destination_that_is_not_there_is_no_change(function: Function) -> None:
    function.run(on_failure=function.topic)
    assert not function.run(on_success="").changed


def test_an_alias_has_a_configuration_of_its_own(function: Function) -> None:
    version = function.client.publish_version(FunctionName="report")["Version"]
    function.client.create_alias(FunctionName="report", Name="live", FunctionVersion=version)
    function.run(maximum_retry_attempts=1)
    assert function.run(qualifier="live", maximum_retry_attempts=0).changed
    assert function.config(Qualifier="live") == {**DEFAULTS, "maximum_retry_attempts": 0}
    assert function.config() == {**DEFAULTS, "maximum_retry_attempts": 1}


def test_absent_removes_the_configuration_once(function: Function) -> None:
    function.run(on_failure=function.topic)
    outcome = function.run(state="absent")
    assert outcome.changed
    assert (function.config(), outcome["event_invoke_config"], outcome["diff"]["after"]) == (None, None, {})
    assert not function.run(state="absent").changed
    assert not function.aws.changes()


def test_absent_is_no_change_for_a_function_that_does_not_exist(function: Function) -> None:
    assert not function.run(function_name="nobody", state="absent").changed


@pytest.mark.parametrize("state", ["present", "absent"])
def test_check_mode_announces_what_a_run_then_does(function: Function, state: str) -> None:
    function.run(maximum_retry_attempts=1)
    before = function.config()
    options: dict[str, Any] = {"state": state, "on_failure": function.topic}
    announced = function.run(check=True, **options)
    assert announced.changed
    assert not function.aws.changes()
    assert function.config() == before
    done = function.run(**options)
    assert {**announced.result, "invocation": 0} == {**done.result, "invocation": 0}


def test_check_mode_announces_the_configuration_of_a_function_that_does_not_exist_yet(function: Function) -> None:
    outcome = function.run(function_name="tomorrow", maximum_retry_attempts=0, check=True)
    assert outcome.changed
    assert outcome["event_invoke_config"] == {**DEFAULTS, "maximum_retry_attempts": 0}
    assert not function.aws.changes()


@pytest.mark.parametrize(("qualifier", "name"), [(None, "nobody"), ("live", "nobody:live")])
def test_a_function_that_does_not_exist_is_an_error(function: Function, qualifier: str | None, name: str) -> None:
    message = function.run(function_name="nobody", qualifier=qualifier).msg
    assert message == f"The function '{name}' does not exist in us-east-1: create it before its event invoke config"


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("age", [59, 21601])
def test_an_age_that_lambda_refuses_is_refused_at_once(function: Function, age: int, check: bool) -> None:
    message = function.run(maximum_event_age_in_seconds=age, check=check).msg
    assert message == f"maximum_event_age_in_seconds is {age}: Lambda takes 60 to 21600"
    assert not function.aws.calls()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("InvalidParameterValueException", "The function's execution role does not have permissions to call Publish"),
        ("InvalidParameterValueException", "The destination ARN arn:aws:sns:us-east-1:1:alerts is invalid."),
        ("ResourceConflictException", "The function is busy"),
    ],
)
def test_permissions_that_lambda_does_not_know_yet_are_waited_for(
    function: Function, disturbance: Disturbance, naps: list[float], code: str, message: str
) -> None:
    refuse(disturbance, code, message, times=3)
    assert function.run(on_failure=function.topic).changed
    assert function.config() == {**DEFAULTS, "on_failure": function.topic}
    assert naps == [1, 2, 4]


def test_permissions_that_never_come_are_an_error_after_half_a_minute(
    function: Function, disturbance: Disturbance, naps: list[float]
) -> None:
    text = "The function's execution role does not have permissions to call Publish on the topic"
    refuse(disturbance, "InvalidParameterValueException", text, times=1000)
    message = function.run(on_failure=function.topic).msg
    assert message.startswith("Failed to put the event invoke config of function 'report': ")
    assert text in message
    assert sum(naps) == 31
    assert function.config() is None


def test_what_lambda_refuses_otherwise_fails_in_its_words_and_at_once(
    function: Function, disturbance: Disturbance, naps: list[float]
) -> None:
    refuse(disturbance, "InvalidParameterValueException", "made up", times=1000)
    message = function.run(on_failure=function.topic).msg
    assert message.startswith("Failed to put the event invoke config of function 'report': ")
    assert "made up" in message
    assert naps == []


def test_a_caller_without_permissions_hears_which(function: Function, stranger: dict[str, Any]) -> None:
    message = function.run(**stranger).msg
    assert message.startswith("Failed to get the event invoke config of function 'report': ")
    assert "lambda:GetFunctionEventInvokeConfig" in message


def refuse(disturbance: Disturbance, code: str, message: str, *, times: int) -> None:
    body = json.dumps({"__type": code, "Type": "User", "message": message})
    disturbance.answer(*PUT, body=body, status=400, times=times)
