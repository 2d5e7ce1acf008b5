# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Decides which retired servers have been so for long enough.

Pure functions: they import neither boto3 nor Ansible, and they change nothing.
This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ansible_collections.algotrading.aws.plugins.module_utils._fleet_plan import (
    RETIRED_AT,
    RETIRED_TAG,
    Instance,
    contradictions,
)


@dataclass(frozen=True)
class Retired:
    """A retired server, for how long it has been so, and whether it may be terminated for that."""

    instance: Instance
    days: int | None
    due: bool
    reason: str


def judge(environment: str, role: str, instance: Instance, now: datetime, after_days: int) -> Retired:
    """Say whether a retired server has been so for longer than so many days, and nothing speaks against its end."""
    since = retired_since(instance)
    foreign = contradictions({"Environment": environment, "Role": role}, instance)
    days = None if since is None else (now - since).days
    if since is None:
        reason = f"its tag {RETIRED_TAG}={instance.tags[RETIRED_TAG]} is no time that a run wrote"
    elif foreign:
        reason = f"is somebody else's by its tags: it has {', '.join(foreign)}"
    elif now - since <= timedelta(days=after_days):
        reason = f"has not been retired for longer than {after_days} days"
    elif instance.state != "stopped":
        reason = f"is {instance.state}, not stopped"
    else:
        return Retired(instance, days, True, f"has been retired for longer than {after_days} days")
    return Retired(instance, days, False, reason)


def retired_since(instance: Instance) -> datetime | None:
    """When a run retired a server, or None where a hand wrote the tag."""
    tag = instance.tags[RETIRED_TAG]
    try:
        return datetime.fromisoformat(tag) if RETIRED_AT.fullmatch(tag) else None
    except ValueError:
        return None


def utc_now() -> datetime:
    return datetime.now(UTC)
