# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What a model is, and which keys of a bucket are one.

Pure functions: they import neither boto3 nor Ansible.
This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields
from typing import Any

# A model's folder, as a whole: '..._inner_48_v2' is another thing, not model '..._inner_48'.
MODEL_NUMBER = re.compile(r"[^/]+-outer_[0-9]+_inner_[0-9]+")

# What every file system, shell and tag takes as it is. EC2 tags allow more, but a host makes paths from these names.
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+=@-]*")

# The Name tag joins all three parts, and a tag value ends at 256 characters.
MAX_NAME_LENGTH = 200

# What the fleet itself writes into a model's folder. A retired model must not live on by its own logs.
OUTPUT_FOLDERS = ("logs/", "trades/")


@dataclass(frozen=True, order=True)
class Model:
    """One model, by the three parts of its folder's name."""

    model_type: str
    symbol: str
    model_number: str

    @classmethod
    def from_dict(cls, parts: dict[str, Any]) -> Model:
        """Take the three parts from a dictionary and leave out what else it holds."""
        return cls(**{field.name: str(parts[field.name]) for field in fields(cls)})

    @property
    def prefix(self) -> str:
        """The model's folder in its bucket, below the prefix of all models."""
        return f"{self.model_type}/{self.symbol}/{self.model_number}/"

    def to_dict(self) -> dict[str, str]:
        return asdict(self)

    def problem(self) -> str | None:
        """Why this model can have no server, or None when it can."""
        if not MODEL_NUMBER.fullmatch(self.model_number):
            return "is not named NAME-outer_N_inner_N"
        if any(not SAFE_NAME.fullmatch(part) for part in asdict(self).values()):
            return "has a name with other characters than letters, digits and ._+=@-"
        if len(self.prefix) > MAX_NAME_LENGTH:
            return f"has a name longer than {MAX_NAME_LENGTH} characters"
        return None


def is_file(key: str) -> bool:
    """Tell an object from the empty one by which the S3 console marks a folder, and whose key ends in a slash."""
    return not key.endswith("/")
