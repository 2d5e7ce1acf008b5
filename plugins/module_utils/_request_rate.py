# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Paces requests once EC2 has refused one as too fast.

This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

import threading
import time
from typing import Any

# https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
REFUSED = "RequestLimitExceeded"


class RequestRate:
    """Gives a client's requests their turns, from the first one on that EC2 refuses as too fast.

    Nothing waits before that, as an account may take more at once than others. After it, to wait costs less than to be
    refused: what comes too fast is refused with all that comes after it, and each pauses longer and longer before it
    tries again. botocore's own retries take their turns too. An account with a higher rate gets no more than the given
    one from then on: EC2 does not tell its rate.
    """

    def __init__(self, per_second: float) -> None:
        """Take so many requests in a second for what EC2 takes from who makes many."""
        self._seconds = 1 / per_second
        self._next_turn: float | None = None
        self._lock = threading.Lock()

    def watch(self, client: Any, operation: str) -> None:
        """Give turns to a client's requests for an operation of EC2."""
        client.meta.events.register(f"before-send.ec2.{operation}", self._wait_for_turn)
        client.meta.events.register(f"response-received.ec2.{operation}", self._look)

    def _wait_for_turn(self, **_event: Any) -> None:
        """Return when the request may be sent. Threads get their turns in the order in which they ask."""
        if pause := self._take_turn():
            time.sleep(pause)

    def _take_turn(self) -> float:
        """Take the next turn, and return the seconds until it comes."""
        with self._lock:
            if self._next_turn is None:
                return 0
            now = time.monotonic()
            turn = max(now, self._next_turn)
            self._next_turn = turn + self._seconds
            return turn - now

    def _look(self, parsed_response: dict[str, Any] | None, **_event: Any) -> None:
        """Begin to give turns when EC2 has refused a request."""
        if (parsed_response or {}).get("Error", {}).get("Code") != REFUSED:
            return
        with self._lock:
            if self._next_turn is None:
                # Requests that are on their way may still take what comes back meanwhile.
                self._next_turn = time.monotonic() + 2 * self._seconds
