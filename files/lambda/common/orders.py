# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a controller that starts hosts is asked to do: its event, read with care."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any

from .clock import read_time
from .market import MarketDay
from .settings import Settings

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
    # What is said of each host that runs.
    remark: str = ""

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
            "TRADING_NATS_SECRET_ID": settings.nats_secret_id if settings.nats_auth == "token" else "",
            "TRADING_REPOSITORY": settings.repository,
            "TRADING_SECRET_ID": settings.secret_id,
        }


def ingest_order(event: dict[str, Any], settings: Settings, began: float, day: MarketDay | None) -> StartOrder:
    """Read the event of the ingest function, for the day that its schedule fired for.

    Raises:
        ValueError: it makes no sense.
    """
    deadline = read_time(event.get("deadline"), "deadline")
    if day and deadline is None:
        deadline = day.deadline
    git_ref = event.get("git_ref") or settings.git_branch
    if git_ref and not (isinstance(git_ref, str) and _GIT_REF.fullmatch(git_ref)):
        raise ValueError(f"git_ref {git_ref!r} is neither a branch nor a commit")
    remark = day.remark if day else ""
    return StartOrder("ingest", settings.ingest_name, True, _asked_at(event, began), deadline, git_ref, remark=remark)


def feed_report(event: dict[str, Any]) -> dict[str, Any]:
    """Return what the event of the fleet function tells of the feed: what the ingest function returned.

    Raises:
        ValueError: it tells nothing.
    """
    told = event.get("responsePayload", event)
    if not isinstance(told, dict):
        raise ValueError("the event tells nothing of the feed: no trader is started")
    return told


def fleet_order(told: dict[str, Any], settings: Settings, began: float) -> StartOrder:
    """Read what the fleet function is told of the feed.

    Raises:
        ValueError: the feed's address or the commit is not there. No trader may start without them.
    """
    commit = str(told.get("commit"))
    if not is_commit(commit):
        raise ValueError(f"the event names no commit of 40 digits, but {commit}: no trader is started")
    try:
        # As text, since a number would be one, too.
        address = str(ipaddress.ip_address(str(told.get("feed_address"))))
    except ValueError as error:
        raise ValueError(f"the event names no address of the feed: no trader is started ({error})") from error
    deadline = read_time(told.get("deadline"), "deadline")
    return StartOrder("trader", f"{settings.trader_prefix}*", False, _asked_at(told, began), deadline, commit, address)


def is_commit(value: object) -> bool:
    """Tell whether this is the full name of a commit."""
    return isinstance(value, str) and _COMMIT.fullmatch(value) is not None


def _asked_at(event: dict[str, Any], began: float) -> float:
    """Return when the start was asked for: the same in each retry of an event that says so."""
    for name in ("scheduled_time", "asked_at"):
        moment = read_time(event.get(name), name)
        if moment is not None:
            return moment
    return began
