# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes few lines of what `ansible-playbook` prints: one for each change, and one for each role that is through."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable

from tests.demo.screen import WIDTH

_TASK = re.compile(r"TASK \[(?:algotrading\.aws\.(\w+) : )?(.*)\] \*+$")
_RESULT = re.compile(r"(ok|changed|included): .*")
_NOISE = re.compile(r"$|PLAY |localhost +: ok=| +msg: \|-$")


class PlaybookLines:
    """Takes line by line; what it does not know, such as a warning or an error, it passes on."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._role = ""
        self._task = ""
        self._tasks = 0
        self._changed = False

    def take(self, line: str) -> None:
        """Take the next line."""
        if task := _TASK.match(line):
            self._end_task()
            self._begin_task(task[1] or "", task[2])
        elif result := _RESULT.match(line):
            self._changed = self._changed or result[1] == "changed"
        elif not _NOISE.match(line):
            indent = " " * (len(line) - len(line.lstrip()) + 2)
            self._say(textwrap.fill(line, WIDTH, subsequent_indent=indent, break_on_hyphens=False))

    def _begin_task(self, role: str, task: str) -> None:
        if self._role != role and self._role:
            self._say(f"  {self._role:<14} {self._tasks} tasks")
        if self._role != role:
            self._tasks = 0
        self._role, self._task, self._changed = role, task, False
        self._tasks += 1

    def _end_task(self) -> None:
        if self._changed:
            self._say(f"  {self._role:<14} changed: {self._task}")
