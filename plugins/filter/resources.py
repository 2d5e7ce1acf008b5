# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.algotrading.aws.plugins.module_utils._resources import compared


def resources_of(result: dict[str, Any], kind: str, name: str | None = None) -> list[dict[str, Any]]:
    """Say what became of each resource that a task, or each turn of its loop, was about."""
    if "results" in result:
        return [entry for turn in result["results"] for entry in _entries(turn, kind, name or _name_of(turn))]
    if name is None:
        raise AnsibleFilterError("resources takes a name for the result of a task without a loop")
    return _entries(result, kind, name)


def _entries(result: dict[str, Any], kind: str, name: str) -> list[dict[str, Any]]:
    """One entry, or none of a task that was skipped."""
    if result.get("skipped"):
        return []
    if not isinstance(result.get("diff"), dict):
        raise AnsibleFilterError(f"The result for the {kind} {name} has no diff to tell what became of it")
    return [compared(kind, name, result["diff"]["before"], result["diff"]["after"])]


def _name_of(turn: dict[str, Any]) -> str:
    item = turn[turn.get("ansible_loop_var", "item")]
    return str(item["name"] if isinstance(item, dict) else item)


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, Any]:
        return {"resources": resources_of}
