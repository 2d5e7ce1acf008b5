# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The server's clock: this machine's, until someone sets it; then it goes on from there."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class Clock:
    """Tells the time, and lets others wait for a time; safe for threads."""

    def __init__(self, now: datetime | None = None) -> None:
        self._changed = threading.Condition()
        self._ahead = timedelta()
        # How long a second of waiting takes: 0.01 shortens the waits for retries to a hundredth.
        self.time_scale = 1.0
        # Whether somebody has said what time it is: until then no schedule is due, whenever a test may run.
        self.is_set = False
        if now is not None:
            self.set(now)

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return datetime.now(UTC) + self._ahead

    def set(self, now: datetime) -> None:
        """Make it another time, for all who wait too."""
        with self._changed:
            self._ahead = now.astimezone(UTC) - datetime.now(UTC)
            self.is_set = True
            self._changed.notify_all()

    def reset(self) -> None:
        """Show this machine's time again."""
        with self._changed:
            self._ahead, self.time_scale, self.is_set = timedelta(), 1.0, False
            self._changed.notify_all()

    def wait(self, seconds: float, since: datetime, stop: threading.Event) -> float:
        """Wait until it is `seconds` since then or their scaled length is over; return what the clock shows too little.

        Who keeps an age adds that, so that a scaled wait makes it as old as a whole one. Who sets `stop`
        calls `wake`.
        """
        with self._changed:
            left = seconds * self.time_scale
            self._changed.wait_for(lambda: stop.is_set() or self._passed(since) >= seconds, timeout=left)
        return max(0.0, seconds - self._passed(since))

    def wake(self) -> None:
        """Let all who wait look whether they are to stop."""
        with self._changed:
            self._changed.notify_all()

    def _passed(self, since: datetime) -> float:
        return (self.now() - since).total_seconds()
