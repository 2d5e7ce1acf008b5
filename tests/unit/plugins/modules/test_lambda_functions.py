# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module lambda_functions."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.algotrading.aws.plugins.module_utils import _lambda_apply
from ansible_collections.algotrading.aws.plugins.modules import lambda_functions

from tests.unit.plugins.support import Account, Disturbance, Outcome, RunModule

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
MAY_SEND = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["sns:Publish", "lambda:InvokeFunction"], "Resource": "*"}],
}
CODE = "def lambda_handler(event, context):\n    return event\n"
CREATE = ("POST", "/2015-03-31/functions ")
NEW_ROLE = "The role defined for the function cannot be assumed by Lambda."
READING = {"DescribeLogGroups": 1, "GetFunctionConfiguration": 2, "GetFunctionEventInvokeConfig": 2}
# A function in the words of what the module tells of it, without its code.
REPORT = {
    "description": "Makes a report",
    "runtime": "python3.13",
    "handler": "lambda_function.lambda_handler",
    "timeout": 300,
    "memory_size": 256,
    "environment_variables": {"BUCKET": "reports"},
    "vpc_subnet_ids": [],
}


class Functions:
    """Two functions, report and mail, of which the first leads to the second, and the module applied to them."""

    def __init__(self, aws: Account, run_module: RunModule, folder: Path) -> None:
        self.aws, self.run_module, self.folder = aws, run_module, folder
        self.client, self.logs = aws.client("lambda"), aws.client("logs")
        self.role = self._role("report")
        self.topic = aws.client("sns").create_topic(Name="alerts")["TopicArn"]
        self.source = folder / "lambda_function.py"
        self.source.write_text(CODE)

    def _role(self, name: str) -> str:
        iam = self.aws.client("iam")
        arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="send", PolicyDocument=json.dumps(MAY_SEND))
        return arn

    def wanted(self, name: str, **options: Any) -> dict[str, Any]:
        needed = {
            "name": name,
            "role": self.role,
            "runtime": "python3.13",
            "handler": "lambda_function.lambda_handler",
            "sources": [{"src": str(self.source)}],
            "log_retention_days": 30,
        }
        return {**needed, **options}

    def report(self, **options: Any) -> dict[str, Any]:
        told = {key: value for key, value in REPORT.items() if key != "vpc_subnet_ids"}
        events = {
            "maximum_retry_attempts": 1,
            "maximum_event_age_in_seconds": 3600,
            "on_success": self.arn("mail"),
            "on_failure": self.topic,
        }
        return self.wanted("report", **{**told, **events, **options})

    def run(self, *functions: dict[str, Any], check: bool = False, **options: Any) -> Outcome:
        """Run with report and mail, or with those given."""
        self.aws.forget_calls()
        given = list(functions) or [self.report(), self.wanted("mail")]
        return self.run_module(lambda_functions.main, check=check, functions=given, **options)

    def arn(self, name: str) -> str:
        return f"arn:aws:lambda:us-east-1:123456789012:function:{name}"

    def described(self, name: str) -> dict[str, Any] | None:
        """The function in the words of the module."""
        try:
            found = self.client.get_function_configuration(FunctionName=name)
        except self.client.exceptions.ResourceNotFoundException:
            return None
        return {
            "description": found["Description"],
            "runtime": found["Runtime"],
            "handler": found["Handler"],
            "timeout": found["Timeout"],
            "memory_size": found["MemorySize"],
            "environment_variables": found.get("Environment", {}).get("Variables", {}),
            "vpc_subnet_ids": found.get("VpcConfig", {}).get("SubnetIds", []),
            "role": found["Role"],
            "code_sha256": found["CodeSha256"],
        }

    def events(self, name: str) -> dict[str, Any] | None:
        try:
            found = self.client.get_function_event_invoke_config(FunctionName=name)
        except self.client.exceptions.ResourceNotFoundException:
            return None
        destinations = found.get("DestinationConfig", {})
        return {
            "maximum_retry_attempts": found["MaximumRetryAttempts"],
            "maximum_event_age_in_seconds": found["MaximumEventAgeInSeconds"],
            "on_success": destinations.get("OnSuccess", {}).get("Destination"),
            "on_failure": destinations.get("OnFailure", {}).get("Destination"),
        }

    def retentions(self) -> dict[str, int | None]:
        groups = self.logs.describe_log_groups()["logGroups"]
        return {group["logGroupName"]: group.get("retentionInDays") for group in groups}

    def state(self) -> list[Any]:
        """All that there is of both functions."""
        both = ("report", "mail")
        return [[self.described(name), self.events(name)] for name in both] + [self.retentions()]

    def make_old(self, name: str = "report") -> None:
        """A function that somebody else made."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as package:
            package.writestr("lambda_function.py", "old = True\n")
        self.client.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role=self._role("old"),
            Handler="lambda_function.lambda_handler",
            Code={"ZipFile": packed.getvalue()},
            Environment={"Variables": {"OLD": "yes"}},
            Tags={"Owner": "somebody"},
            Publish=True,
        )


@pytest.fixture
def functions(aws: Account, run_module: RunModule, tmp_path: Path) -> Functions:
    return Functions(aws, run_module, tmp_path)


def actions(outcome: Outcome) -> dict[str, str]:
    return {f"{each['kind']} {each['name']}": each["action"] for each in outcome["resources"]}


def entry(outcome: Outcome, kind: str, name: str) -> dict[str, Any]:
    (found,) = [each for each in outcome["resources"] if (each["kind"], each["name"]) == (kind, name)]
    return found


def refuse(disturbance: Disturbance, *needles: str, code: str, message: str, times: int) -> None:
    body = json.dumps({"__type": code, "Type": "User", "message": message})
    disturbance.answer(*needles, body=body, status=400, times=times)


# Present


def test_functions_are_made_with_logs_and_events(functions: Functions) -> None:
    outcome = functions.run()
    assert outcome.changed
    made = functions.described("report")
    assert made
    assert {key: made[key] for key in REPORT} == REPORT
    assert made["role"] == functions.role
    assert functions.events("report") == {
        "maximum_retry_attempts": 1,
        "maximum_event_age_in_seconds": 3600,
        "on_success": functions.arn("mail"),
        "on_failure": functions.topic,
    }
    assert functions.retentions() == {"/aws/lambda/mail": 30, "/aws/lambda/report": 30}
    assert set(actions(outcome).values()) == {"create"}
    assert entry(outcome, "Lambda function", "report")["after"] == made
    assert outcome["diff"]["before"] == {}
    assert outcome["diff"]["after"]["log group /aws/lambda/report"] == {"retention_in_days": 30}


def test_what_is_not_given_is_lambdas_default(functions: Functions) -> None:
    functions.run(functions.wanted("mail"))
    made = functions.described("mail")
    assert made
    assert (made["timeout"], made["memory_size"], made["environment_variables"]) == (3, 128, {})
    assert functions.events("mail") == {
        "maximum_retry_attempts": 2,
        "maximum_event_age_in_seconds": 21600,
        "on_success": None,
        "on_failure": None,
    }


def test_a_second_run_only_reads_and_publishes_nothing(functions: Functions) -> None:
    functions.run()
    functions.source.touch()
    outcome = functions.run()
    assert not outcome.changed
    assert functions.aws.counts() == READING
    assert set(actions(outcome).values()) == {"keep"}
    assert outcome["diff"] == {"before": {}, "after": {}}
    versions = functions.client.list_versions_by_function(FunctionName="report")["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST"]


def test_the_log_is_there_before_its_function_and_all_functions_before_what_leads_to_them(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_lambda_apply, "WORKERS", 1)
    functions.run()
    done = functions.aws.changes()
    for one, other in (("PutRetentionPolicy", "CreateFunction"), ("CreateFunction", "PutFunctionEventInvokeConfig")):
        assert done.index(one) < done.index(other)
    last_function = len(done) - 1 - done[::-1].index("CreateFunction")
    assert last_function < done.index("PutFunctionEventInvokeConfig")


@pytest.mark.parametrize(
    ("option", "calls"),
    [
        ({"description": "another"}, ["UpdateFunctionConfiguration"]),
        ({"runtime": "python3.12"}, ["UpdateFunctionConfiguration"]),
        ({"handler": "lambda_function.other"}, ["UpdateFunctionConfiguration"]),
        ({"timeout": 301}, ["UpdateFunctionConfiguration"]),
        ({"memory_size": 128}, ["UpdateFunctionConfiguration"]),
        ({"environment_variables": {}}, ["UpdateFunctionConfiguration"]),
        ({"environment_variables": {"BUCKET": "reports", "MORE": "1"}}, ["UpdateFunctionConfiguration"]),
        ({"log_retention_days": 90}, ["PutRetentionPolicy"]),
        ({"maximum_retry_attempts": 0}, ["PutFunctionEventInvokeConfig"]),
        ({"maximum_event_age_in_seconds": 60}, ["PutFunctionEventInvokeConfig"]),
        ({"on_success": ""}, ["PutFunctionEventInvokeConfig"]),
        ({"on_failure": None}, ["PutFunctionEventInvokeConfig"]),
    ],
    ids=str,
)
def test_what_differs_is_told_and_changed_alone(functions: Functions, option: dict[str, Any], calls: list[str]) -> None:
    functions.run()
    before = functions.state()
    wanted = {**functions.report(), **option}
    announced = functions.run(wanted, check=True)
    assert functions.aws.changes() == []
    assert functions.state() == before
    done = functions.run(wanted)
    assert functions.aws.changes() == calls
    assert functions.state() != before
    assert announced["resources"] == done["resources"]
    (touched,) = [each for each in done["resources"] if each["action"] != "keep"]
    assert touched["action"] == "change"
    ((name, value),) = option.items()
    name = "retention_in_days" if name == "log_retention_days" else name
    assert touched["after"] == {name: value or (None if name.startswith("on_") else value)}
    assert touched["before"].keys() == {name}
    assert not functions.run(wanted).changed


def test_code_that_differs_is_told_by_its_digest_and_updated(functions: Functions) -> None:
    functions.run()
    before = functions.described("report")
    assert before
    functions.source.write_text(CODE + "# another\n")
    announced = functions.run(functions.report(), check=True)
    outcome = functions.run(functions.report())
    assert announced["resources"] == outcome["resources"]
    assert functions.aws.changes() == ["UpdateFunctionCode"]
    after = functions.described("report")
    assert after
    assert entry(outcome, "Lambda function", "report")["before"] == {"code_sha256": before["code_sha256"]}
    assert entry(outcome, "Lambda function", "report")["after"] == {"code_sha256": after["code_sha256"]}
    assert after["code_sha256"] != before["code_sha256"]


def test_a_function_of_somebody_else_is_taken_over_and_keeps_its_tags_and_versions(functions: Functions) -> None:
    functions.make_old()
    functions.logs.create_log_group(logGroupName="/aws/lambda/report")
    outcome = functions.run()
    # The runtime first: Lambda takes no code for one that it has given up.
    order = [call for call in functions.aws.changes() if call.startswith("UpdateFunction")]
    assert order == ["UpdateFunctionConfiguration", "UpdateFunctionCode"]
    taken = functions.described("report")
    assert taken
    assert {key: taken[key] for key in REPORT} == REPORT
    assert taken["role"] == functions.role
    assert entry(outcome, "Lambda function", "report")["before"]["environment_variables"] == {"OLD": "yes"}
    assert entry(outcome, "log group", "/aws/lambda/report")["before"] == {"retention_in_days": None}
    assert functions.client.list_tags(Resource=functions.arn("report"))["Tags"] == {"Owner": "somebody"}
    versions = functions.client.list_versions_by_function(FunctionName="report")["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST", "1"]


def test_other_functions_and_log_groups_stay(functions: Functions) -> None:
    functions.make_old("other")
    functions.logs.create_log_group(logGroupName="/aws/lambda/report-of-others")
    before = functions.described("other")
    functions.run()
    functions.run(state="absent")
    assert functions.described("other") == before
    assert functions.retentions() == {"/aws/lambda/report-of-others": None}


def test_check_mode_announces_all_of_an_empty_account(functions: Functions) -> None:
    announced = functions.run(check=True)
    assert functions.aws.counts() == READING
    assert functions.state() == [[None, None], [None, None], {}]
    done = functions.run()
    assert announced["resources"] == done["resources"]
    assert announced["diff"] == done["diff"]


# Absent


def test_absent_deletes_functions_with_their_logs_once(functions: Functions) -> None:
    functions.run()
    names = [{"name": "report"}, {"name": "mail"}]
    announced = functions.run(*names, state="absent", check=True)
    assert functions.aws.changes() == []
    outcome = functions.run(*names, state="absent")
    assert announced["resources"] == outcome["resources"]
    assert set(actions(outcome).values()) == {"delete"}
    assert entry(outcome, "Lambda function", "report")["before"]["timeout"] == 300
    assert outcome["diff"]["after"] == {}
    assert functions.state() == [[None, None], [None, None], {}]
    again = functions.run(*names, state="absent")
    assert not again.changed
    assert functions.aws.counts() == READING


def test_absent_deletes_what_a_killed_run_left(functions: Functions) -> None:
    functions.run()
    functions.client.delete_function(FunctionName="report")
    outcome = functions.run({"name": "report"}, state="absent")
    assert actions(outcome) == {
        "log group /aws/lambda/report": "delete",
        "Lambda function report": "keep",
        "event invoke config report": "keep",
    }
    assert functions.retentions() == {"/aws/lambda/mail": 30}


# What is refused at once


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ({"role": None}, "needs role"),
        ({"sources": [], "handler": None}, "needs handler, sources"),
        ({"timeout": 901}, "has the timeout 901, and Lambda takes 1 to 900"),
        ({"memory_size": 64}, "has the memory_size 64, and Lambda takes 128 to 10240"),
        (
            {"maximum_event_age_in_seconds": 59},
            "has the maximum_event_age_in_seconds 59, and Lambda takes 60 to 21600",
        ),
        ({"environment_variables": {"RETRIES": 2}}, "has the variable RETRIES, which is no text"),
        (
            {"environment_variables": {"LONG": "x" * 4086}},
            "has 4097 bytes of environment_variables, and Lambda takes 4096: shorten them",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_lambda_would_refuse_is_refused_before_the_first_call(
    functions: Functions, option: dict[str, Any], complaint: str, check: bool
) -> None:
    message = functions.run(functions.wanted("mail"), {**functions.report(), **option}, check=check).msg
    assert message == f"Cannot make the functions: function 'report' {complaint}"
    assert functions.aws.calls() == []


def test_variables_may_fill_what_lambda_takes(functions: Functions) -> None:
    variables = {"LONG": "x" * 4085}
    assert functions.run(functions.wanted("mail", environment_variables=variables)).changed


def test_a_function_that_is_given_twice_is_refused(functions: Functions) -> None:
    message = functions.run(functions.wanted("mail"), functions.wanted("mail")).msg
    assert message == "Cannot make the functions: function 'mail' is given more than once"


@pytest.mark.parametrize("check", [False, True])
def test_sources_that_cannot_be_packed_are_refused_before_the_first_call(functions: Functions, check: bool) -> None:
    message = functions.run(functions.wanted("mail", sources=[{"src": "/no/where"}]), check=check).msg
    assert message == "Cannot make the package of function 'mail': the source /no/where does not exist"
    assert functions.aws.calls() == []


# What is new, busy or half done


def test_a_role_that_lambda_does_not_know_yet_is_waited_for(
    functions: Functions, disturbance: Disturbance, naps: list[float]
) -> None:
    refuse(disturbance, *CREATE, '"report"', code="InvalidParameterValueException", message=NEW_ROLE, times=3)
    assert functions.run().changed
    assert functions.described("report")
    assert naps == [1, 2, 4]


def test_a_role_that_never_comes_fails_its_function_and_no_other(
    functions: Functions, disturbance: Disturbance, naps: list[float]
) -> None:
    refuse(disturbance, *CREATE, '"report"', code="InvalidParameterValueException", message=NEW_ROLE, times=1000)
    outcome = functions.run()
    assert outcome.msg.startswith(
        "Not all functions are as they should be, and the next run tries again: Failed to create function 'report': "
    )
    assert NEW_ROLE in outcome.msg
    assert sum(naps) == 31
    assert functions.described("mail")
    assert functions.events("mail")
    assert {each["name"] for each in outcome["resources"]} == {"mail", "/aws/lambda/mail"}
    disturbance.rules.clear()
    assert functions.run().changed
    assert functions.described("report")


def test_what_lambda_refuses_otherwise_fails_in_its_words_and_at_once(
    functions: Functions, disturbance: Disturbance, naps: list[float]
) -> None:
    refuse(disturbance, *CREATE, '"report"', code="InvalidParameterValueException", message="made up", times=1000)
    assert "made up" in functions.run().msg
    assert naps == []


def test_a_function_that_was_made_after_all_is_updated(functions: Functions, disturbance: Disturbance) -> None:
    """As when an answer was lost, or a run was killed while another one read."""
    functions.make_old()
    missing = json.dumps({"__type": "ResourceNotFoundException", "Type": "User", "message": "Function not found"})
    disturbance.answer("GET", "/functions/report/configuration", body=missing, status=404)
    assert functions.run().changed
    taken = functions.described("report")
    assert taken
    assert {key: taken[key] for key in REPORT} == REPORT


def test_a_log_group_that_was_made_after_all_gets_its_retention(functions: Functions, disturbance: Disturbance) -> None:
    functions.logs.create_log_group(logGroupName="/aws/lambda/mail")
    disturbance.answer("logGroupNamePrefix", body='{"logGroups": []}')
    assert functions.run(functions.wanted("mail")).changed
    assert functions.retentions() == {"/aws/lambda/mail": 30}


@pytest.mark.parametrize(
    ("path", "option"),
    [
        ("/functions/report/configuration", {"timeout": 5}),
        ("/functions/report/code", {}),
        ("/functions/report/event-invoke-config", {"maximum_retry_attempts": 0}),
    ],
)
def test_a_function_on_which_lambda_still_works_is_waited_for(
    functions: Functions, disturbance: Disturbance, naps: list[float], path: str, option: dict[str, Any]
) -> None:
    functions.run()
    functions.source.write_text(CODE + "# another\n")
    refuse(disturbance, "PUT", path, code="ResourceConflictException", message="in progress", times=2)
    wanted = {**functions.report(), **option}
    assert functions.run(wanted).changed
    assert naps == [1, 2]
    assert not functions.run(wanted).changed


def test_code_waits_until_lambda_is_done_with_the_configuration(
    functions: Functions, disturbance: Disturbance, naps: list[float]
) -> None:
    functions.make_old()
    busy = json.dumps({"Configuration": {"LastUpdateStatus": "InProgress", "State": "Active"}})
    disturbance.answer("GET", "/functions/report ", body=busy, times=2)
    functions.run(functions.report(on_success=""))
    assert naps == [1, 1]
    order = [call.operation for call in functions.aws.calls() if call.operation.endswith(("Code", "Function"))]
    assert order == ["GetFunction", "UpdateFunctionCode", "GetFunction"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("InvalidParameterValueException", "The function's execution role does not have permissions to call Publish"),
        ("InvalidParameterValueException", "The destination ARN arn:aws:sns:us-east-1:1:alerts is invalid."),
    ],
)
def test_permissions_that_lambda_does_not_know_yet_are_waited_for(
    functions: Functions, disturbance: Disturbance, naps: list[float], code: str, message: str
) -> None:
    refuse(disturbance, "PUT", "report/event-invoke-config", code=code, message=message, times=3)
    assert functions.run().changed
    assert functions.events("report")
    assert naps == [1, 2, 4]


def test_throttling_is_waited_for(functions: Functions, disturbance: Disturbance, naps: list[float]) -> None:
    refuse(disturbance, "PUT", "mail/event-invoke-config", code="TooManyRequestsException", message="slow", times=6)
    assert functions.run().changed
    assert functions.events("mail")


def test_a_caller_without_permissions_hears_which_and_changes_nothing(
    functions: Functions, stranger: dict[str, Any]
) -> None:
    message = functions.run(**stranger).msg
    assert message.startswith("Failed to ")
    assert functions.aws.changes() == []


# Secrets


def test_values_of_variables_that_look_secret_are_never_shown(functions: Functions) -> None:
    variables = {"API_KEY": "geheim-1", "DB_PASSWORD": "geheim-2", "GITHUB_SECRET_ID": "github/ssh-key"}
    first = functions.run(functions.wanted("mail", environment_variables=variables))
    assert first["diff"]["after"]["Lambda function mail"]["environment_variables"]["GITHUB_SECRET_ID"]
    changed = functions.run(functions.wanted("mail", environment_variables={**variables, "API_KEY": "geheim-3"}))
    assert changed.changed
    removed = functions.run(functions.wanted("mail"), check=True)
    refused = functions.run(functions.wanted("mail", environment_variables=variables, timeout=0))
    for outcome in (first, changed, removed, refused):
        assert "geheim" not in json.dumps(outcome.result)
    assert "github/ssh-key" in json.dumps(first.result)
