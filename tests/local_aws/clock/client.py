# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The side of the tests: the clock in `LocalAws`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.local_aws.clock.records import Firing


class ClockControls:
    """Methods of `LocalAws`. A reset lets the clock show this machine's time again."""

    def _control(self, method: str, name: str, arguments: dict[str, Any] | None = None) -> Any:
        raise NotImplementedError

    def time(self) -> datetime:
        """Return what the endpoint's clock shows."""
        return datetime.fromisoformat(self._control("GET", "clock")["time"])

    def set_time(self, time: datetime) -> None:
        """Set the clock; what is scheduled for the time in between happens now, a day's worth at most."""
        self._control("POST", "clock", {"time": time.astimezone(UTC).isoformat()})

    def advance(self, by: timedelta) -> None:
        """Put the clock forward; what is scheduled for the time in between happens now, a day's worth at most."""
        self._control("POST", "clock", {"advance": by.total_seconds()})

    def scale_waits(self, factor: float) -> None:
        """Let Lambda's waits between attempts take so much of their time, until the reset; 0.01 is a hundredth."""
        self._control("POST", "clock", {"time_scale": factor})

    def firings(self) -> list[Firing]:
        """Return the moments of schedules and rules that came, in their order."""
        return [Firing(**fields) for fields in self._control("GET", "clock/firings")]
