# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stops answering at one call, so that a test can kill the caller there and nowhere else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.local_aws.calls import is_mutating


class HaltedError(Exception):
    """The call came too late: it takes no effect, and its caller's connection ends without an answer."""


class Halt:
    """Lets every call pass up to one that changes something, and none after it, until the halt is lifted."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._left: int | None = None
        self._takes_effect = False
        self._last = ""

    def at(self, call: int, takes_effect: bool) -> None:
        """Halt at the call-th mutating call from now on, before it takes effect or when its answer is ready."""
        with self._changed:
            self._left, self._takes_effect = call, takes_effect

    @property
    def is_reached(self) -> bool:
        """Whether calls are being held."""
        return self._left is not None and self._left < 1

    @property
    def last(self) -> str:
        """The operation at which calls began to be held; empty while none are."""
        return self._last if self.is_reached else ""

    def lift(self) -> None:
        """Drop what is held, and let later calls pass."""
        with self._changed:
            self._left = None
            self._changed.notify_all()

    @contextmanager
    def around(self, operation: str) -> Iterator[None]:
        """Let a call take effect in the block, or raise HaltedError when the halt is lifted."""
        is_last = False
        with self._changed:
            if self.is_reached:
                self._wait()
            if self._left is not None and is_mutating(operation):
                self._left -= 1
                self._last = operation
                is_last = self._left == 0
            if is_last and not self._takes_effect:
                self._wait()
        try:
            yield
        finally:
            if is_last:
                with self._changed:
                    self._wait()

    def _wait(self) -> None:
        self._changed.wait_for(lambda: not self.is_reached)
        raise HaltedError
