# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What EventBridge Scheduler checks and moto forgives, and what the local AWS does not model."""

from __future__ import annotations

import json
import re
from typing import Any
from zoneinfo import ZoneInfo

from tests.local_aws.account import ACCOUNT_ID, Account
from tests.local_aws.clock.expressions import is_recurring, parse_expression
from tests.local_aws.errors import AwsError
from tests.local_aws.functions.roles import is_trusting
from tests.local_aws.functions.validation import constraint, in_range
from tests.local_aws.messages import AwsRequest
from tests.local_aws.strict.rules import RULES

_NAME = re.compile(r"[0-9a-zA-Z_.-]+")
_LONGEST = 64
_FUNCTION = re.compile(rf"arn:aws:lambda:[a-z0-9-]+:{ACCOUNT_ID}:function:[\w-]+(:[\w$-]+)?", re.ASCII)
_WHOLE_CALLS = ("CreateSchedule", "UpdateSchedule")


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


@RULES.on("scheduler", *_WHOLE_CALLS)
def name_and_group(request: AwsRequest, account: Account) -> None:
    """A schedule has a short, plain name, in a group that exists."""
    from moto.scheduler.models import scheduler_backends

    name = request.params["Name"]
    if not 1 <= len(name) <= _LONGEST:
        raise constraint(name, "Name", f"Member must have length less than or equal to {_LONGEST}")
    if not _NAME.fullmatch(name):
        raise constraint(name, "Name", "Member must satisfy regular expression pattern: [0-9a-zA-Z-_.]+")
    group = request.params.get("GroupName") or "default"
    if group not in scheduler_backends[ACCOUNT_ID][account.region].schedule_groups:
        raise AwsError("ResourceNotFoundException", f"Schedule group {group} does not exist.", 404)


@RULES.on("scheduler", *_WHOLE_CALLS)
def expression(request: AwsRequest, account: Account) -> None:
    """The expression can be read, and the time zone exists."""
    text = request.params["ScheduleExpression"]
    zone = request.params.get("ScheduleExpressionTimezone") or "UTC"
    try:
        ZoneInfo(zone)
    except (LookupError, ValueError, OSError) as error:
        raise _invalid(f"Invalid ScheduleExpressionTimezone {zone}.") from error
    try:
        parse_expression(text)
    except NotImplementedError as error:
        raise AwsError("NotImplementedByLocalAws", str(error), 501) from error
    except ValueError as error:
        raise _invalid(f"Invalid Schedule Expression {text}: {error}.") from error


@RULES.on("scheduler", *_WHOLE_CALLS)
def flexible_time_window(request: AwsRequest, account: Account) -> None:
    """A window has a length exactly when there is one."""
    window = request.params["FlexibleTimeWindow"]
    in_range(window, "MaximumWindowInMinutes", 1, 1440)
    is_flexible = window.get("Mode") == "FLEXIBLE"
    if window.get("Mode") not in ("OFF", "FLEXIBLE"):
        raise constraint(window.get("Mode"), "Mode", "Member must satisfy enum value set: [OFF, FLEXIBLE]")
    if is_flexible != (window.get("MaximumWindowInMinutes") is not None):
        raise _invalid("MaximumWindowInMinutes must be set for the mode FLEXIBLE, and for that only.")


@RULES.on("scheduler", *_WHOLE_CALLS)
def target(request: AwsRequest, account: Account) -> None:
    """The target is a function, called as a role that trusts the scheduler, with JSON."""
    wanted: dict[str, Any] = request.params["Target"]
    if not _FUNCTION.fullmatch(wanted["Arn"]):
        message = f"The local AWS invokes functions of this account on schedules, not {wanted['Arn']}."
        raise AwsError("NotImplementedByLocalAws", message, 501)
    if wanted.get("DeadLetterConfig", {}).get("Arn"):
        raise AwsError("NotImplementedByLocalAws", "The local AWS has no dead-letter queues of schedules.", 501)
    retries = wanted.get("RetryPolicy", {})
    in_range(retries, "MaximumRetryAttempts", 0, 185)
    in_range(retries, "MaximumEventAgeInSeconds", 60, 86_400)
    if not is_trusting(wanted["RoleArn"], "scheduler.amazonaws.com"):
        raise _invalid("The execution role you provide must allow AWS EventBridge Scheduler to assume the role.")
    try:
        json.loads(wanted.get("Input") or "{}")
    except ValueError as error:
        raise _invalid("Invalid Input: it must be JSON for this target.") from error


@RULES.on("events", "PutRule")
def rule_expression(request: AwsRequest, account: Account) -> None:
    """A rule's expression can be read; a rule has no at()."""
    text = request.params.get("ScheduleExpression")
    if not text:
        return
    try:
        parse_expression(text)
    except NotImplementedError as error:
        raise AwsError("NotImplementedByLocalAws", str(error), 501) from error
    except ValueError as error:
        raise _invalid("Parameter ScheduleExpression is not valid.") from error
    if not is_recurring(text):
        raise _invalid("Parameter ScheduleExpression is not valid.")
