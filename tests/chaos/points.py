# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What happens to a run is drawn from its seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

PHASES = ("create", "change", "destroy")
ZONES = ("us-east-1a", "us-east-1b")


@dataclass(frozen=True)
class Point:
    """One seed: in which phase, where the kill comes, and what else goes wrong."""

    seed: int
    phase: str
    # Whether the environment's network is one that the collection makes.
    managed_network: bool
    # How far into the phase, from 0 to 1, counted in calls that change something.
    progress: float
    takes_effect: bool
    faults: dict[str, Any]

    def call(self, calls: int) -> int:
        """Return at which call the kill comes in a phase that undisturbed makes so many."""
        return 1 + int(self.progress * calls)

    def __str__(self) -> str:
        network = "a network of its own" if self.managed_network else "a network that was there"
        faults = ", ".join(f"{name}={value}" for name, value in self.faults.items() if value and name != "seed")
        return f"seed {self.seed}: {self.phase} with {network}, killed {self.progress:.0%} of the way; {faults}"


def draw(seed: int) -> Point:
    """Return what a seed stands for; the phases take turns."""
    chance = random.Random(f"chaos {seed}")  # noqa: S311 - no secret
    return Point(
        seed=seed,
        phase=PHASES[seed % len(PHASES)],
        managed_network=chance.random() < 0.3,
        progress=chance.random(),
        takes_effect=chance.random() < 0.5,
        faults={
            "seed": seed,
            "throttled": chance.choice([0.0, 0.02, 0.05]),
            "failing": chance.choice([0.0, 0.01, 0.03]),
            "lost": chance.choice([0.0, 0.02, 0.05]),
            "full_zone": chance.choice(["", *ZONES]),
            "unseen": chance.choice([0, 1, 2]),
            "page_seconds": chance.choice([0.0, 0.02]),
            # A run looks at its instances six times before it launches one: then only the client token knows it.
            "unseen_instances": chance.choice([8, 2, 1, 0]),
        },
    )
