# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`LocalAws`: a local AWS in a child process, for tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.local_aws.calls import Call
from tests.local_aws.clients import Client, make_client
from tests.local_aws.clock.client import ClockControls
from tests.local_aws.control_client import ask
from tests.local_aws.environment import environment_for
from tests.local_aws.faults.client import FaultControls
from tests.local_aws.functions.client import FunctionControls
from tests.local_aws.hosts.client import HostControls
from tests.local_aws.sessions.client import SessionControls
from tests.local_aws.sessions.program import VARIABLE

REPOSITORY = Path(__file__).resolve().parents[2]


class LocalAws(HostControls, SessionControls, FunctionControls, ClockControls, FaultControls):
    """Start with `with LocalAws() as aws:`; the endpoint ends with the block, or with this process.

    With `hosts`, instances live: they boot, run commands and stop.
    """

    def __init__(self, *, hosts: bool = False) -> None:
        self._hosts = hosts
        self.endpoint_url = ""
        self._process: subprocess.Popen[str] | None = None
        self._copy_pid = 0

    def __enter__(self) -> LocalAws:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def copy(self) -> LocalAws:
        """Return a running endpoint that has this account as it is now; what happens to one leaves the other alone.

        It ends with its own `with` block, or with this endpoint's process. Functions should be idle.
        """
        made = self._control("POST", "fork")
        copy = LocalAws()
        copy.endpoint_url, copy._copy_pid = made["endpoint_url"], made["pid"]
        return copy

    def start(self) -> None:
        """Start the endpoint and wait until it answers; a copy runs already."""
        if self._copy_pid:
            return
        environ = dict(os.environ)
        environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(REPOSITORY), environ.get("PYTHONPATH"))))
        options = ["--hosts"] if self._hosts else []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.local_aws", "serve", "--until-stdin-closes", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environ,
            cwd=REPOSITORY,
            text=True,
            # Ctrl-C in the terminal is for us; we stop the child when we are done with it.
            start_new_session=True,
        )
        self.endpoint_url = self._announced_url()
        self._control("GET", "ready")

    def stop(self) -> None:
        """Stop the endpoint that this object started."""
        if self._copy_pid:
            os.kill(self._copy_pid, signal.SIGTERM)
            self._copy_pid = 0
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()

    @property
    def pid(self) -> int:
        """The process id of the endpoint; 0 when it does not run."""
        return self._process.pid if self._process else 0

    @property
    def environ(self) -> dict[str, str]:
        """A whole environment for subprocesses that are to see this AWS only."""
        environ = environment_for(self.endpoint_url)
        if self._hosts:
            environ[VARIABLE] = self.session_manager_plugin()
        return environ

    def client(self, service: str, **options: object) -> Client:
        """Return a boto3 client for this endpoint, whatever this process's own configuration says."""
        return make_client(self.endpoint_url, service, **options)

    @property
    def state(self) -> Path:
        """The folder of the endpoint's state, which goes with it."""
        return Path(self._control("GET", "state"))

    @property
    def networks(self) -> dict[str, str]:
        """The network of each environment, which the hosts of no other local AWS are in."""
        networks: dict[str, str] = self._control("GET", "networks")
        return networks

    def calls(self) -> list[Call]:
        """Return the API calls since the start, the last reset or the last `forget_calls`."""
        return [Call(**fields) for fields in self._control("GET", "calls")]

    def forget_calls(self) -> None:
        """Empty the log of calls."""
        self._control("DELETE", "calls")

    def hold(self, operation: str, *, after: int, count: int) -> None:
        """Let the next `after` calls of an operation pass, and hold the `count` calls behind them until `release`."""
        self._control("POST", "hold", {"operation": operation, "after": after, "count": count})

    def lose_answer(self, service: str, operation: str, times: int = 1) -> None:
        """Let the next calls that succeed take effect, and end their connections without an answer."""
        self._control("POST", "lose", {"service": service, "operation": operation, "times": times})

    def limit_rates(self, limited: bool = True) -> None:
        """Refuse calls of EC2 that come faster than AWS takes them, from full buckets on, until a reset."""
        self._control("POST", "rates", {"limited": limited})

    def waiting(self) -> int:
        """Return how many calls are held back now."""
        return self._control("GET", "waiting")

    def release(self) -> None:
        """Let the calls that are held back go on, though their callers may be dead."""
        self._control("DELETE", "hold")

    def put_many(self, bucket: str, folders: list[str], names: list[str]) -> None:
        """Put an object of each name into each folder of a bucket; only a listing shows them as they should be."""
        self._control("POST", "objects", {"bucket": bucket, "folders": folders, "names": names})

    def reset(self) -> None:
        """Empty the account and the log of calls."""
        self._control("POST", "reset")

    def _announced_url(self) -> str:
        if self._process is None or self._process.stdout is None:
            raise RuntimeError("the local AWS was not started")
        prefix = "export AWS_ENDPOINT_URL="
        for line in self._process.stdout:
            if line.startswith(prefix):
                return line.removeprefix(prefix).strip()
        raise RuntimeError(f"the local AWS ended at once, with status {self._process.wait()}")

    def _control(self, method: str, name: str, arguments: dict[str, Any] | None = None) -> Any:
        return ask(self.endpoint_url, method, name, arguments)
