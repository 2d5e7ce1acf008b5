# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Time that passes only when everybody sleeps."""

from __future__ import annotations

import threading
from collections.abc import Callable


class VirtualClock:
    """The time of one or more invocations that run at the same time, each in a thread of its own."""

    def __init__(self, now: float, actors: int = 1) -> None:
        self._now = now
        self._actors = actors
        self._wake_at: list[float] = []
        self._changed = threading.Condition()
        # Called at each sleep, with the time.
        self.on_sleep: Callable[[float], None] = lambda now: None

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self.on_sleep(self._now)
        with self._changed:
            until = self._now + seconds
            self._wake_at.append(until)
            self._go_on()
            self._changed.wait_for(lambda: self._now >= until)

    def leave(self) -> None:
        """Say that one of those who shared this time sleeps no more."""
        with self._changed:
            self._actors -= 1
            self._go_on()

    def join(self, actors: int) -> None:
        """Say that so many now share this time."""
        self._actors = actors

    def _go_on(self) -> None:
        if self._wake_at and len(self._wake_at) >= self._actors:
            self._now = min(self._wake_at)
            self._wake_at = [each for each in self._wake_at if each > self._now]
            self._changed.notify_all()
