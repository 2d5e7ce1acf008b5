# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Holds calls back, so that a test can kill their caller while they are under way."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass
class Hold:
    """Which calls of an operation wait: some after the first ones."""

    operation: str
    after: int
    count: int
    seen: int = 0


class Gate:
    """Lets every call pass but those that a test holds back."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._hold: Hold | None = None
        self._waiting = 0

    def hold(self, operation: str, after: int, count: int) -> None:
        """Let `after` calls of an operation pass, hold the next `count` back, and let all later ones pass."""
        with self._changed:
            self._hold = Hold(operation, after, count)

    @property
    def waiting(self) -> int:
        """How many calls are held back now."""
        return self._waiting

    def release(self) -> None:
        """Let the calls that wait go on, whether or not their callers still live."""
        with self._changed:
            self._hold = None
            self._changed.notify_all()

    def enter(self, operation: str) -> None:
        """Return when a call of this operation may go on."""
        with self._changed:
            hold = self._hold
            if hold is None or hold.operation != operation:
                return
            hold.seen += 1
            if not hold.after < hold.seen <= hold.after + hold.count:
                return
            self._waiting += 1
            self._changed.wait_for(lambda: self._hold is not hold)
            self._waiting -= 1
