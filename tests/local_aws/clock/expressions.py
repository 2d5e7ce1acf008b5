# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Schedule expressions: cron(), rate() and at()."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo

from tests.local_aws.clock.cron import parse_cron

# Yields the moments after `after` and not after `until`; `start` is when the schedule began.
Moments = Callable[[datetime, datetime, datetime], Iterator[datetime]]

_CALL = re.compile(r"(cron|rate|at)\((.*)\)")
_RATE = re.compile(r"([1-9][0-9]*) (minute|hour|day)(s?)")
_UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}


def parse_expression(text: str, zone: tzinfo = UTC) -> Moments:
    """Read an expression; ValueError says what is wrong with it, NotImplementedError what is not modelled."""
    call = _CALL.fullmatch(text)
    if call is None:
        raise ValueError("it is none of cron(...), rate(...) and at(...)")
    kind, argument = call.groups()
    if kind == "cron":
        cron = parse_cron(argument)
        return lambda after, until, start: cron.moments(after, until, zone)
    if kind == "rate":
        return _every(_period(argument))
    return _once(argument, zone)


def is_recurring(text: str) -> bool:
    """Say whether an expression comes again and again."""
    return not text.startswith("at(")


def _period(argument: str) -> timedelta:
    rate = _RATE.fullmatch(argument)
    if rate is None:
        raise ValueError("a rate is a number and a unit: minutes, hours or days")
    number, unit, plural = rate.groups()
    if (number == "1") == bool(plural):
        raise ValueError(f"it is {number} {unit}{'' if plural else 's'}")
    return int(number) * _UNITS[unit]


def _every(period: timedelta) -> Moments:
    def moments(after: datetime, until: datetime, start: datetime) -> Iterator[datetime]:
        number = max(1, (after - start) // period)
        while (moment := start + number * period) <= until:
            if moment > after:
                yield moment
            number += 1

    return moments


def _once(argument: str, zone: tzinfo) -> Moments:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", argument):
        raise ValueError("a time is written yyyy-mm-ddThh:mm:ss")
    only = datetime.fromisoformat(argument).replace(tzinfo=zone).astimezone(UTC)

    def moments(after: datetime, until: datetime, start: datetime) -> Iterator[datetime]:
        if after < only <= until:
            yield only

    return moments
