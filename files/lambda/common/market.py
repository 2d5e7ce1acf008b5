# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The exchange's day that a schedule fired for: closed, short or whole."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from .clock import read_time
from .log import log

# From the start at 08:30 to the shutdown at 16:05, or at 13:05 after an early close, all in New York.
_WHOLE_DAY = timedelta(hours=7, minutes=35)
_SHORT_DAY = timedelta(hours=4, minutes=35)


@dataclass(frozen=True)
class MarketDay:
    """One day, by what the calendar says of it."""

    scheduled: float
    date: str
    is_closed: bool
    closes_early: bool
    # Why the calendar says nothing of the day, which then counts as a whole one.
    remark: str

    @property
    def deadline(self) -> float:
        """When the environment is stopped that was started for this day."""
        return self.scheduled + (_SHORT_DAY if self.closes_early else _WHOLE_DAY).total_seconds()


def scheduled_day(event: dict[str, Any], calendar: str) -> MarketDay | None:
    """Return the day that an event's schedule fired for. An event that a person sent is for no day.

    Its date in UTC is that of New York: the schedules fire at 08:30 and 13:05 there, which in summer and in winter is
    between 12:30 and 18:05 UTC. So no time zones are needed, for which AWS's Python may have no data.

    Raises:
        ValueError: the event or the calendar makes no sense.
    """
    scheduled = read_time(event.get("scheduled_time"), "scheduled_time")
    if scheduled is None:
        return None
    date = datetime.fromtimestamp(scheduled, UTC).date()
    years, closed, early = _read(calendar)
    remark = "" if date.year in years else f"the market calendar does not know {date.year}: run site.yml again"
    if remark:
        log("the market calendar is out of date", day=date, reason=remark)
    day = date.isoformat()
    return MarketDay(scheduled, day, day in closed, day in early, remark)


def is_for_another_day(event: dict[str, Any], calendar: str) -> bool:
    """Tell whether an event asks for a shutdown on days with an early close only, and this day is none.

    Raises:
        ValueError: the event asks for that, and it or the calendar makes no sense.
    """
    if not event.get("only_on_early_close"):
        return False
    day = scheduled_day(event, calendar)
    if day is None:
        raise ValueError("only_on_early_close needs scheduled_time, which says on which day")
    return not day.closes_early


def _read(calendar: str) -> tuple[list[int], list[str], list[str]]:
    try:
        known = json.loads(calendar)
        years, closed, early = known["years"], known["closed"], known["early"]
        if not all(isinstance(part, list) for part in (years, closed, early)):
            raise TypeError("each of its parts is a list")
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"MARKET_CALENDAR is no calendar: {error!r}") from error
    return years, closed, early
