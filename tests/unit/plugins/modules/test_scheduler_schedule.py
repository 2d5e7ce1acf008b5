# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module scheduler_schedule."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.algotrading.aws.plugins.modules import scheduler_schedule

from tests.unit.plugins.support import Account, Disturbance, Outcome, RunModule

ACCOUNT = "123456789012"
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:report"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
NAME = "morning-report"


class Scheduler:
    """A role for schedules, and the module applied to one of them."""

    def __init__(self, aws: Account, run_module: RunModule) -> None:
        self.aws, self.run_module = aws, run_module
        self.client = aws.client("scheduler")
        role = aws.client("iam").create_role(RoleName="scheduler", AssumeRolePolicyDocument=json.dumps(TRUST))
        self.role = role["Role"]["Arn"]
        self.full: dict[str, Any] = {
            "schedule_expression": "cron(30 8 ? * MON-FRI *)",
            "schedule_expression_timezone": "America/New_York",
            "flexible_time_window": 15,
            "target": {
                "arn": FUNCTION,
                "role_arn": self.role,
                "input": {"kind": "morning", "scheduled_time": "<aws.scheduler.scheduled-time>"},
                "retry_policy": {"maximum_event_age_in_seconds": 900, "maximum_retry_attempts": 3},
            },
            "description": "Start the day",
            "enabled": True,
            "start_date": "2090-01-02T08:00:00-05:00",
            "end_date": "2091-01-02T08:00:00Z",
            "action_after_completion": "DELETE",
        }

    def run(self, *, check: bool = False, **options: Any) -> Outcome:
        self.aws.forget_calls()
        given = {"name": NAME, **options}
        return self.run_module(scheduler_schedule.main, check=check, **given)

    def make(self, **options: Any) -> Outcome:
        """Run with what a new schedule needs."""
        target = {"arn": FUNCTION, "role_arn": self.role, **options.pop("target", {})}
        return self.run(**{"schedule_expression": "rate(1 hour)", "target": target, **options})

    def described(self, group: str = "default") -> dict[str, Any] | None:
        try:
            described: dict[str, Any] = self.client.get_schedule(Name=NAME, GroupName=group)
        except self.client.exceptions.ResourceNotFoundException:
            return None
        return {
            key: value for key, value in described.items() if key not in ("ResponseMetadata", "LastModificationDate")
        }


@pytest.fixture
def scheduler(aws: Account, run_module: RunModule) -> Scheduler:
    return Scheduler(aws, run_module)


def test_a_schedule_is_made_as_it_is_described(scheduler: Scheduler) -> None:
    outcome = scheduler.run(**scheduler.full)
    assert outcome.changed
    described = scheduler.described()
    assert described
    assert described["ScheduleExpression"] == "cron(30 8 ? * MON-FRI *)"
    assert described["ScheduleExpressionTimezone"] == "America/New_York"
    assert described["FlexibleTimeWindow"] == {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15}
    assert described["Description"] == "Start the day"
    assert (described["State"], described["ActionAfterCompletion"]) == ("ENABLED", "DELETE")
    assert described["StartDate"].isoformat() == "2090-01-02T13:00:00+00:00"
    assert described["EndDate"].isoformat() == "2091-01-02T08:00:00+00:00"
    target = described["Target"]
    assert (target["Arn"], target["RoleArn"]) == (FUNCTION, scheduler.role)
    assert json.loads(target["Input"]) == {"kind": "morning", "scheduled_time": "<aws.scheduler.scheduled-time>"}
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 900, "MaximumRetryAttempts": 3}
    assert outcome["schedule"]["arn"] == described["Arn"]


def test_a_new_schedule_gets_the_defaults_that_the_documentation_names(scheduler: Scheduler) -> None:
    outcome = scheduler.make()
    assert outcome.changed
    assert outcome["schedule"] == {
        "name": NAME,
        "group_name": "default",
        "arn": f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule/default/{NAME}",
        "schedule_expression": "rate(1 hour)",
        "schedule_expression_timezone": "UTC",
        "flexible_time_window": 0,
        "target": {
            "arn": FUNCTION,
            "role_arn": scheduler.role,
            "input": None,
            "retry_policy": {"maximum_event_age_in_seconds": 86400, "maximum_retry_attempts": 185},
            "dead_letter_arn": None,
            "other_parameters": {},
        },
        "description": None,
        "enabled": True,
        "start_date": None,
        "end_date": None,
        "kms_key_arn": None,
        "action_after_completion": "NONE",
    }
    settings = {key: value for key, value in outcome["schedule"].items() if key != "arn"}
    assert outcome["diff"] == {"before": {}, "after": settings}


@pytest.mark.parametrize("full", [True, False])
def test_a_second_run_only_reads(scheduler: Scheduler, full: bool) -> None:
    options = scheduler.full if full else {}
    first = scheduler.make(**options)
    outcome = scheduler.make(**options)
    assert not outcome.changed
    assert [call.operation for call in scheduler.aws.calls()] == ["GetSchedule"]
    assert outcome["schedule"] == first["schedule"]
    assert not scheduler.run().changed


def test_what_somebody_else_made_with_nothing_but_the_necessary_is_no_change(scheduler: Scheduler) -> None:
    scheduler.client.create_schedule(
        Name=NAME,
        ScheduleExpression="rate(1 hour)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": FUNCTION, "RoleArn": scheduler.role},
    )
    assert not scheduler.make().changed


@pytest.mark.parametrize(
    ("option", "key", "value"),
    [
        ({"enabled": False}, "State", "DISABLED"),
        ({"schedule_expression": "rate(2 hours)"}, "ScheduleExpression", "rate(2 hours)"),
        ({"schedule_expression_timezone": "Europe/Berlin"}, "ScheduleExpressionTimezone", "Europe/Berlin"),
        ({"flexible_time_window": 0}, "FlexibleTimeWindow", {"Mode": "OFF"}),
        ({"description": "Another"}, "Description", "Another"),
        ({"action_after_completion": "NONE"}, "ActionAfterCompletion", "NONE"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_is_not_given_stays_as_it_is(scheduler: Scheduler, option: dict[str, Any], key: str, value: Any) -> None:
    scheduler.run(**scheduler.full)
    before = scheduler.described()
    assert before
    outcome = scheduler.run(**option)
    assert outcome.changed
    assert scheduler.aws.changes() == ["UpdateSchedule"]
    assert scheduler.described() == {**before, key: value}


@pytest.mark.parametrize(
    ("option", "key", "value"),
    [
        ({"input": {"kind": "noon"}}, "Input", '{"kind": "noon"}'),
        ({"retry_policy": {"maximum_retry_attempts": 0}}, "RetryPolicy", (900, 0)),
        ({"retry_policy": {"maximum_event_age_in_seconds": 60}}, "RetryPolicy", (60, 3)),
        ({"arn": f"{FUNCTION}-2"}, "Arn", f"{FUNCTION}-2"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_is_not_given_of_a_target_stays_as_it_is(
    scheduler: Scheduler, option: dict[str, Any], key: str, value: Any
) -> None:
    scheduler.run(**scheduler.full)
    before = scheduler.described()
    assert before
    assert scheduler.run(target=option).changed
    if key == "RetryPolicy":
        value = {"MaximumEventAgeInSeconds": value[0], "MaximumRetryAttempts": value[1]}
    assert scheduler.described() == {**before, "Target": {**before["Target"], key: value}}


def test_empty_texts_remove_what_can_be_missing(scheduler: Scheduler) -> None:
    scheduler.run(**scheduler.full)
    nothing: dict[str, Any] = {"description": "", "start_date": "", "end_date": "", "target": {"input": ""}}
    outcome = scheduler.run(**nothing)
    assert outcome.changed
    described = scheduler.described()
    assert described
    assert "Input" not in described["Target"]
    assert not any(described.get(key) for key in ("Description", "StartDate", "EndDate"))
    assert not scheduler.run(**nothing).changed


@pytest.mark.parametrize(
    "written",
    [
        {"target": {"input": '{"scheduled_time":"<aws.scheduler.scheduled-time>",  "kind":"morning"}'}},
        {"start_date": "2090-01-02T13:00:00Z"},
        {"end_date": "2091-01-02 09:00:00+01:00"},
    ],
    ids=str,
)
def test_what_only_is_written_in_another_way_is_no_change(scheduler: Scheduler, written: dict[str, Any]) -> None:
    scheduler.run(**scheduler.full)
    assert not scheduler.run(**written).changed


@pytest.mark.parametrize("given", ['"a JSON text"', ["a", "list"], {"a": {"nested": 1}}, "0"])
def test_input_may_be_anything(scheduler: Scheduler, given: Any) -> None:
    outcome = scheduler.make(target={"input": given})
    described = scheduler.described()
    assert described
    expected = given if isinstance(given, str) else json.dumps(given)
    assert described["Target"]["Input"] == outcome["schedule"]["target"]["input"] == expected
    assert not scheduler.make(target={"input": given}).changed


def test_a_start_that_has_passed_counts_as_none(scheduler: Scheduler) -> None:
    """Scheduler refuses such a date, in an update that is about something else as well."""
    assert scheduler.make(start_date="2020-01-01T00:00:00Z").changed
    assert not scheduler.make(start_date="2020-01-01T00:00:00Z").changed
    assert not scheduler.make(start_date="").changed
    assert scheduler.make(start_date="2020-01-01T00:00:00Z", enabled=False).changed


def test_a_schedule_is_in_its_group(scheduler: Scheduler) -> None:
    scheduler.client.create_schedule_group(Name="reports")
    scheduler.make()
    assert scheduler.make(group_name="reports", description="another").changed
    first, second = scheduler.described(), scheduler.described("reports")
    assert first
    assert second
    assert (first.get("Description"), second["Description"]) == (None, "another")
    assert scheduler.run(group_name="reports", state="absent").changed
    assert (scheduler.described("reports"), scheduler.described()) == (None, first)


def test_absent_deletes_the_schedule_once(scheduler: Scheduler) -> None:
    scheduler.make()
    outcome = scheduler.run(state="absent")
    assert outcome.changed
    assert (scheduler.described(), outcome["schedule"], outcome["diff"]["after"]) == (None, None, {})
    assert not scheduler.run(state="absent").changed
    assert not scheduler.run(state="absent", group_name="no-such-group").changed


@pytest.mark.parametrize(
    "options", [{"enabled": False}, {"state": "absent"}, {"target": {"input": ["x"]}}, {}], ids=str
)
def test_check_mode_announces_what_a_run_then_does(scheduler: Scheduler, options: dict[str, Any]) -> None:
    scheduler.run(**scheduler.full)
    before = scheduler.described()
    announced = scheduler.run(check=True, **options)
    assert announced.changed == bool(options)
    assert not scheduler.aws.changes()
    assert scheduler.described() == before
    done = scheduler.run(**options)
    assert {**announced.result, "invocation": 0} == {**done.result, "invocation": 0}


def test_check_mode_announces_a_new_schedule_of_a_role_that_does_not_exist_yet(scheduler: Scheduler) -> None:
    target = {"role_arn": f"arn:aws:iam::{ACCOUNT}:role/tomorrow"}
    announced = scheduler.make(check=True, target=target)
    assert announced.changed
    assert announced["schedule"]["arn"] is None
    assert not scheduler.aws.changes()
    scheduler.aws.client("iam").create_role(RoleName="tomorrow", AssumeRolePolicyDocument=json.dumps(TRUST))
    done = scheduler.make(target=target)
    assert {**announced["schedule"], "arn": 0} == {**done["schedule"], "arn": 0}
    assert announced["diff"] == done["diff"]


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ({}, "schedule_expression and target.arn and target.role_arn"),
        ({"schedule_expression": "rate(1 hour)"}, "target.arn and target.role_arn"),
        ({"schedule_expression": "rate(1 hour)", "target": {"arn": FUNCTION}}, "target.role_arn"),
    ],
    ids=["nothing", "expression", "expression and arn"],
)
def test_a_new_schedule_needs_some_options(scheduler: Scheduler, options: dict[str, Any], missing: str) -> None:
    message = scheduler.run(check=True, **options).msg
    assert message == f"Cannot manage the schedule 'default/{NAME}': it needs {missing}: set what is missing"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"flexible_time_window": 1441}, "flexible_time_window is 1441: 0 to 1440 are allowed"),
        ({"flexible_time_window": -1}, "flexible_time_window is -1: 0 to 1440 are allowed"),
        (
            {"target": {"retry_policy": {"maximum_retry_attempts": 186}}},
            "target.retry_policy.maximum_retry_attempts is 186: 0 to 185 are allowed",
        ),
        (
            {"target": {"retry_policy": {"maximum_event_age_in_seconds": 59}}},
            "target.retry_policy.maximum_event_age_in_seconds is 59: 60 to 86400 are allowed",
        ),
        (
            {"start_date": "2090-01-02T08:00:00"},
            "start_date is 2090-01-02T08:00:00, which is in no time zone: add Z or an offset such as -05:00",
        ),
        ({"end_date": "tomorrow"}, "end_date is tomorrow: give a date and time as 2026-01-31T08:30:00-05:00"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("check", [False, True])
def test_what_scheduler_would_refuse_is_refused_before_any_change(
    scheduler: Scheduler, options: dict[str, Any], reason: str, check: bool
) -> None:
    assert scheduler.make(check=check, **options).msg == f"Cannot manage the schedule 'default/{NAME}': {reason}"
    assert not scheduler.aws.changes()


@pytest.mark.parametrize("name", ["x" * 65, "with space", "a/b"])
@pytest.mark.parametrize("key", ["name", "group_name"])
def test_a_name_that_scheduler_would_refuse_is_refused(scheduler: Scheduler, key: str, name: str) -> None:
    message = scheduler.make(**{key: name}).msg
    assert message.endswith(f"the {key} has {len(name)} characters: 1 to 64 letters, digits, _, . and - are allowed")
    assert not scheduler.aws.calls()


@pytest.mark.parametrize("there", [False, True], ids=["create", "update"])
def test_a_role_that_scheduler_does_not_know_yet_is_waited_for(
    scheduler: Scheduler, disturbance: Disturbance, naps: list[float], there: bool
) -> None:
    if there:
        scheduler.make(enabled=False)
    refuse(disturbance, "PUT" if there else "POST", times=3)
    assert scheduler.make(enabled=True).changed
    described = scheduler.described()
    assert described
    assert described["State"] == "ENABLED"
    assert naps == [1, 2, 4]


def test_a_role_that_scheduler_may_never_assume_is_an_error_after_half_a_minute(
    scheduler: Scheduler, disturbance: Disturbance, naps: list[float]
) -> None:
    refuse(disturbance, "POST", times=1000)
    message = scheduler.make().msg
    assert message.startswith(f"Failed to create schedule 'default/{NAME}': ")
    assert "must allow AWS EventBridge Scheduler to assume the role" in message
    assert sum(naps) == 31


def test_what_scheduler_refuses_fails_in_its_words_and_at_once(scheduler: Scheduler, naps: list[float]) -> None:
    message = scheduler.make(schedule_expression="every day").msg
    assert message.startswith(f"Failed to create schedule 'default/{NAME}': ")
    assert "ValidationException" in message
    assert naps == []


def test_a_caller_without_permissions_hears_which(scheduler: Scheduler, stranger: dict[str, Any]) -> None:
    message = scheduler.run(**stranger).msg
    assert message.startswith(f"Failed to get schedule 'default/{NAME}': ")
    assert "scheduler:GetSchedule" in message


def refuse(disturbance: Disturbance, method: str, *, times: int) -> None:
    message = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
    body = json.dumps({"__type": "ValidationException", "Message": message})
    disturbance.answer(f"{method} ", "/schedules/", body=body, status=400, times=times)
