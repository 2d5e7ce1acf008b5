# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Starting processes, and finding those of a host, wherever they went."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

MARK = "TRADING_LOCAL_HOST"
EMPTY_LOOKS = 2
_PROC = Path("/proc")
_PAUSE = 0.02
_WRITE = 'cat > "$0" && chmod 700 "$0"'


def launch(argv: Sequence[str], environ: Mapping[str, str], folder: Path, **options: Any) -> subprocess.Popen[bytes]:
    """Start a process that no signal of this process's terminal reaches; `options` go to Popen."""
    return subprocess.Popen(argv, env=environ, cwd=folder, start_new_session=True, **options)


def write_program(path: Path, text: bytes) -> None:
    """Write a file that can be executed as soon as this returns.

    A process of its own writes it: a file that this process held open, a child that another thread starts at that
    moment would hold open too, and nobody could execute it ("text file busy").
    """
    subprocess.run(["/bin/sh", "-c", _WRITE, str(path)], input=text, check=True)


def find_processes(instance_ids: Iterable[str]) -> dict[str, list[int]]:
    """Return the process ids of each host by the mark in their environment; sessions and parents do not matter."""
    wanted = {f"{MARK}={instance_id}".encode(): instance_id for instance_id in instance_ids}
    found: dict[str, list[int]] = defaultdict(list)
    for entry in _PROC.iterdir() if wanted else ():
        if entry.name.isdigit():
            for variable in _read(entry / "environ").split(b"\0"):
                if variable in wanted:
                    found[wanted[variable]].append(int(entry.name))
    return found


def arguments_of(pid: int) -> list[str]:
    """Return a process's command line; nothing when it is gone."""
    return [part.decode(errors="replace") for part in _read(_PROC / str(pid) / "cmdline").split(b"\0")[:-1]]


def send_signal(pids: Iterable[int], number: signal.Signals) -> None:
    """Signal those that still are there."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def end_processes(instance_ids: Sequence[str], grace: float) -> None:
    """End every process of these hosts, and return when none is left."""
    deadline = time.monotonic() + grace
    asked, empty = False, 0
    # What a process forks while we look is seen the next time.
    while empty < EMPTY_LOOKS:
        pids = [pid for found in find_processes(instance_ids).values() for pid in found]
        empty = 0 if pids else empty + 1
        if time.monotonic() >= deadline:
            send_signal(pids, signal.SIGKILL)
        elif not asked:
            send_signal(pids, signal.SIGTERM)
        asked = True
        if pids:
            time.sleep(_PAUSE)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended, or it is another user's
        return b""
