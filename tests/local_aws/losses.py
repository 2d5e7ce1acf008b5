# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Answers that get lost on their way: what does a caller do who cannot know what became of a call?"""

from __future__ import annotations

import threading
from collections import Counter


class Losses:
    """How many of the next good answers of an operation are lost."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: Counter[tuple[str, str]] = Counter()

    def lose(self, service: str, operation: str, times: int) -> None:
        """Lose the next `times` answers to calls that succeed."""
        with self._lock:
            self._left[service, operation] = times

    def take(self, service: str, operation: str) -> bool:
        """Say whether this answer is lost."""
        with self._lock:
            if self._left[service, operation] < 1:
                return False
            self._left[service, operation] -= 1
            return True

    def forget(self) -> None:
        """Lose no more answers."""
        with self._lock:
            self._left.clear()
