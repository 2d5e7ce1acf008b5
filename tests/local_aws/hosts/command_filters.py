# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filters of ListCommands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from tests.local_aws.errors import AwsError
from tests.local_aws.hosts.answers import invalid
from tests.local_aws.hosts.commands import Command

Test = Callable[[Command], bool]
_STATUSES = {
    "Pending",
    "InProgress",
    "Success",
    "Cancelled",
    "Failed",
    "TimedOut",
    "AccessDenied",
    "DeliveryTimedOut",
    "ExecutionTimedOut",
    "Incomplete",
    "NoInstancesInTag",
    "LimitExceeded",
}
_MOST = 5


def command_tests(params: Mapping[str, Any]) -> list[Test]:
    """Return what a command must pass, each test for one filter."""
    filters = params.get("Filters", [])
    if len(filters) > _MOST:
        raise invalid(f"Value at 'filters' failed to satisfy constraint: Member must have length at most {_MOST}")
    if params.get("InstanceId") and {"key": "Status", "value": "Pending"} in filters:
        raise invalid("An instance ID can't be specified when the status is Pending.")
    return [_test(each["key"], each["value"]) for each in filters]


def _test(key: str, value: str) -> Test:
    if key == "Status":
        if value not in _STATUSES:
            raise invalid(f"Value '{value}' of the filter Status is no status of a command.")
        return lambda command: value in command.status()
    if key == "InvokedAfter":
        moment = _moment(key, value)
        return lambda command: command.sent >= moment
    if key == "InvokedBefore":
        moment = _moment(key, value)
        return lambda command: command.sent < moment
    if key in ("ExecutionStage", "DocumentName"):
        raise AwsError("NotImplementedByLocalAws", f"The local AWS does not filter commands by {key}.", 501)
    raise AwsError("InvalidFilterKey", f"The specified key isn't valid: {key}")


def _moment(key: str, value: str) -> float:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise invalid(f"Value '{value}' of the filter {key} is not a time such as 2026-02-02T13:30:00Z") from error
    if moment.tzinfo is None:
        raise invalid(f"Value '{value}' of the filter {key} has no time zone.")
    return moment.timestamp()
