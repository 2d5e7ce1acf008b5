# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The side of the tests: what `LocalAws` can do to hosts."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.local_aws.hosts.processes import arguments_of, find_processes


@dataclass(frozen=True)
class LocalHost:
    """A host as a test sees it."""

    id: str
    folder: Path
    environ: dict[str, str]
    # The state it is in, whatever a test has pinned, and how often it was booted.
    state: str
    boots: int

    @property
    def home(self) -> Path:
        """The home of its user."""
        return self.folder / "home"

    def processes(self) -> list[tuple[int, list[str]]]:
        """Return process ids and command lines of all that runs on it now."""
        pids = find_processes([self.id])[self.id]
        return [(pid, argv) for pid in sorted(pids) if (argv := arguments_of(pid))]

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a line of bash on it, in its home; whether it succeeded is the caller's question."""
        return subprocess.run(
            ["/bin/bash", "-c", command],
            env=self.environ,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


class HostControls:
    """Methods of `LocalAws(hosts=True)`. What they change lasts until a reset."""

    def _control(self, method: str, name: str, arguments: dict[str, Any] | None = None) -> Any:
        raise NotImplementedError

    def host(self, instance_id: str) -> LocalHost:
        """Return a host as it is now."""
        shown = self._control("POST", "hosts/show", {"instance_id": instance_id})
        return LocalHost(instance_id, Path(shown["folder"]), shown["environ"], shown["state"], shown["boots"])

    def set_hosts(self, **settings: float | bool | None) -> None:
        """Change what `hosts/settings.py` names: grace, initializing, invocation_delay ..."""
        self._control("POST", "hosts/settings", settings)

    def instant_hosts(self, instant: bool = True) -> None:
        """From now on let hosts be up and down at once, without processes; commands are answered by `stub_command`."""
        self.set_hosts(instant=instant)

    def stub_command(
        self, stdout: str = "", exit_code: int = 0, only: Sequence[str] | None = None, stderr: str = ""
    ) -> None:
        """Let every command on these instant hosts, or on all, end so; what is said later goes first."""
        arguments = {"stdout": stdout, "stderr": stderr, "exit_code": exit_code, "only": only and list(only)}
        self._control("POST", "hosts/stub", arguments)

    def fail_status_checks(
        self, instance_id: str, boots: int = 2, checks: Sequence[str] = ("instance", "system")
    ) -> None:
        """Let status checks be impaired after each of the next boots."""
        arguments = {"instance_id": instance_id, "boots": boots, "checks": list(checks)}
        self._control("POST", "hosts/fail_status_checks", arguments)

    def agent_late(self, instance_id: str, seconds: float) -> None:
        """Let the agent be heard of only so long after each boot."""
        self._control("POST", "hosts/agent", {"instance_id": instance_id, "seconds": seconds})

    def agent_never(self, instance_id: str) -> None:
        """Let the agent be heard of no more."""
        self._control("POST", "hosts/agent", {"instance_id": instance_id, "seconds": None})

    def refuse_stop(self, instance_id: str, refuse: bool = True) -> None:
        """Let every StopInstances that names this instance fail, or none any more."""
        self._control("POST", "hosts/refuse_stop", {"instance_id": instance_id, "refuse": refuse})

    def set_state(self, instance_id: str, state: str | None) -> None:
        """Pin the state that EC2 shows; None shows the real one again."""
        self._control("POST", "hosts/state", {"instance_id": instance_id, "state": state})
