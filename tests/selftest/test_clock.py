# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The clock, and schedules that fire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import sleep
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.local_aws import LocalAws
from tests.local_aws.clock.expressions import parse_expression
from tests.selftest.function_helpers import ECHO, Workshop, make_role, unchecked
from tests.selftest.helpers import error_of

NEW_YORK = ZoneInfo("America/New_York")


def _moments(expression: str, first: str, last: str, zone: str = "UTC") -> list[str]:
    after, until = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (first, last))
    found = parse_expression(expression, ZoneInfo(zone))(after, until, after)
    return [f"{moment:%m-%d %H:%M}" for moment in found]


@pytest.mark.parametrize(
    ("expression", "zone", "moments"),
    [
        # The clocks of New York went forward on 8 March 2026.
        ("cron(30 8 ? * MON-FRI *)", "America/New_York", ["03-06 13:30", "03-09 12:30"]),
        ("cron(30 2 * * ? *)", "America/New_York", ["03-06 07:30", "03-07 07:30", "03-09 06:30"]),
        ("cron(0/20,50 12 7 3 ? 2026)", "UTC", ["03-07 12:00", "03-07 12:20", "03-07 12:40", "03-07 12:50"]),
        ("cron(0 10-12/2 ? 3 1,FRI *)", "UTC", ["03-06 10:00", "03-06 12:00", "03-08 10:00", "03-08 12:00"]),
        ("at(2026-03-08T01:00:00)", "America/New_York", ["03-08 06:00"]),
        ("rate(1 day)", "UTC", ["03-07 00:00", "03-08 00:00", "03-09 00:00"]),
        ("rate(36 hours)", "UTC", ["03-07 12:00", "03-09 00:00"]),
    ],
)
def test_expressions(expression: str, zone: str, moments: list[str]) -> None:
    assert _moments(expression, "2026-03-06", "2026-03-09T23:59", zone)[: len(moments)] == moments


def test_a_local_time_that_comes_twice_counts_once() -> None:
    moments = _moments("cron(30 1 * * ? *)", "2026-10-31", "2026-11-02", "America/New_York")
    assert moments == ["10-31 05:30", "11-01 05:30"]


@pytest.mark.parametrize(
    "expression",
    [
        "cron(30 8 ? * MON-FRI)",
        "cron(30 8 * * * *)",
        "cron(60 8 ? * MON *)",
        "cron(x 8 ? * MON *)",
        "cron(5-3 8 ? * MON *)",
        "cron(0/0 8 ? * MON *)",
        "rate(1 minutes)",
        "rate(5 minute)",
        "rate(0 minutes)",
        "at(2026-03-08 01:00)",
        "daily",
    ],
)
def test_expressions_that_are_wrong(expression: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_expression(expression)


@pytest.mark.parametrize("day", ["L", "15W", "LW"])
def test_what_is_not_modelled_is_said(day: str) -> None:
    with pytest.raises(NotImplementedError, match="does not model"):
        parse_expression(f"cron(0 8 {day} * ? *)")


@pytest.fixture
def workshop(aws: LocalAws) -> Workshop:
    # Monday, 2 February 2099: a quiet day, still to come.
    aws.set_time(datetime(2099, 2, 2, 8, 29, tzinfo=NEW_YORK))
    return Workshop(aws, aws.client("lambda"))


def _schedule(workshop: Workshop, function: str, **changes: Any) -> dict[str, Any]:
    role = f"arn:aws:iam::123456789012:role/{changes.pop('role', 'scheduler')}"
    target = {"Arn": function, "RoleArn": role} | changes.pop("target", {})
    return {
        "Name": "morning",
        "ScheduleExpression": "cron(30 8 ? * MON-FRI *)",
        "ScheduleExpressionTimezone": "America/New_York",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": target,
    } | changes


@pytest.fixture
def function(workshop: Workshop) -> str:
    arn = workshop.make("f", ECHO)
    make_role(workshop.aws, "scheduler", "scheduler.amazonaws.com", ("lambda:InvokeFunction", arn))
    return arn


def _payloads(workshop: Workshop) -> list[Any]:
    workshop.aws.wait_until_idle()
    return [record.payload for record in workshop.aws.invocations("f")]


def test_the_clock_can_be_set_and_goes_on(aws: LocalAws) -> None:
    assert abs(aws.time() - datetime.now(UTC)) < timedelta(seconds=5)
    aws.set_time(datetime(2030, 1, 1, tzinfo=UTC))
    aws.advance(timedelta(hours=1))
    assert timedelta() <= aws.time() - datetime(2030, 1, 1, 1, tzinfo=UTC) < timedelta(seconds=5)
    aws.reset()
    assert abs(aws.time() - datetime.now(UTC)) < timedelta(seconds=5)


def test_nothing_is_due_before_a_test_says_what_time_it_is(workshop: Workshop, function: str) -> None:
    """The fault campaign found its hosts stopped at 16:05 in New York. Seen failing without `is_set`."""
    workshop.aws.reset()
    workshop.make("f", ECHO)
    make_role(workshop.aws, "scheduler", "scheduler.amazonaws.com", ("lambda:InvokeFunction", function))
    soon = datetime.now(UTC) + timedelta(seconds=2)
    expression = {"ScheduleExpression": f"at({soon:%Y-%m-%dT%H:%M:%S})", "ScheduleExpressionTimezone": "UTC"}
    workshop.aws.client("scheduler").create_schedule(**_schedule(workshop, function, **expression))
    sleep(4)
    assert workshop.aws.firings() == []
    workshop.aws.set_time(datetime.now(UTC))
    assert workshop.aws.firings() == []


def test_a_schedule_fires_at_its_local_time(workshop: Workshop, function: str) -> None:
    text = (
        '{"scheduled_time": "<aws.scheduler.scheduled-time>", "arn": "<aws.scheduler.schedule-arn>", '
        '"attempt": "<aws.scheduler.attempt-number>"}'
    )
    schedule = _schedule(workshop, function, target={"Input": text})
    arn = workshop.aws.client("scheduler").create_schedule(**schedule)["ScheduleArn"]
    workshop.aws.advance(timedelta(seconds=30))
    assert _payloads(workshop) == []
    workshop.aws.advance(timedelta(seconds=30))
    assert _payloads(workshop) == [{"scheduled_time": "2099-02-02T13:30:00Z", "arn": arn, "attempt": "1"}]
    workshop.aws.advance(timedelta(minutes=1))
    assert len(_payloads(workshop)) == 1
    firing = workshop.aws.firings()[0]
    assert (firing.arn, firing.request_id) == (arn, workshop.aws.invocations("f")[0].request_id)


def test_without_an_input_it_sends_awss_own_event(workshop: Workshop, function: str) -> None:
    workshop.aws.client("scheduler").create_schedule(**_schedule(workshop, function))
    workshop.aws.advance(timedelta(minutes=1))
    payload = _payloads(workshop)[0]
    assert (payload["source"], payload["detail"], payload["time"]) == ("aws.scheduler", "{}", "2099-02-02T13:30:00Z")


def test_a_jump_fires_everything_of_the_last_day_in_order(workshop: Workshop, function: str) -> None:
    scheduler = workshop.aws.client("scheduler")
    for name, hours in (("odd", "1/6"), ("even", "4/6")):
        expression = f"cron(0 {hours} * * ? *)"
        scheduler.create_schedule(**_schedule(workshop, function, Name=name, ScheduleExpression=expression))
    workshop.aws.advance(timedelta(days=3))
    moments = [datetime.fromisoformat(firing.moment).astimezone(NEW_YORK) for firing in workshop.aws.firings()]
    assert [moment.hour for moment in moments] == [10, 13, 16, 19, 22, 1, 4, 7]
    assert len(_payloads(workshop)) == 8


def test_a_disabled_schedule_is_silent_and_an_update_replaces_everything(workshop: Workshop, function: str) -> None:
    scheduler = workshop.aws.client("scheduler")
    scheduler.create_schedule(**_schedule(workshop, function, State="DISABLED", Description="said"))
    workshop.aws.advance(timedelta(days=1))
    assert workshop.aws.firings() == []
    shorter = _schedule(workshop, function)
    del shorter["ScheduleExpressionTimezone"]
    scheduler.update_schedule(**shorter)
    found = scheduler.get_schedule(Name="morning")
    assert (found["State"], found["ScheduleExpressionTimezone"], found.get("Description")) == ("ENABLED", "UTC", None)
    assert found["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
    workshop.aws.advance(timedelta(days=1))
    assert [firing.moment for firing in workshop.aws.firings()] == ["2099-02-04T08:30:00+00:00"]


def test_a_single_moment_can_delete_its_schedule(workshop: Workshop, function: str) -> None:
    scheduler = workshop.aws.client("scheduler")
    at = {"ScheduleExpression": "at(2099-02-02T08:30:00)", "ActionAfterCompletion": "DELETE"}
    scheduler.create_schedule(**_schedule(workshop, function, **at))
    workshop.aws.advance(timedelta(minutes=1))
    assert len(workshop.aws.firings()) == 1
    assert scheduler.list_schedules()["Schedules"] == []


def test_a_role_without_the_permission_invokes_nothing(workshop: Workshop, function: str) -> None:
    workshop.aws.client("scheduler").create_schedule(**_schedule(workshop, function))
    workshop.aws.client("iam").delete_role_policy(RoleName="scheduler", PolicyName="allowed")
    workshop.aws.advance(timedelta(minutes=1))
    assert _payloads(workshop) == []
    assert workshop.aws.firings()[0].error.startswith("AccessDeniedException: ")


def test_a_client_token_makes_one_schedule(workshop: Workshop, function: str) -> None:
    scheduler = workshop.aws.client("scheduler")
    schedule = _schedule(workshop, function, ClientToken="t")
    assert scheduler.create_schedule(**schedule)["ScheduleArn"] == scheduler.create_schedule(**schedule)["ScheduleArn"]
    other = schedule | {"Description": "other"}
    assert error_of(scheduler.create_schedule, **other) == "ConflictException"
    assert error_of(scheduler.create_schedule, **(schedule | {"ClientToken": "u"})) == "ConflictException"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Name": "x" * 65}, "ValidationException"),
        ({"Name": "a b"}, "ValidationException"),
        ({"GroupName": "none"}, "ResourceNotFoundException"),
        ({"ScheduleExpression": "cron(30 8 * * * *)"}, "ValidationException"),
        ({"ScheduleExpression": "cron(30 8 L * ? *)"}, "NotImplementedByLocalAws"),
        ({"ScheduleExpressionTimezone": "America/Gotham"}, "ValidationException"),
        ({"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}, "ValidationException"),
        ({"role": "none"}, "ValidationException"),
        ({"role": "f-role"}, "ValidationException"),
        ({"target": {"Input": "{"}}, "ValidationException"),
        ({"target": {"RetryPolicy": {"MaximumRetryAttempts": 186}}}, "ValidationException"),
        ({"target": {"RetryPolicy": {"MaximumEventAgeInSeconds": 59}}}, "ValidationException"),
        ({"target": {"Arn": "arn:aws:sqs:us-east-1:123456789012:q"}}, "NotImplementedByLocalAws"),
    ],
)
def test_limits_of_a_schedule(workshop: Workshop, function: str, changes: dict[str, Any], code: str) -> None:
    scheduler = unchecked(workshop.aws, "scheduler")
    assert error_of(scheduler.create_schedule, **_schedule(workshop, function, **changes)) == code


def test_a_rule_of_the_old_kind_fires_in_utc_when_the_function_lets_it(workshop: Workshop, function: str) -> None:
    events = workshop.aws.client("events")
    rule = events.put_rule(Name="old", ScheduleExpression="cron(30 13 ? * MON-FRI *)")["RuleArn"]
    events.put_targets(Rule="old", Targets=[{"Id": "1", "Arn": function, "Input": '{"from": "rule"}'}])
    workshop.aws.advance(timedelta(minutes=1))
    assert workshop.aws.firings()[0].error.startswith("AccessDeniedException: ")
    permission = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"}
    workshop.functions.add_permission(FunctionName="f", SourceArn=rule, **permission)
    workshop.aws.advance(timedelta(days=1))
    assert _payloads(workshop) == [{"from": "rule"}]
    events.remove_targets(Rule="old", Ids=["1"])
    events.delete_rule(Name="old")
    workshop.aws.advance(timedelta(days=1))
    assert len(workshop.aws.firings()) == 2
