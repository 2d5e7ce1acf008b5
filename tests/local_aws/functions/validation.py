# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The complaint that AWS's own check of a parameter makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.local_aws.errors import AwsError


def in_range(parameters: Mapping[str, Any], name: str, low: int, high: int) -> None:
    """Refuse a number outside its range; a parameter that is not given is in order."""
    value = parameters.get(name)
    if value is None or low <= value <= high:
        return
    bound = f"greater than or equal to {low}" if value < low else f"less than or equal to {high}"
    raise constraint(value, name, f"Member must have value {bound}")


def constraint(value: object, name: str, demand: str) -> AwsError:
    """Return the error for one parameter."""
    field = name[0].lower() + name[1:]
    message = f"1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: {demand}"
    return AwsError("ValidationException", message)
