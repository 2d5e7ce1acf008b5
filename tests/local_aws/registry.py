# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Functions registered by service and operation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Generic, TypeVar

Function = TypeVar("Function")


class Registry(Generic[Function]):
    """Which functions belong to an operation; an operation `*` stands for all of a service."""

    def __init__(self) -> None:
        self._functions: dict[tuple[str, str], list[Function]] = defaultdict(list)

    def on(self, service: str, *operations: str) -> Callable[[Function], Function]:
        """Register the decorated function."""

        def register(function: Function) -> Function:
            for operation in operations:
                self._functions[service, operation].append(function)
            return function

        return register

    def find(self, service: str, operation: str) -> list[Function]:
        """Return the functions for one call, in the order of their registration."""
        return self._functions.get((service, operation), []) + self._functions.get((service, "*"), [])
