# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The side of the tests: what `LocalAws` knows of functions, and what it makes go wrong with them."""

from __future__ import annotations

import time
from typing import Any

from tests.local_aws.functions.records import Invocation, Undelivered

_LONGEST_CALL = 20.0


class FunctionControls:
    """Methods of `LocalAws`. What they change lasts until a reset."""

    def _control(self, method: str, name: str, arguments: dict[str, Any] | None = None) -> Any:
        raise NotImplementedError

    def invocations(self, function: str) -> list[Invocation]:
        """Return the invocations of a function in the order of their start; retries are invocations too."""
        found = self._control("POST", "functions/invocations", {"function": function})
        return [Invocation(**fields) for fields in found]

    def undelivered(self) -> list[Undelivered]:
        """Return the destination records that did not arrive."""
        return [Undelivered(**fields) for fields in self._control("POST", "functions/undelivered")]

    def wait_until_idle(self, timeout: float = 30.0) -> None:
        """Wait until no asynchronous event is queued, runs, or waits for its next attempt."""
        deadline = time.monotonic() + timeout
        while left := self._control("POST", "functions/idle", {"timeout": min(timeout, _LONGEST_CALL)}):
            if time.monotonic() >= deadline:
                raise TimeoutError(f"not idle after {timeout} seconds: {'; '.join(left)}")

    def duplicate_next_event(self, function: str) -> None:
        """Let the next asynchronous event of a function be delivered twice, as AWS sometimes does."""
        self._control("POST", "functions/duplicate_next_event", {"function": function})

    def time_out(self, function: str) -> None:
        """End what runs of a function now, as its timeout would, though it thinks that it has all of it."""
        self._control("POST", "functions/time_out", {"function": function})

    def sns_messages(self, topic_arn: str) -> list[dict[str, Any]]:
        """Return what was published to a topic, the oldest first: message_id, message, subject."""
        messages: list[dict[str, Any]] | None = self._control("POST", "sns/messages", {"topic_arn": topic_arn})
        if messages is None:
            raise KeyError(topic_arn)
        return messages
