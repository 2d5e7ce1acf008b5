# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stops a playbook in its tracks, with all that it has started."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.local_aws import LocalAws


def kill(aws: LocalAws, process: subprocess.Popen[str]) -> None:
    """Kill a playbook."""
    os.killpg(process.pid, signal.SIGKILL)
    _kill_workers(aws.endpoint_url)
    process.communicate()


def _kill_workers(endpoint_url: str) -> None:
    """Ansible's workers have sessions of their own, and outlive a playbook that is killed."""
    mark = f"AWS_ENDPOINT_URL={endpoint_url}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                os.kill(int(folder.name), signal.SIGKILL)


def wait_until(condition: Callable[[], bool], seconds: float = 900) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.1)
