# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What tests read about schedules."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Firing:
    """One moment of a schedule: the request id of the event that it sent, or why there is none."""

    arn: str
    moment: str
    request_id: str = ""
    error: str = ""
