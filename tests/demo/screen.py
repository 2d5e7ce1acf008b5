# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person sees: steps with their times, lines and tables, in 100 columns."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

WIDTH = 100


class Screen:
    """Prints at once, as somebody watches."""

    def __init__(self) -> None:
        self._times: list[tuple[str, float]] = []

    def say(self, text: str = "") -> None:
        print(text, flush=True)

    def say_list(self, head: str, items: Sequence[str]) -> None:
        """Print items behind a head, in as many lines as they need."""
        indent = " " * len(head)
        text = ", ".join(items)
        self.say(textwrap.fill(text, WIDTH, initial_indent=head, subsequent_indent=indent, break_on_hyphens=False))

    def say_table(self, rows: Sequence[Sequence[object]]) -> None:
        """Print rows below their head; numbers stand to the right."""
        widths = [max(len(str(cell)) for cell in column) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = [
                str(cell).rjust(width) if isinstance(cell, int) else str(cell).ljust(width)
                for cell, width in zip(row, widths, strict=True)
            ]
            self.say("  ".join(cells).rstrip())

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Print a title, and how long it took."""
        self.say(f"\n=== {title}\n")
        started = time.monotonic()
        yield
        seconds = time.monotonic() - started
        self.say(f"\n--- {seconds:.1f} s")
        self._times.append((title, seconds))

    def show_times(self) -> None:
        self.say("\n=== The time of each step\n")
        for title, seconds in [*self._times, ("in all", sum(seconds for _title, seconds in self._times))]:
            self.say(f"{seconds:6.1f} s  {title}")
