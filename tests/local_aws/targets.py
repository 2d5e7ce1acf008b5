# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Systems Manager's targets: which instances a command is for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tests.local_aws.errors import AwsError


def matches_targets(targets: Iterable[Mapping[str, Any]], instance_id: str, tags: Mapping[str, str]) -> bool:
    """Say whether an instance meets all targets, each by one of its values."""
    return all(_matches(target.get("Key", ""), target.get("Values", []), instance_id, tags) for target in targets)


def _matches(key: str, values: list[str], instance_id: str, tags: Mapping[str, str]) -> bool:
    if key.startswith("tag:"):
        return tags.get(key.removeprefix("tag:")) in values
    if key == "tag-key":
        return not set(values).isdisjoint(tags)
    if key == "InstanceIds":
        return "*" in values or instance_id in values
    raise AwsError("NotImplementedByLocalAws", f"The local AWS does not model the target {key}.", 501)
