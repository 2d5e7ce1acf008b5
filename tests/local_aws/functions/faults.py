# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What tests make go wrong with functions."""

from __future__ import annotations

import threading
from collections import Counter


class Faults:
    """Set by the control API; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._limits: dict[str, float] = {}
        self._duplicates: Counter[str] = Counter()

    def set_time_limit(self, function: str, seconds: float | None) -> None:
        """Kill a function's invocations after so many seconds, as its timeout would; None ends this."""
        with self._lock:
            self._limits.pop(function, None)
            if seconds is not None:
                self._limits[function] = seconds

    def limit(self, function: str, timeout: float) -> float:
        """Return after how many seconds an invocation is killed."""
        with self._lock:
            return min(timeout, self._limits.get(function, timeout))

    def duplicate_next_event(self, function: str) -> None:
        """Deliver the next asynchronous event of a function twice."""
        with self._lock:
            self._duplicates[function] += 1

    def deliveries(self, function: str) -> int:
        """Return how often an event that comes now is delivered."""
        with self._lock:
            if not self._duplicates[function]:
                return 1
            self._duplicates[function] -= 1
            return 2

    def reset(self) -> None:
        """Let everything go right again."""
        with self._lock:
            self._limits.clear()
            self._duplicates.clear()
