# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ends the processes of many hosts at the same time, in one thread that looks at all of them."""

from __future__ import annotations

import signal
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from tests.local_aws.hosts.processes import EMPTY_LOOKS, find_processes, send_signal

_PAUSE = 0.05


@dataclass
class _End:
    deadline: float
    finished: Callable[[], None]
    asked: bool = False
    empty: int = 0


class Ends:
    """SIGTERM to all processes of a host, a time of grace, SIGKILL to those that are left.

    As on a real host, what a process starts after SIGTERM, to save its work, is not asked to end again.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._ends: dict[str, _End] = {}
        self._thread: threading.Thread | None = None

    def add(self, instance_id: str, grace: float, finished: Callable[[], None]) -> None:
        """Begin to end a host's processes; a later call for the same host takes the place of the earlier one."""
        with self._changed:
            earlier = self._ends.get(instance_id)
            deadline = time.monotonic() + grace
            self._ends[instance_id] = _End(deadline, finished, asked=bool(earlier and earlier.asked))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ends", daemon=True)
                self._thread.start()
            self._changed.notify()

    def forget(self) -> None:
        """Leave all processes as they are."""
        with self._changed:
            self._ends.clear()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._ends))
                ends = dict(self._ends)
            found = find_processes(ends)
            for instance_id, end in ends.items():
                if self._advance(end, found.get(instance_id, [])):
                    self._finish(instance_id, end)
            time.sleep(_PAUSE)

    def _advance(self, end: _End, pids: list[int]) -> bool:
        """Do the next step, and say whether it was the last."""
        end.empty = 0 if pids else end.empty + 1
        if time.monotonic() >= end.deadline:
            send_signal(pids, signal.SIGKILL)
        elif not end.asked:
            send_signal(pids, signal.SIGTERM)
        end.asked = True
        return end.empty >= EMPTY_LOOKS

    def _finish(self, instance_id: str, end: _End) -> None:
        with self._changed:
            if self._ends.get(instance_id) is not end:
                return
            del self._ends[instance_id]
        try:
            end.finished()
        except Exception:  # nobody waits for this thread
            traceback.print_exc()
