# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host for files/run.sh: a folder, an address, instance metadata, and an end of all its processes."""

from __future__ import annotations

import getpass
import json
import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
RUN_SH = REPOSITORY / "files" / "run.sh"
PROGRAMS = Path(os.environ.get("TRADING_LOCAL_HOST_PATH") or REPOSITORY / ".venv" / "host" / "bin")
METADATA_TOKEN = "a-token-of-the-metadata-service"  # noqa: S105 - of the stub below
DASHBOARD = 'exec "$TRADING_PYTHON" deployment/monitoring/live_model_dashboard.py'


@dataclass(frozen=True)
class Run:
    """What one run of run.sh said and did."""

    status: int
    output: str
    said: dict[str, Any]
    seconds: float

    @property
    def error(self) -> str:
        return self.said["error"] or ""


@dataclass
class Host:
    """A machine in a folder."""

    home: Path
    facts: dict[str, str]
    environ: dict[str, str]
    marker: str
    outputs: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return self.facts["local-ipv4"]

    @property
    def tree(self) -> Path:
        return self.home / "algo-modeling-v2"

    @property
    def commit(self) -> str:
        return self.tree.readlink().name

    def begin(self, action: str = "start", **variables: str) -> subprocess.Popen[str]:
        """Start run.sh as the SSM agent does: one text behind its variables."""
        return subprocess.Popen(
            ["bash", str(RUN_SH)],
            cwd="/",
            env=self.environ | {"TRADING_ACTION": action} | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, process: subprocess.Popen[str]) -> Run:
        began = time.monotonic()
        out, err = process.communicate(timeout=120)
        self.outputs.append(out + err)
        return Run(process.returncode, out + err, json.loads(out.splitlines()[-1]), time.monotonic() - began)

    def run(self, action: str = "start", **variables: str) -> Run:
        return self.end(self.begin(action, **variables))

    def start(self, **variables: str) -> Run:
        """Run it where it must succeed."""
        run = self.run(**variables)
        assert run.status == 0, run.output
        assert run.said["error"] is None
        return run

    def pid(self, service: str) -> int:
        return int((self.home / "run" / f"{service}.pid").read_text())

    def pids(self) -> dict[str, int]:
        """The process of each service that has one."""
        return {path.stem: int(path.read_text()) for path in (self.home / "run").glob("*.pid")}

    def log(self, service: str) -> str:
        path = self.home / "logs" / f"{service}.log"
        return path.read_text() if path.exists() else ""

    def processes(self) -> dict[int, str]:
        """All processes of this host, with their arguments."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if self.marker.encode() in (folder / "environ").read_bytes():
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found

    def count(self, text: str) -> int:
        """How many processes have these words among their arguments, supervisors and shells left out."""
        return len([line for line in self.processes().values() if text in line and "run/supervise" not in line])

    def signal(self, number: signal.Signals) -> None:
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def shut_down(self) -> None:
        """End the host as an operating system does: TERM for all, and KILL for those that stay."""
        self.signal(signal.SIGTERM)
        with suppress(AssertionError):
            until(lambda: not self.processes(), 30)
        self.signal(signal.SIGKILL)


def until(condition: Callable[[], object], seconds: float = 15) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not so after {seconds} s"
        time.sleep(0.05)


@contextmanager
def make_host(home: Path, aws_environ: Mapping[str, str], address: str, **facts: str) -> Iterator[Host]:
    """Make a host with an address of its own, and let none of its processes outlive the block."""
    home.mkdir(exist_ok=True)
    marker = f"TRADING_LOCAL_HOST={uuid.uuid4().hex}"
    known = {"local-ipv4": address, "placement/region": "us-east-1"} | facts
    with _serve_metadata(known) as endpoint:
        environ = {name: value for name, value in aws_environ.items() if name.startswith("AWS_")}
        environ |= {
            "PATH": f"{PROGRAMS}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(home),
            "TRADING_HOME": str(home),
            "TRADING_USER": getpass.getuser(),
            "TRADING_PYTHON": str(PROGRAMS / "python"),
            "TRADING_DASHBOARD_COMMAND": DASHBOARD,
            "TRADING_NATS_MONITOR_ADDRESS": address,
            "TRADING_SETTLE_SECONDS": "1",
            "TRADING_UNIT_FOLDER": "",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": endpoint,
            "REPLAY_SPEED": "20",
        }
        name, _, value = marker.partition("=")
        host = Host(home, known, environ | {name: value}, marker)
        try:
            yield host
        finally:
            host.signal(signal.SIGKILL)
            until(lambda: not host.processes())


@contextmanager
def _serve_metadata(facts: Mapping[str, str]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self._answer(200, METADATA_TOKEN)

        def do_GET(self) -> None:
            fact = self.path.removeprefix("/latest/meta-data/")
            if self.headers.get("X-aws-ec2-metadata-token") != METADATA_TOKEN:
                self._answer(401, "")
            else:
                self._answer(200 if fact in facts else 404, facts.get(fact, ""))

        def _answer(self, status: int, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
