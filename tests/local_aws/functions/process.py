# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One invocation in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from tests.local_aws.functions.deployed import Deployed

_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
_LARGEST_ANSWER = 6 * 1024 * 1024


@dataclass(frozen=True)
class Order:
    """What to run."""

    function: Deployed
    request_id: str
    payload: bytes
    log_stream: str
    # Seconds until it is killed; the function itself sees its timeout.
    environ: dict[str, str]


@dataclass(frozen=True)
class Outcome:
    """What came of it: the payload as JSON, whether it is an error, and what was printed."""

    payload: bytes
    failed: bool
    log: str


class Process:
    """Runs one order; `kill` may be called by any thread, at any time."""

    def __init__(self, order: Order, task_root: Path, work: Path) -> None:
        self.function = order.function.name
        self._order = order
        self._task_root = task_root
        self._work = work
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False
        self._timed_out = False

    def run(self) -> Outcome:
        """Start it and wait for its end."""
        with tempfile.TemporaryDirectory(dir=self._work) as name:
            folder = Path(name)
            self._write_request(folder)
            timer = threading.Timer(self._order.function.timeout, self.time_out)
            timer.daemon = True
            with (folder / "log").open("ab") as log:
                process = self._start(folder, log.fileno())
            if process is not None:
                timer.start()
                process.wait()
                timer.cancel()
                self._clean_up(process)
            return self._outcome(folder, process)

    def kill(self) -> None:
        """End it now, and what it started."""
        with self._lock:
            self._killed = True
            if self._process is not None:
                _kill_group(self._process)

    def _clean_up(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            # What the function left running ends with it.
            _kill_group(process)
            self._process = None
        if process.stdin:
            process.stdin.close()

    def time_out(self) -> None:
        """End it as its function's timeout does."""
        self._timed_out = True
        self.kill()

    def _start(self, folder: Path, log: int) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._killed:
                return None
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-u", str(_BOOTSTRAP), str(folder)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self._environ(folder),
                cwd=self._task_root,
                start_new_session=True,
            )
            return self._process

    def _environ(self, folder: Path) -> dict[str, str]:
        return self._order.environ | {
            "LAMBDA_TASK_ROOT": str(self._task_root),
            # On AWS these are the machine's own, and empty.
            "HOME": str(folder),
            "TMPDIR": str(folder),
        }

    def _write_request(self, folder: Path) -> None:
        order, function = self._order, self._order.function
        context = {
            "aws_request_id": order.request_id,
            "function_name": function.name,
            "function_version": function.version,
            "invoked_function_arn": function.arn if function.qualifier == "$LATEST" else function.qualified_arn,
            "memory_limit_in_mb": str(function.memory),
            "log_group_name": function.log_group,
            "log_stream_name": order.log_stream,
        }
        request = {
            "handler": function.handler,
            "task_root": str(self._task_root),
            "deadline": time.time() + function.timeout,
            "context": context,
        }
        (folder / "request.json").write_text(json.dumps(request))
        (folder / "event.json").write_bytes(order.payload or b"{}")

    def _outcome(self, folder: Path, process: subprocess.Popen[bytes] | None) -> Outcome:
        printed = (folder / "log").read_text(errors="replace").replace(str(self._task_root), "/var/task")
        if self._timed_out:
            return self._broken(
                printed, "Sandbox.Timedout", f"Task timed out after {self._order.function.timeout:.2f} seconds"
            )
        for name, failed in (("error", True), ("response", False)):
            if (folder / name).exists():
                return self._within_size(Outcome((folder / name).read_bytes(), failed, printed))
        status = process.returncode if process else -signal.SIGKILL
        return self._broken(printed, "Runtime.ExitError", _reason(status))

    def _broken(self, printed: str, kind: str, message: str) -> Outcome:
        request_id = self._order.request_id
        document = {"errorType": kind, "errorMessage": f"RequestId: {request_id} Error: {message}"}
        return Outcome(json.dumps(document).encode(), True, f"{printed}{request_id} {message}\n")

    def _within_size(self, outcome: Outcome) -> Outcome:
        if len(outcome.payload) <= _LARGEST_ANSWER:
            return outcome
        message = f"Response payload size exceeded maximum allowed payload size ({_LARGEST_ANSWER} bytes)."
        document = {"errorMessage": message, "errorType": "Function.ResponseSizeTooLarge"}
        return Outcome(json.dumps(document).encode(), True, outcome.log)


def lambda_environ(
    function: Deployed, log_stream: str, credentials: dict[str, str], endpoint_url: str
) -> dict[str, str]:
    """Return the variables that Lambda gives a function, with its own ones, and no others."""
    return function.variables | {
        "AWS_DEFAULT_REGION": function.region,
        # There is a metadata service for hosts only.
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": function.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_REGION": function.region,
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "TZ": ":UTC",
        "_HANDLER": function.handler,
        **credentials,
    }


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _reason(status: int) -> str:
    if status == 0:
        return "Runtime exited without providing a reason"
    if status < 0:
        return f"Runtime exited with error: signal: {str(signal.strsignal(-status)).lower()}"
    return f"Runtime exited with error: exit status {status}"
