# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Makes requests no faster than AWS takes them.

This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

import threading
import time


class RequestRate:
    """A token bucket such as AWS keeps for an action of its API.

    To be refused costs more than to wait: what comes too fast is refused with all that comes after it, and each waits
    longer and longer before it tries again. Requests are on their way for differing times, so that one token stays in
    reserve for those that come early.
    """

    def __init__(self, capacity: int, per_second: float) -> None:
        """Take the bucket to be full, with so many requests, and to get so many back in a second."""
        self._capacity = capacity - 1
        self._per_second = per_second
        self._tokens = float(self._capacity)
        self._filled = time.monotonic()
        self._lock = threading.Lock()

    def wait_for_turn(self) -> None:
        """Return when one more request may be made. Threads get their turns in the order in which they ask."""
        if pause := self._take():
            time.sleep(pause)

    def _take(self) -> float:
        """Take a token, or one that is still to come, and return the seconds until it is there."""
        with self._lock:
            now = time.monotonic()
            self._tokens = min(self._capacity, self._tokens + (now - self._filled) * self._per_second) - 1
            self._filled = now
            return max(0.0, -self._tokens / self._per_second)
