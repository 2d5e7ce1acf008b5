# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Chance from a seed: the same calls get the same luck, whatever other calls come between them."""

from __future__ import annotations

import hashlib
from collections import Counter

_WHOLE = 2**64


class Dice:
    """Throws that depend on the seed, on what they are for, and on how often that was thrown for."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._thrown: Counter[tuple[str, ...]] = Counter()

    def falls(self, chance: float, *what: str) -> bool:
        """Say whether something of this chance happens now."""
        self._thrown[what] += 1
        text = "\n".join([str(self._seed), *what, str(self._thrown[what])])
        drawn = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
        return drawn < chance * _WHOLE
