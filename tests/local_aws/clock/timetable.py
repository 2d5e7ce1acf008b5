# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is to happen in a span of time. Call these with the front's lock."""

from __future__ import annotations

import fnmatch
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tests.local_aws.account import ACCOUNT_ID, Account
from tests.local_aws.clock.expressions import parse_expression
from tests.local_aws.errors import AwsError
from tests.local_aws.functions.deployed import Deployed, find_deployed, find_function
from tests.local_aws.functions.roles import is_trusting, role_may

if TYPE_CHECKING:
    from moto.events.models import Rule
    from moto.scheduler.models import Schedule


@dataclass(frozen=True)
class Due:
    """One moment of one schedule or of one target of a rule."""

    moment: datetime
    arn: str
    # Returns the function and its event; AwsError says why the one may not be invoked.
    prepare: Callable[[], tuple[Deployed, bytes]]
    # What is done afterwards, whether or not it was invoked.
    finish: Callable[[], None] = lambda: None


def due_schedules(account: Account, after: datetime, until: datetime, since: dict[str, datetime]) -> Iterator[Due]:
    """Yield what EventBridge Scheduler has to do; `since` says when each schedule was made or changed."""
    from moto.scheduler.models import scheduler_backends

    for group in scheduler_backends[ACCOUNT_ID][account.region].schedule_groups.values():
        for schedule in group.schedules.values():
            if schedule.state == "ENABLED":
                yield from _moments(account, schedule, after, until, since.get(schedule.arn, after))


def _moments(account: Account, schedule: Schedule, after: datetime, until: datetime, since: datetime) -> Iterator[Due]:
    begin, end = _time(schedule.start_date), _time(schedule.end_date)
    moments = parse_expression(schedule.schedule_expression, ZoneInfo(schedule.schedule_expression_timezone))

    def due(moment: datetime) -> Due:
        return Due(
            moment, schedule.arn, lambda: _scheduled(account, schedule, moment), lambda: _complete(account, schedule)
        )

    for moment in moments(max(after, since), until, begin or since):
        if (begin is None or moment >= begin) and (end is None or moment <= end):
            yield due(moment)


def _time(seconds: Any) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(float(seconds), UTC)


def _scheduled(account: Account, schedule: Schedule, moment: datetime) -> tuple[Deployed, bytes]:
    arn, role = schedule.target["Arn"], schedule.target["RoleArn"]
    if not is_trusting(role, "scheduler.amazonaws.com") or not role_may(role, "lambda:InvokeFunction", arn):
        raise AwsError("AccessDeniedException", f"The role {role} may not invoke {arn}.", 403)
    text = schedule.target.get("Input") or _notice(account, moment, "aws.scheduler", schedule.arn, "{}")
    context = {
        "scheduled-time": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        "schedule-arn": schedule.arn,
        "execution-id": uuid.uuid4().hex[:16],
        "attempt-number": "1",
    }
    for name, value in context.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return find_deployed(account, arn), text.encode()


def _complete(account: Account, schedule: Schedule) -> None:
    """A single moment is over when it was; AWS then deletes the schedule if it is told to."""
    from moto.scheduler.models import scheduler_backends

    if schedule.action_after_completion == "DELETE" and schedule.schedule_expression.startswith("at("):
        group = scheduler_backends[ACCOUNT_ID][account.region].schedule_groups[schedule.group_name]
        group.schedules.pop(schedule.name, None)


def due_rules(account: Account, after: datetime, until: datetime, since: dict[str, datetime]) -> Iterator[Due]:
    """Yield what EventBridge's rules with a schedule have to do, in UTC."""
    from moto.events.models import events_backends

    for bus in events_backends[ACCOUNT_ID][account.region].event_buses.values():
        for rule in bus.rules.values():
            if rule.state != "ENABLED" or not rule.scheduled_expression:
                continue
            start = since.get(rule.arn, after)
            for moment in parse_expression(rule.scheduled_expression)(max(after, start), until, start):
                yield from (_due_target(account, rule, target, moment) for target in rule.targets)


def _due_target(account: Account, rule: Rule, target: dict[str, Any], moment: datetime) -> Due:
    return Due(moment, rule.arn, lambda: _ruled(account, rule, target, moment))


def _ruled(account: Account, rule: Rule, target: dict[str, Any], moment: datetime) -> tuple[Deployed, bytes]:
    arn = target["Arn"]
    if ":lambda:" not in arn or target.get("InputTransformer") or target.get("InputPath"):
        message = f"The local AWS invokes functions on rules, with Input or without, not {arn}."
        raise AwsError("NotImplementedByLocalAws", message, 501)
    function, _ = find_function(account, arn)
    if not any(_lets_in(statement, rule.arn) for statement in function.policy.statements):
        raise AwsError("AccessDeniedException", f"The policy of {arn} does not let {rule.arn} invoke it.", 403)
    return find_deployed(account, arn), (
        target.get("Input") or _notice(account, moment, "aws.events", rule.arn, {})
    ).encode()


def _lets_in(statement: dict[str, Any], rule_arn: str) -> bool:
    if statement.get("Principal") != {"Service": "events.amazonaws.com"}:
        return False
    condition = statement.get("Condition", {})
    pattern = condition.get("ArnLike", {}).get("AWS:SourceArn", "*")
    source = condition.get("StringEquals", {}).get("AWS:SourceAccount", ACCOUNT_ID)
    return fnmatch.fnmatchcase(rule_arn, pattern) and source == ACCOUNT_ID


def _notice(account: Account, moment: datetime, source: str, arn: str, detail: object) -> str:
    """Return the event that comes without an input."""
    return json.dumps(
        {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": source,
            "account": ACCOUNT_ID,
            "time": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            "region": account.region,
            "resources": [arn],
            "detail": detail,
        }
    )
