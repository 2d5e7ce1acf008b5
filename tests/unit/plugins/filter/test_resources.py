# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter resources, found as Ansible finds it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible.plugins.loader import filter_loader

NAME = "algotrading.aws.resources"


def _resources(result: dict[str, Any], *arguments: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = filter_loader.get(NAME).j2_function(result, *arguments)
    return entries


def _turn(item: object, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {"item": item, "ansible_loop_var": "item", "diff": {"before": before, "after": after}}


def test_the_result_of_a_task_makes_one_entry() -> None:
    result = {"changed": True, "diff": {"before": {"enabled": False}, "after": {"enabled": True}}}
    assert _resources(result, "schedule", "daily") == [
        {
            "kind": "schedule",
            "name": "daily",
            "action": "change",
            "reasons": ["differs in enabled"],
            "before": {"enabled": False},
            "after": {"enabled": True},
        }
    ]


def test_each_turn_of_a_loop_makes_an_entry_named_as_its_item() -> None:
    turns = [_turn({"name": "daily"}, {}, {"enabled": True}), _turn("weekly", {"enabled": True}, {})]
    entries = _resources({"results": turns}, "schedule")
    assert [(entry["name"], entry["action"]) for entry in entries] == [("daily", "create"), ("weekly", "delete")]


def test_a_loop_may_name_its_variable() -> None:
    turn = {"schedule": {"name": "daily"}, "ansible_loop_var": "schedule", "diff": {"before": {}, "after": {}}}
    assert [entry["name"] for entry in _resources({"results": [turn]}, "schedule")] == ["daily"]


def test_what_was_skipped_makes_no_entry() -> None:
    skipped = {"skipped": True, "changed": False}
    assert _resources(skipped, "bucket", "b") == []
    assert _resources({"results": [{**skipped, "item": "b"}]}, "bucket") == []


def test_a_result_without_a_diff_is_an_error_that_names_the_resource() -> None:
    with pytest.raises(AnsibleFilterError, match="the bucket b has no diff"):
        _resources({"changed": True}, "bucket", "b")


def test_a_task_without_a_loop_needs_a_name() -> None:
    with pytest.raises(AnsibleFilterError, match="takes a name"):
        _resources({"diff": {"before": {}, "after": {}}}, "bucket")
