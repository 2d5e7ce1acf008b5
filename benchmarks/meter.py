# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs a command and writes down what it and all that it started used: `python meter.py REPORT COMMAND ...`.

It is a small program of its own: the kernel counts for a new process the memory of the one that starts it.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
import time

_PR_SET_CHILD_SUBREAPER = 36
# What a command leaves behind must end by itself; otherwise its CPU could not be counted.
_LEFT_BEHIND_SECONDS = 60


def main() -> int:
    """Return the command's own exit status."""
    report, *command = sys.argv[1:]
    # Orphans become our children, so that their share is ours to ask for.
    if ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError("this kernel gives orphans to nobody but init")
    begin = time.monotonic()
    pid = os.posix_spawnp(command[0], command, os.environ)
    _, status = os.waitpid(pid, 0)
    seconds = time.monotonic() - begin
    signal.alarm(_LEFT_BEHIND_SECONDS)
    _wait_for_all()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(report, "w") as file:  # noqa: PTH123 - pathlib would be memory
        json.dump({"seconds": seconds, "cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss * 1024}, file)
    return os.waitstatus_to_exitcode(status)


def _wait_for_all() -> None:
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


if __name__ == "__main__":
    sys.exit(main())
