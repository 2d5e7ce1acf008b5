# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What goes wrong, how often, and by which seed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Without any of them nothing goes wrong."""

    seed: int = 0
    # The chances of a call, from 0 to 1: of being refused before it takes effect, as one too many or by a failure of
    # AWS's own, and, if it changes something, of an answer that is lost after it took effect.
    throttled: float = 0.0
    failing: float = 0.0
    lost: float = 0.0
    # After so many of these faults in a row, an operation gets through.
    in_a_row: int = 2
    # The availability zone that has no capacity for another instance.
    full_zone: str = ""
    # How often each operation does not see a role or an instance profile that was just made, and how often an instance:
    # a run looks at these several times before it launches one.
    unseen: int = 0
    unseen_instances: int = 0
    # How long a page of a listing takes.
    page_seconds: float = 0.0

    @property
    def unseen_by_kind(self) -> dict[str, int]:
        """The same by the kind of thing."""
        return {"role": self.unseen, "profile": self.unseen, "instance": self.unseen_instances}
