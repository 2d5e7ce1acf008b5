# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts that boot, fail, run commands and stop in virtual time."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

BOOT, CHECKS, AGENT, RUN, STOP = 20.0, 90.0, 45.0, 25.0, 30.0
COMMIT = "a" * 40
NEVER = float("inf")


@dataclass
class FakeHost:
    """One instance."""

    instance_id: str
    name: str
    role: str
    state: str = "stopped"
    # What the status checks say after each boot; the last goes on for ever.
    checks: list[str] = field(default_factory=lambda: ["ok"])
    # How long after each boot the agent registers; the last goes on for ever.
    agent: list[float] = field(default_factory=lambda: [AGENT])
    # What run.sh ends with, time after time.
    exits: list[int] = field(default_factory=lambda: [0])
    run_seconds: float = RUN
    commit: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    address: str = "10.0.0.1"
    public_address: str = ""
    boots: int = 0
    launched: float = 0.0
    # EC2 tells the time of the latest start; a host may be started without it being told, to see that this is enough.
    tells_launch: bool = True
    changes_at: float = NEVER
    runs: list[dict[str, str]] = field(default_factory=list)
    services: bool = False

    @property
    def starts(self) -> int:
        """How often run.sh was told to start something."""
        return sum(run["TRADING_ACTION"] == "start" for run in self.runs)

    def live(self, now: float) -> None:
        """Become what the host is by now."""
        if now < self.changes_at:
            return
        self.changes_at = NEVER
        self.state = {"pending": "running", "stopping": "stopped", "shutting-down": "terminated"}[self.state]

    def start(self, now: float) -> None:
        self.state, self.changes_at, self.launched = "pending", now + BOOT, now
        self.boots += 1

    def stop(self, now: float) -> None:
        self.state, self.changes_at, self.services = "stopping", now + STOP, False

    def _of_boot(self, values: list[Any]) -> Any:
        return values[min(max(self.boots - 1, 0), len(values) - 1)]

    def check(self, now: float) -> str:
        return self._of_boot(self.checks) if now >= self.launched + CHECKS else "initializing"

    def is_online(self, now: float) -> bool:
        return self.state == "running" and now >= self.launched + self._of_boot(self.agent)

    def run(self, script: str, now: float) -> dict[str, Any]:
        """Run run.sh: at once in effect, and over after a while."""
        exports = dict(re.findall(r"^export (\w+)=(.*)$", script, re.MULTILINE))
        told = {name: shlex.split(value)[0] for name, value in exports.items()}
        status = self.exits[min(self.starts, len(self.exits) - 1)] if told["TRADING_ACTION"] == "start" else 0
        self.runs.append(told)
        self.services = told["TRADING_ACTION"] == "start" and status == 0
        said = {
            "role": self.role,
            "action": told["TRADING_ACTION"],
            "commit": self.commit or (ref if len(ref := told.get("TRADING_GIT_REF", "")) == 40 else COMMIT),
            "services": {"trader": "running" if status == 0 else "failed"},
            "error": None if status == 0 else "the trader does not run",
        }
        return {
            "Status": "Success" if status == 0 else "Failed",
            "ResponseCode": status,
            "StandardOutputContent": f"getting the code\n{json.dumps(said)}\n",
            "StandardErrorContent": "",
            "over": now + self.run_seconds,
        }

    def describe(self) -> dict[str, Any]:
        tags = {"Name": self.name, "Environment": "dev", "Role": self.role} | self.tags
        shown: dict[str, Any] = {
            "InstanceId": self.instance_id,
            "State": {"Name": self.state},
            "LaunchTime": datetime.fromtimestamp(self.launched if self.tells_launch else 0.0, UTC),
            "PrivateIpAddress": self.address,
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        }
        return shown | ({"PublicIpAddress": self.public_address} if self.public_address else {})
