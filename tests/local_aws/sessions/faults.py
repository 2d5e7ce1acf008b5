# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What goes wrong with sessions because a test says so."""

from __future__ import annotations

import threading
from collections import Counter


class Faults:
    """Per instance id; they last until a reset."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cuts: dict[str, int] = {}
        self._delays: dict[str, float] = {}
        self._unacknowledged: Counter[str] = Counter()

    def cut(self, instance_id: str, after_bytes: int) -> None:
        """Break a host's connection once, when so many bytes of output have gone over it."""
        with self._lock:
            self._cuts[instance_id] = after_bytes

    def slow(self, instance_id: str, seconds: float) -> None:
        """Let a host's output come so much later."""
        with self._lock:
            self._delays[instance_id] = seconds

    def drop_acknowledgements(self, instance_id: str, count: int) -> None:
        """Lose the next acknowledgements of input."""
        with self._lock:
            self._unacknowledged[instance_id] = count

    def is_cut_by(self, instance_id: str, size: int) -> bool:
        """Say whether the connection breaks while so many bytes are sent."""
        with self._lock:
            if instance_id not in self._cuts:
                return False
            self._cuts[instance_id] -= size
            if self._cuts[instance_id] > 0:
                return False
            del self._cuts[instance_id]
            return True

    def delay(self, instance_id: str) -> float:
        """Return by how much output is late."""
        with self._lock:
            return self._delays.get(instance_id, 0.0)

    def loses_acknowledgement(self, instance_id: str) -> bool:
        """Say whether this acknowledgement is lost."""
        with self._lock:
            if self._unacknowledged[instance_id] < 1:
                return False
            self._unacknowledged[instance_id] -= 1
            return True

    def forget(self) -> None:
        """Let everything go well."""
        with self._lock:
            for each in (self._cuts, self._delays, self._unacknowledged):
                each.clear()
