# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What tests read about invocations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass
class Invocation:
    """One run of a function: an asynchronous event's retries are records of their own, with the same request id."""

    function: str
    request_id: str
    payload: Any
    # Seconds since 1970 by this machine's clock, as everything that the function itself sees.
    started: float
    ended: float | None = None
    # The answer, when the function gave one; else the error as AWS shows it.
    result: Any = None
    error: dict[str, Any] | None = None
    log: str = ""


@dataclass(frozen=True)
class Undelivered:
    """A destination record that did not reach its destination."""

    function: str
    destination: str
    reason: str
