# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Tells whether a process of this machine has ended, though its number may have been given to another one since.

This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

ENDED = "ended"


def this_machine() -> str:
    """What process numbers count in: on Linux this boot's namespace of them, which is a container's own."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return platform.node()


def start_of(pid: int) -> str:
    """When a process started, in the system's own words; nothing where that cannot be known."""
    try:
        # Behind the program's name, which may hold anything. In ticks since the boot, as a clock may be set.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        # A zombie has ended, and its parent has not looked.
        return ENDED if fields[0] in "ZX" else fields[19]
    except OSError:
        return _start_by_ps(pid)


def _start_by_ps(pid: int) -> str:
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    environ = {**os.environ, "LC_ALL": "C"}
    try:
        told = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)  # noqa: S603 - a number
    except OSError:
        return ""
    return told.stdout.strip()


def has_ended(pid: int, start: str) -> bool:
    """Whether the process that started then has ended. One of which too little is known has not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # It is there, and somebody else's.
    now = start_of(pid)
    return bool(start and now) and now != start
