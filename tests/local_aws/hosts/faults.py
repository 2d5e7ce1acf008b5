# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What goes wrong with hosts, on a test's request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

_ALL_CHECKS = ("instance", "system")


@dataclass
class Impairment:
    """Status checks that fail for some boots."""

    boots: int
    checks: tuple[str, ...]


@dataclass(frozen=True)
class Stub:
    """What a command answers on hosts without processes."""

    stdout: str = ""
    stderr: str = ""
    exit_code: int = 0
    only: tuple[str, ...] | None = None


@dataclass
class Faults:
    """Per instance id; they last until a reset."""

    impaired: dict[str, Impairment] = field(default_factory=dict)
    # What fails now, since the last boot.
    failing: dict[str, tuple[str, ...]] = field(default_factory=dict)
    # Seconds between the end of a boot and the agent's first sign of life; None for never.
    late: dict[str, float | None] = field(default_factory=dict)
    refusing: set[str] = field(default_factory=set)
    stubs: list[Stub] = field(default_factory=list)

    def fail_status_checks(self, instance_id: str, boots: int, checks: Sequence[str] = _ALL_CHECKS) -> None:
        """Let the checks fail after each of the next boots."""
        self.impaired[instance_id] = Impairment(boots, tuple(checks))

    def begin_boot(self, instance_id: str) -> None:
        """Use up one boot of an impairment."""
        impairment = self.impaired.get(instance_id)
        self.failing.pop(instance_id, None)
        if impairment and impairment.boots > 0:
            impairment.boots -= 1
            self.failing[instance_id] = impairment.checks

    def stub(self, stdout: str, stderr: str, exit_code: int, only: Sequence[str] | None) -> None:
        """Let commands answer this; a later stub goes before an earlier one."""
        self.stubs.insert(0, Stub(stdout, stderr, exit_code, None if only is None else tuple(only)))

    def stub_for(self, instance_id: str) -> Stub:
        """Return what a command answers on this host."""
        return next((stub for stub in self.stubs if stub.only is None or instance_id in stub.only), Stub())

    def forget(self) -> None:
        """Let everything go well."""
        for each in (self.impaired, self.failing, self.late, self.refusing, self.stubs):
            each.clear()
