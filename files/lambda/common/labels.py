# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The comment of a command, by which a later invocation recognises it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

_PROJECT = "algotrading"
_WORDS = 6
# SSM's limit.
_LONGEST = 100


@dataclass(frozen=True)
class Label:
    """Whose command it is, and what for."""

    environment: str
    role: str
    action: str
    # Of the script, so that only a command that does exactly the same is followed.
    digest: str
    # The event that it was sent for.
    request_id: str

    def __str__(self) -> str:
        parts = (self.environment, self.role, self.action, self.digest, self.request_id)
        return " ".join((_PROJECT, *parts))[:_LONGEST]

    @classmethod
    def parse(cls, comment: str) -> Label | None:
        """Read a comment; nothing comes of one that is not a controller's."""
        words = comment.split(" ")
        return cls(*words[1:]) if len(words) == _WORDS and words[0] == _PROJECT else None


def digest_of(script: str) -> str:
    """Return a short name for exactly this text."""
    return sha256(script.encode()).hexdigest()[:12]
