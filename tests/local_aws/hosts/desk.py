# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What tests ask of hosts through the control API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tests.local_aws.hosts.faults import Faults
from tests.local_aws.hosts.fleet import Fleet
from tests.local_aws.hosts.host import CODES, Host
from tests.local_aws.hosts.settings import Settings


class Desk:
    """Every method is one control; wrong arguments are errors of the test, and raise."""

    def __init__(self, fleet: Fleet, faults: Faults, settings: Settings) -> None:
        self._fleet = fleet
        self._faults = faults
        self._settings = settings

    def controls(self) -> dict[tuple[str, str], Callable[..., object]]:
        """Return the routes."""
        return {
            ("POST", f"hosts/{control.__name__}"): control
            for control in (
                self.show,
                self.settings,
                self.fail_status_checks,
                self.agent,
                self.refuse_stop,
                self.state,
                self.stub,
            )
        }

    def show(self, instance_id: str) -> dict[str, Any]:
        """Where a host is, and what its processes see."""
        with self._fleet.lock:
            host = self._find(instance_id)
            return {"folder": str(host.folder), "environ": host.environ, "state": host.state, "boots": host.boots}

    def settings(self, **changes: Any) -> None:
        """Change how fast hosts are."""
        unknown = set(changes) - set(vars(self._settings))
        if unknown:
            raise KeyError(f"no such settings: {', '.join(sorted(unknown))}")
        vars(self._settings).update(changes)

    def fail_status_checks(self, instance_id: str, boots: int, checks: Sequence[str]) -> None:
        """Let status checks fail after the next boots."""
        self._find(instance_id)
        self._faults.fail_status_checks(instance_id, boots, checks)

    def agent(self, instance_id: str, seconds: float | None) -> None:
        """Let an agent come late, or never."""
        self._find(instance_id)
        self._faults.late[instance_id] = seconds

    def refuse_stop(self, instance_id: str, refuse: bool) -> None:
        """Let an instance refuse to stop, or not any more."""
        self._find(instance_id)
        (self._faults.refusing.add if refuse else self._faults.refusing.discard)(instance_id)

    def state(self, instance_id: str, state: str | None) -> None:
        """Pin a state."""
        if state is not None and state not in CODES:
            raise KeyError(f"no such state: {state}")
        with self._fleet.lock:
            self._fleet.pin(self._find(instance_id), state)

    def stub(self, stdout: str, stderr: str, exit_code: int, only: Sequence[str] | None) -> None:
        """Say what commands answer on hosts without processes."""
        self._faults.stub(stdout, stderr, exit_code, only)

    def _find(self, instance_id: str) -> Host:
        host = self._fleet.find(instance_id)
        if host is None:
            raise KeyError(f"no such host: {instance_id}")
        return host
