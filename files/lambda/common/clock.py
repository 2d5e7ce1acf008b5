# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Time: what it is, how to wait, how much of it is left, and how long anything is waited for."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

# Between two looks at the world.
POLL_SECONDS = 5.0
# Left at the end of an invocation, to say what became of each host before Lambda cuts it off.
RESERVE_SECONDS = 20.0
# What one look with its steps may take.
ROUND_SECONDS = 10.0
# Until a start that found no capacity, or a call whose answer was lost, is tried again.
TRY_AGAIN_SECONDS = 30.0
# How long the traders may take for their last upload before they are stopped in any case.
FAREWELL_SECONDS = 180.0
# Kept back for the ingest node, when traders do not settle.
INGEST_SECONDS = 90.0
# A command waits this long for its host's agent, and runs this long at most.
DELIVERY_SECONDS = 120
START_SECONDS = 600
STOP_SECONDS = 120
# A command of the same event cannot be older: Lambda keeps an event for at most an hour.
LOOK_BACK_SECONDS = 3600.0


def iso_time(epoch: float) -> str:
    """Return a time as it stands in events and tags."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_time(value: object, name: str) -> float | None:
    """Read a time of an event.

    Raises:
        ValueError: it is not one.
    """
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise ValueError(f"{name} {value!r} is not a time such as 2026-02-02T21:05:00Z") from error
    if moment.tzinfo is None:
        raise ValueError(f"{name} {value!r} has no time zone; it should end in Z")
    return moment.timestamp()


class Clock:
    """The real time; tests have their own."""

    def now(self) -> float:
        """Return the seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class Context(Protocol):
    """What the controllers use of the context that Lambda hands them."""

    function_name: str
    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Return what is left of the invocation's time."""


class Budget:
    """An invocation's time, without the reserve."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def lasts(self, seconds: float) -> bool:
        """Tell whether so much time is left."""
        return self._context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS >= seconds
