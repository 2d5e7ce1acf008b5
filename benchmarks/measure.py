# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a command uses, and what its endpoint uses meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.local_aws import LocalAws

_METER = Path(__file__).with_name("meter.py")
_SHOWN_OF_FAILURE = 60


class BenchmarkError(Exception):
    """What was to be measured did not do what it should."""


@dataclass(frozen=True)
class Usage:
    """Seconds, seconds of CPU of all processes, and bytes of the largest one."""

    seconds: float
    cpu: float
    peak: int


@dataclass(frozen=True)
class Sample:
    """One measurement: what the command used, what the endpoint used for it, and the calls that reached it."""

    usage: Usage
    endpoint_cpu: float
    calls: Counter[str]


class Watch:
    """An endpoint's CPU and calls from here on."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        aws.forget_calls()
        self._cpu = cpu_of(aws.pid)

    def read(self, usage: Usage) -> Sample:
        """Return them with what was used on the other side."""
        cpu = cpu_of(self._aws.pid) - self._cpu
        calls = Counter(f"{call.service}:{call.operation}" for call in self._aws.calls())
        return Sample(usage, cpu, calls)


def measure(command: Sequence[str], environ: Mapping[str, str], folder: Path) -> tuple[Usage, str]:
    """Run a command in a folder; return what it used and what it printed."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as temporary:
        report, log = Path(temporary, "report"), Path(temporary, "log")
        metered = [sys.executable, "-I", "-S", str(_METER), str(report), *command]
        with log.open("w") as file, _started(metered, environ, folder, file.fileno()) as process:
            status = process.wait()
        output = log.read_text(errors="replace")
        if status or not report.exists():
            shown = "\n".join(output.splitlines()[-_SHOWN_OF_FAILURE:])
            raise BenchmarkError(f"{' '.join(command)} ended with status {status}:\n{shown}")
        return Usage(**json.loads(report.read_text())), output


def cpu_of(pid: int) -> float:
    """Return the seconds of CPU that a process has used so far, without those of its children."""
    # Behind the name, which may hold spaces: see proc_pid_stat(5).
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _started(
    command: Sequence[str], environ: Mapping[str, str], folder: Path, output: int
) -> Iterator[subprocess.Popen[bytes]]:
    """Have a command run in a session of its own, which ends with the block however that is left."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        raise
