# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The log of the API calls that reached the endpoint."""

from __future__ import annotations

import threading
from dataclasses import dataclass

_READING = (
    "Describe",
    "Get",
    "List",
    "Head",
    "BatchGet",
    "AssumeRole",
    "Decode",
    "Filter",
    "Lookup",
    "Query",
    "Scan",
    "Search",
    "Select",
    "Simulate",
    "Validate",
)


@dataclass(frozen=True)
class Call:
    """One API call: which, by whom, the HTTP status of its answer, and the SDK's id, which its retries keep."""

    service: str
    operation: str
    status: int
    mutating: bool
    access_key: str
    invocation: str


def is_mutating(operation: str) -> bool:
    """Say whether an operation may change something in the account."""
    return not operation.startswith(_READING)


class CallLog:
    """Calls in the order in which they were answered; safe for threads."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._lock = threading.Lock()

    def add(self, call: Call) -> None:
        """Remember one call."""
        with self._lock:
            self._calls.append(call)

    def all(self) -> list[Call]:
        """Return every call so far."""
        with self._lock:
            return list(self._calls)

    def forget(self) -> None:
        """Begin anew."""
        with self._lock:
            self._calls.clear()
