# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""AWS's cron expressions: minutes, hours, day of month, month, day of week, year."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from datetime import time as time_of_day

_MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_WEEKDAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
_NONE: dict[str, int] = {}


@dataclass(frozen=True)
class _Field:
    name: str
    first: int
    last: int
    names: dict[str, int]


_FIELDS = (
    _Field("minutes", 0, 59, _NONE),
    _Field("hours", 0, 23, _NONE),
    _Field("day of month", 1, 31, _NONE),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 1, 7, _WEEKDAYS),
    _Field("year", 1970, 2199, _NONE),
)
_DAYS = (2, 4)
_SPECIAL = re.compile(r"L|W|\d+L|LW|\d+W|.*#.*")


@dataclass(frozen=True)
class Cron:
    """The values at which each field matches."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    years: frozenset[int]

    def moments(self, after: datetime, until: datetime, zone: tzinfo) -> Iterator[datetime]:
        """Yield, in UTC, the moments after the one and not after the other, in order.

        As EventBridge Scheduler does: a local time that the clocks skip is skipped, and one that they show
        twice counts once.
        """
        day, last = after.astimezone(zone).date(), until.astimezone(zone).date()
        while day <= last:
            if self._matches(day):
                for moment in sorted(self._times(day, zone)):
                    if after < moment <= until:
                        yield moment
            day += timedelta(days=1)

    def _matches(self, day: date) -> bool:
        weekday = day.isoweekday() % 7 + 1
        return day.day in self.days and day.month in self.months and weekday in self.weekdays and day.year in self.years

    def _times(self, day: date, zone: tzinfo) -> Iterator[datetime]:
        for hour in self.hours:
            for minute in self.minutes:
                local = datetime.combine(day, time_of_day(hour, minute), zone)
                moment = local.astimezone(UTC)
                if moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
                    yield moment


def parse_cron(text: str) -> Cron:
    """Read what stands between the parentheses; ValueError says what is wrong with it."""
    parts = text.split()
    if len(parts) != len(_FIELDS):
        raise ValueError(f"a cron expression has {len(_FIELDS)} fields, not {len(parts)}")
    if [parts[index] for index in _DAYS].count("?") != 1:
        raise ValueError("exactly one of day of month and day of week must be ?")
    minutes, hours, days, months, weekdays, years = (
        _values(part, field, index in _DAYS) for index, (part, field) in enumerate(zip(parts, _FIELDS, strict=True))
    )
    return Cron(
        tuple(sorted(minutes)),
        tuple(sorted(hours)),
        frozenset(days),
        frozenset(months),
        frozenset(weekdays),
        frozenset(years),
    )


def _values(part: str, field: _Field, is_day: bool) -> set[int]:
    if part == "?" and is_day:
        return set(range(field.first, field.last + 1))
    values: set[int] = set()
    for item in part.upper().split(","):
        values |= _item(item, field, is_day)
    return values


def _item(item: str, field: _Field, is_day: bool) -> set[int]:
    if is_day and _SPECIAL.fullmatch(item):
        raise NotImplementedError(f"The local AWS does not model {item} in a cron expression's {field.name}.")
    span, slash, step_text = item.partition("/")
    step = _number(step_text, field) if slash else 1
    if step < 1:
        raise ValueError(f"{field.name}: a step of {step}")
    if span == "*":
        first, last = field.first, field.last
    else:
        low, dash, high = span.partition("-")
        first = _value(low, field)
        last = _value(high, field) if dash else (field.last if slash else first)
    if first > last:
        raise ValueError(f"{field.name}: {item} runs backwards")
    return set(range(first, last + 1, step))


def _value(text: str, field: _Field) -> int:
    value = field.names[text] if text in field.names else _number(text, field)
    if not field.first <= value <= field.last:
        raise ValueError(f"{field.name}: {value} is not in {field.first}-{field.last}")
    return value


def _number(text: str, field: _Field) -> int:
    if not re.fullmatch(r"[0-9]+", text):
        raise ValueError(f"{field.name}: {text!r} is not a number")
    return int(text)
