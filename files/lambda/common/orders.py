# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a controller that starts hosts is asked to do: its event, read with care."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .settings import Settings

# From the start at 08:30 to the shutdown at 16:05, both in New York.
_DAY = timedelta(hours=7, minutes=35)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_GIT_REF = re.compile(r"[A-Za-z0-9_][\w./+-]*")


@dataclass(frozen=True)
class StartOrder:
    """Which hosts are to run what until when."""

    role: str
    # What the hosts are called, for the message that there are none.
    named: str
    # There must be exactly one host of this role.
    is_alone: bool
    # A host that was stopped after this time is left alone: the start came first.
    asked_at: float
    # After this nothing is started.
    deadline: float | None
    # A branch or a commit.
    git_ref: str
    feed_address: str = ""

    @property
    def commit(self) -> str:
        """The commit that every host must run, if it is decided."""
        return self.git_ref if is_commit(self.git_ref) else ""

    def exports(self, settings: Settings) -> dict[str, str]:
        """Return what run.sh is told."""
        return {
            "TRADING_ACTION": "start",
            "TRADING_ROLE": self.role,
            "TRADING_GIT_REF": self.git_ref,
            "TRADING_DEADLINE": "" if self.deadline is None else str(int(self.deadline)),
            "TRADING_NATS_ADDRESS": self.feed_address,
            "TRADING_NATS_AUTH": settings.nats_auth,
            "TRADING_REPOSITORY": settings.repository,
            "TRADING_SECRET_ID": settings.secret_id,
        }


def ingest_order(event: dict[str, Any], settings: Settings, began: float) -> StartOrder:
    """Read the event of the ingest function.

    Raises:
        ValueError: it makes no sense.
    """
    deadline = _epoch(event.get("deadline"), "deadline")
    if deadline is None:
        started = _epoch(event.get("scheduled_time"), "scheduled_time")
        deadline = None if started is None else started + _DAY.total_seconds()
    git_ref = event.get("git_ref") or settings.git_branch
    if git_ref and not _GIT_REF.fullmatch(git_ref):
        raise ValueError(f"git_ref {git_ref!r} is neither a branch nor a commit")
    return StartOrder("ingest", settings.ingest_name, True, _asked_at(event, began), deadline, git_ref)


def fleet_order(event: dict[str, Any], settings: Settings, began: float) -> StartOrder:
    """Read the event of the fleet function: the record of the ingest function's success, or its fields alone.

    Raises:
        ValueError: the feed's address or the commit is not there. No trader may start without them.
    """
    told = event.get("responsePayload", event)
    if not isinstance(told, dict):
        raise ValueError("the event tells nothing of the feed: no trader is started")
    commit = str(told.get("commit"))
    if not is_commit(commit):
        raise ValueError(f"the event names no commit of 40 digits, but {commit}: no trader is started")
    try:
        address = str(ipaddress.ip_address(told.get("feed_address") or ""))
    except ValueError as error:
        raise ValueError(f"the event names no address of the feed: no trader is started ({error})") from error
    deadline = _epoch(told.get("deadline"), "deadline")
    return StartOrder("trader", f"{settings.trader_prefix}*", False, _asked_at(told, began), deadline, commit, address)


def is_commit(value: object) -> bool:
    """Tell whether this is the full name of a commit."""
    return isinstance(value, str) and _COMMIT.fullmatch(value) is not None


def _asked_at(event: dict[str, Any], began: float) -> float:
    """Return when the start was asked for: the same in each retry of an event that says so."""
    for name in ("scheduled_time", "asked_at"):
        moment = _epoch(event.get(name), name)
        if moment is not None:
            return moment
    return began


def _epoch(value: object, name: str) -> float | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise ValueError(f"{name} {value!r} is not a time such as 2026-02-02T21:05:00Z") from error
    if moment.tzinfo is None:
        raise ValueError(f"{name} {value!r} has no time zone; it should end in Z")
    return moment.timestamp()
