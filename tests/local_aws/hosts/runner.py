# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs a command's script on a host as the real agent does."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.local_aws.hosts.host import Host
from tests.local_aws.hosts.processes import write_program

_KILLED = 137
_LOOK = 0.1


@dataclass(frozen=True)
class Outcome:
    """How a script ended."""

    status: str
    details: str
    exit_code: int
    stdout: str
    stderr: str


def run_script(
    host: Host, command_id: str, lines: Sequence[str], folder: str, seconds: float, cancelled: threading.Event
) -> Outcome:
    """Run the lines as one program, whose first line may name its interpreter, and wait for its end.

    Like the real agent this also waits until nobody holds its outputs open: a daemon that keeps them
    makes a command hang until its time is over. As there, the script stays on the host's disk.
    """
    place = host.folder / "ssm" / command_id
    place.mkdir(parents=True, exist_ok=True)
    script = place / "_script.sh"
    write_program(script, ("\n".join(lines) + "\n").encode())
    process = host.launch(
        ["/bin/sh", "-c", shlex.quote(str(script))],
        folder=Path(folder) if folder else None,
        more_environ={"AWS_SSM_INSTANCE_ID": host.id, "AWS_SSM_REGION_NAME": host.region},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    return _wait(process, time.monotonic() + seconds, cancelled)


def _wait(process: subprocess.Popen[bytes], deadline: float, cancelled: threading.Event) -> Outcome:
    while True:
        try:
            out, err = (text.decode(errors="replace") for text in process.communicate(timeout=_LOOK))
        except subprocess.TimeoutExpired as waiting:
            if not cancelled.is_set() and time.monotonic() < deadline:
                continue
            _kill(process)
            out, err = ((text or b"").decode(errors="replace") for text in (waiting.output, waiting.stderr))
            if cancelled.is_set():
                return Outcome("Cancelled", "Cancelled", _KILLED, out, err)
            return Outcome("TimedOut", "ExecutionTimedOut", _KILLED, out, err)
        code = process.returncode
        status = "Success" if code == 0 else "Failed"
        # A signal has no exit status; the agent then says -1.
        return Outcome(status, status, max(code, -1), out, err + _last_words(code, err))


def _last_words(code: int, err: str) -> str:
    if code == 0:
        return ""
    how = f"exit status {code}" if code > 0 else f"signal: {signal.strsignal(-code) or -code}".lower()
    return f"{chr(10) if err else ''}failed to run commands: {how}"


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the script's process group, as the agent does; daemons in sessions of their own live on."""
    # The group may outlive its leader, and the leader may be a zombie until we wait for it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_LOOK)
    for pipe in (process.stdout, process.stderr):
        if pipe:
            pipe.close()
