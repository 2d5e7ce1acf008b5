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
        self._duplicates: Counter[str] = Counter()

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
            self._duplicates.clear()
