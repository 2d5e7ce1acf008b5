# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What tests set and ask about faults: a part of `LocalAws`."""

from __future__ import annotations

from typing import Any


class FaultControls:
    """Methods of `LocalAws`. What they change lasts until a reset."""

    def _control(self, method: str, name: str, arguments: dict[str, Any] | None = None) -> Any:
        raise NotImplementedError

    def set_faults(self, **settings: float | str) -> None:
        """From now on let go wrong what `faults/settings.py` names, and nothing else; without arguments, nothing."""
        self._control("POST", "faults", settings)

    def faults(self) -> dict[str, int]:
        """Return how many faults of each kind there were: throttled, failing, lost, full, unseen, slow."""
        counts: dict[str, int] = self._control("GET", "faults")
        return counts

    def halt_at(self, call: int, *, takes_effect: bool) -> None:
        """Answer nothing from the call-th mutating call on, which itself takes effect or does not."""
        self._control("POST", "halt", {"call": call, "takes_effect": takes_effect})

    def halted_at(self) -> str:
        """Return that call's operation; empty while it has not come."""
        operation: str = self._control("GET", "halt")
        return operation

    def lift_halt(self) -> None:
        """Drop the calls that wait, whose callers are dead, and answer again."""
        self._control("DELETE", "halt")
