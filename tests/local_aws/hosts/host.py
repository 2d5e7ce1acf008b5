# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One host: an instance's folder on this machine, and what is known of it."""

from __future__ import annotations

import os
import pwd
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.local_aws.hosts.processes import MARK, launch
from tests.local_aws.hosts.programs import programs_folder

if TYPE_CHECKING:
    from moto.ec2.models.instances import Instance

METADATA = "imds/"
# What is another program on a host than on this machine.
_COMMANDS = Path(__file__).with_name("bin")
# The sample workload's stands for the real one, which needs streamlit.
_DASHBOARD = 'exec "$TRADING_PYTHON" deployment/monitoring/live_model_dashboard.py'
CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}


class HostIsOffError(Exception):
    """Nothing can be started on a host that has no power."""


@dataclass
class Host:
    """An instance as hardware: with power or without."""

    instance: Instance
    region: str
    folder: Path
    environ: dict[str, str]
    # What EC2 would say if no test had pinned it.
    state: str = "pending"
    # How often the power was switched; work that began under another number is void.
    generation: int = 0
    boots: int = 0
    up_since: float = 0.0
    role_name: str = ""
    first_seen: float = 0.0
    last_seen: float = 0.0
    has_power: bool = False
    power: threading.Lock = field(default_factory=threading.Lock)

    @property
    def id(self) -> str:
        """The instance's id."""
        return str(self.instance.id)

    def switch(self, on: bool) -> None:
        """Switch the power; when it is off, nothing more begins."""
        with self.power:
            self.has_power = on
            self.generation += 1

    def launch(self, argv: Sequence[str], folder: Path | None = None, **options: Any) -> subprocess.Popen[bytes]:
        """Start a process on the host."""
        environ = self.environ | options.pop("more_environ", {})
        with self.power:
            if not self.has_power:
                raise HostIsOffError(self.id)
            return launch(argv, environ, folder or self.folder, **options)

    def up_for(self) -> float:
        """Return how many seconds ago the last boot ended; 0 when the host is not up."""
        return time.monotonic() - self.up_since if self.state == "running" else 0.0


def host_environment(instance: Instance, folder: Path, endpoint_url: str, region: str) -> dict[str, str]:
    """Return the environment of everything on a host. It holds no keys: those come from the metadata."""
    programs = programs_folder()
    return {
        "PATH": f"{programs}:{_COMMANDS}:/usr/bin:/bin",
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "LANG": "C.UTF-8",
        "TRADING_HOME": str(folder / "home"),
        "TRADING_USER": pwd.getpwuid(os.getuid()).pw_name,
        "TRADING_PYTHON": str(programs / "python"),
        # Empty: a host never writes units of this machine's own systemd.
        "TRADING_UNIT_FOLDER": "",
        # Hosts share this machine's ports, but not their addresses.
        "TRADING_NATS_MONITOR_ADDRESS": instance.private_ip or "",
        "TRADING_SETTLE_SECONDS": "3",
        "TRADING_DASHBOARD_COMMAND": _DASHBOARD,
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"{endpoint_url}/_local_aws/{METADATA}{instance.id}",
        MARK: instance.id,
    }


def make_folders(folder: Path) -> None:
    """Make what a new host's disk has."""
    for name in ("home", "tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
