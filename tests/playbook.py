# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs a playbook as its users do, by the command line, and reads what it came to."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

_END_SECONDS = 5
_RECAP = re.compile(r"^localhost\s+:.*?changed=(\d+)\s.*?failed=(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class PlaybookRun:
    """A playbook's exit status and everything it printed."""

    status: int
    output: str

    @property
    def changed(self) -> int:
        """How many tasks on localhost made a change, by the recap."""
        recap = _RECAP.search(self.output)
        if recap is None:
            raise AssertionError(f"The playbook ended without a recap:\n{self.output}")
        return int(recap[1])


# Runs site.yml on the environment that it is given, with further arguments.
Site = Callable[..., PlaybookRun]


def start_playbook(
    environment: str, environ: Mapping[str, str], *arguments: str, playbook: str = "site.yml"
) -> subprocess.Popen[str]:
    """Start `ansible-playbook` on an environment's inventory, in the checkout's root."""
    return subprocess.Popen(
        [str(BIN / "ansible-playbook"), playbook, "-i", f"inventories/{environment}", *arguments],
        cwd=REPOSITORY,
        env={**environ, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run_playbook(
    environment: str,
    environ: Mapping[str, str],
    *arguments: str,
    playbook: str = "site.yml",
    show: Callable[[str], None] | None = None,
) -> PlaybookRun:
    """Run `ansible-playbook` to its end, and hand each line to `show` as it comes.

    When this is interrupted, the playbook ends too.
    """
    process = start_playbook(environment, environ, *arguments, playbook=playbook)
    lines = []
    if process.stdout is None:
        raise RuntimeError("the playbook's output is not read")
    with process, _ended_with_us(process):
        for line in process.stdout:
            lines.append(line)
            if show:
                show(line.rstrip("\n"))
    return PlaybookRun(process.returncode, "".join(lines))


@contextlib.contextmanager
def _ended_with_us(process: subprocess.Popen[str]) -> Iterator[None]:
    """When the block is left early, end the process and what it started in its session."""
    try:
        yield
    except BaseException:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(process.pid, number)
                process.wait(_END_SECONDS)
        raise
