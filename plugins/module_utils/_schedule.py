# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A schedule of EventBridge Scheduler, in the words of a module's options.

This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

# What Scheduler takes for what is left out.
RETRY_DEFAULTS = {"maximum_event_age_in_seconds": 86400, "maximum_retry_attempts": 185}
TARGET_DEFAULTS: dict[str, Any] = {
    "arn": None,
    "role_arn": None,
    "input": None,
    "retry_policy": RETRY_DEFAULTS,
    "dead_letter_arn": None,
    "other_parameters": {},
}
DEFAULTS: dict[str, Any] = {
    "schedule_expression": None,
    "schedule_expression_timezone": "UTC",
    "flexible_time_window": 0,
    "target": TARGET_DEFAULTS,
    "description": None,
    "enabled": True,
    "start_date": None,
    "end_date": None,
    "kms_key_arn": None,
    "action_after_completion": "NONE",
}
TARGET_MEMBERS = ("Arn", "RoleArn", "Input", "RetryPolicy", "DeadLetterConfig")
LIMITS = {
    "flexible_time_window": range(1441),
    "maximum_event_age_in_seconds": range(60, 86401),
    "maximum_retry_attempts": range(186),
}


class ScheduleError(Exception):
    """Options that do not make a schedule."""


def check_name(kind: str, name: str) -> None:
    """Refuse a name that Scheduler refuses."""
    if not re.fullmatch(r"[0-9a-zA-Z_.-]{1,64}", name):
        raise ScheduleError(f"the {kind} has {len(name)} characters: 1 to 64 letters, digits, _, . and - are allowed")


def from_aws(described: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Read what GetSchedule returns."""
    target = described["Target"]
    window = described["FlexibleTimeWindow"]
    retries = target.get("RetryPolicy") or {}
    return {
        "schedule_expression": described["ScheduleExpression"],
        "schedule_expression_timezone": described.get("ScheduleExpressionTimezone") or "UTC",
        "flexible_time_window": window.get("MaximumWindowInMinutes", 0) if window["Mode"] == "FLEXIBLE" else 0,
        "target": {
            "arn": target["Arn"],
            "role_arn": target["RoleArn"],
            "input": target.get("Input") or None,
            "retry_policy": {
                "maximum_event_age_in_seconds": retries.get("MaximumEventAgeInSeconds", 86400),
                "maximum_retry_attempts": retries.get("MaximumRetryAttempts", 185),
            },
            "dead_letter_arn": (target.get("DeadLetterConfig") or {}).get("Arn"),
            "other_parameters": {key: value for key, value in target.items() if key not in TARGET_MEMBERS},
        },
        "description": described.get("Description") or None,
        "enabled": described.get("State") != "DISABLED",
        "start_date": _start(described.get("StartDate"), now),
        "end_date": _text(described.get("EndDate")),
        "kms_key_arn": described.get("KmsKeyArn") or None,
        "action_after_completion": described.get("ActionAfterCompletion") or "NONE",
    }


def to_aws(schedule: dict[str, Any]) -> dict[str, Any]:
    """Make the whole of UpdateSchedule's parameters, as it replaces what is left out."""
    target, minutes = schedule["target"], schedule["flexible_time_window"]
    dead_letter = target["dead_letter_arn"]
    wanted = {
        "ScheduleExpression": schedule["schedule_expression"],
        "ScheduleExpressionTimezone": schedule["schedule_expression_timezone"],
        "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": minutes} if minutes else {"Mode": "OFF"},
        "Target": {
            **target["other_parameters"],
            "Arn": target["arn"],
            "RoleArn": target["role_arn"],
            "RetryPolicy": {
                "MaximumEventAgeInSeconds": target["retry_policy"]["maximum_event_age_in_seconds"],
                "MaximumRetryAttempts": target["retry_policy"]["maximum_retry_attempts"],
            },
            **({"Input": target["input"]} if target["input"] else {}),
            **({"DeadLetterConfig": {"Arn": dead_letter}} if dead_letter else {}),
        },
        "Description": schedule["description"],
        "State": "ENABLED" if schedule["enabled"] else "DISABLED",
        "StartDate": schedule["start_date"] and datetime.fromisoformat(schedule["start_date"]),
        "EndDate": schedule["end_date"] and datetime.fromisoformat(schedule["end_date"]),
        "KmsKeyArn": schedule["kms_key_arn"],
        "ActionAfterCompletion": schedule["action_after_completion"],
    }
    return {key: value for key, value in wanted.items() if value is not None}


def merge(before: dict[str, Any] | None, given: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The schedule with the given options in it. None keeps what is there, and an empty text takes it away.

    Raises:
        ScheduleError: The options are not a schedule's, or do not suffice for a new one.
    """
    merged = _overlay(before or DEFAULTS, given)
    _check_range("flexible_time_window", merged["flexible_time_window"])
    merged["target"] = _merge_target(before["target"] if before else TARGET_DEFAULTS, given["target"] or {})
    if given["start_date"]:
        merged["start_date"] = _start(_parse("start_date", given["start_date"]), now)
    if given["end_date"]:
        merged["end_date"] = _text(_parse("end_date", given["end_date"]))
    missing = [key for key in ("schedule_expression", "schedule_expression_timezone") if not merged[key]]
    missing += [f"target.{key}" for key in ("arn", "role_arn") if not merged["target"][key]]
    if missing:
        raise ScheduleError(f"it needs {' and '.join(missing)}: set what is missing")
    return merged


def _overlay(before: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    wanted = {key: value for key, value in given.items() if key in before and value is not None}
    return {key: None if value == "" else value for key, value in {**before, **wanted}.items()}


def _merge_target(before: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    merged = _overlay(before, given)
    merged["retry_policy"] = _overlay(before["retry_policy"], given.get("retry_policy") or {})
    for key, value in merged["retry_policy"].items():
        _check_range(f"target.retry_policy.{key}", value)
    if merged["arn"] != before["arn"]:
        # They are the parameters of another service's target.
        merged["other_parameters"] = {}
    if given.get("input") is not None:
        merged["input"] = _merge_input(before["input"], given["input"])
    return merged


def _merge_input(before: str | None, given: Any) -> str | None:
    """The input as a text, in the words that are there as long as they mean the same."""
    text = given if isinstance(given, str) else json.dumps(given)
    return before if before and _meaning(before) == _meaning(text) else text or None


def _meaning(text: str) -> str:
    """The text in one form of all that mean the same. To Python, 1 and true would be the same, too."""
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return text


def _check_range(name: str, value: int) -> None:
    limits = LIMITS[name.rpartition(".")[2]]
    if value not in limits:
        raise ScheduleError(f"{name} is {value}: {limits[0]} to {limits[-1]} are allowed")


def _parse(name: str, text: str) -> datetime:
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        raise ScheduleError(f"{name} is {text}: give a date and time as 2026-01-31T08:30:00-05:00") from None
    if date.tzinfo is None:
        raise ScheduleError(f"{name} is {text}, which is in no time zone: add Z or an offset such as -05:00")
    return date


def _start(date: datetime | None, now: datetime) -> str | None:
    """A start that has passed changes nothing any more, and Scheduler refuses it."""
    return _text(date) if date and date > now else None


def _text(date: datetime | None) -> str | None:
    return date.astimezone(UTC).isoformat(timespec="seconds") if date else None
