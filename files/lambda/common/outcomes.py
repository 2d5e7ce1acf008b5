# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What became of each host, and what a controller says at its end."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

_LONGEST_REASON = 400


class ControllerError(Exception):
    """What a controller raises: its text is JSON that names the hosts that failed."""

    def __init__(self, failed: Iterable[Outcome], succeeded: int = 0) -> None:
        super().__init__(json.dumps({"failed": [each.to_dict() for each in failed], "succeeded": succeeded}))


@dataclass(frozen=True)
class Outcome:
    """What became of one host."""

    name: str
    instance_id: str
    status: str
    reason: str = ""
    commit: str | None = None
    services: dict[str, str] = field(default_factory=dict)
    # A host that is terminated is skipped too, and nobody's fault.
    is_fault: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return what the contract between controllers, playbooks and alerts says of a host."""
        return {
            "name": self.name,
            "instance_id": self.instance_id,
            "status": self.status,
            "reason": self.reason[:_LONGEST_REASON],
            "commit": self.commit,
            "services": self.services,
        }


def failed(name: str, instance_id: str, reason: str) -> Outcome:
    """Return the outcome of a host that is not as it should be."""
    return Outcome(name, instance_id, "failed", reason, is_fault=True)


def raise_faults(outcomes: list[Outcome]) -> None:
    """Raise when any host is not as it should be.

    Raises:
        ControllerError: it names those hosts.
    """
    faults = [each for each in outcomes if each.is_fault]
    if faults:
        good = sum(each.status in ("running", "stopped") and not each.is_fault for each in outcomes)
        raise ControllerError(faults, good)
