# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._plan_summary import WIDTH, plan_summary
from ansible_collections.algotrading.aws.plugins.module_utils._resources import ACTIONS, compared, resource

NOTHING = "Plan: 0 to create, 0 to change, 0 to replace, 0 to retire, 0 to delete, 0 kept."


def _traders(number: int) -> list[dict[str, Any]]:
    name = "trading-server-qa-SOXL-long-soxl_long-outer_11_inner_"
    launch = {"instance_type": "t3.small", "tags": {"Role": "trader"}}
    return [compared("EC2 instance", f"{name}{each}", None, {**launch, "Name": each}) for each in range(number)]


def test_nothing_is_one_line() -> None:
    assert plan_summary([], planned=True) == NOTHING


def test_what_is_kept_is_only_counted() -> None:
    assert plan_summary([resource("role", "r", "keep")], planned=True) == NOTHING.replace("0 kept", "1 kept")


def test_a_change_is_told_with_its_reason_and_its_values() -> None:
    changed = compared("schedule", "daily", {"enabled": False, "x": 1}, {"enabled": True, "x": 1})
    assert plan_summary([changed], planned=True).splitlines() == [
        "To change: 1",
        "  schedule: daily (differs in enabled)",
        "      enabled: false -> true",
        "",
        NOTHING.replace("0 to change", "1 to change"),
    ]


def test_what_was_done_is_told_as_done() -> None:
    told = plan_summary([compared("schedule", "daily", None, {"enabled": True})], planned=False)
    assert told.splitlines()[0] == "Created: 1"
    assert told.endswith("Done: 1 created, 0 changed, 0 replaced, 0 retired, 0 deleted, 0 kept.")


def test_drift_that_stays_has_a_section_and_counts_as_kept() -> None:
    drift = resource("EC2 instance", "a", "keep", ["differs in image_id"], {"image_id": "ami-1"}, {"image_id": "ami-2"})
    told = plan_summary([drift, resource("EC2 instance", "b", "keep")], planned=True)
    assert told.splitlines()[:3] == [
        "Differs, and stays: 1",
        "  EC2 instance: a (differs in image_id)",
        "      image_id: ami-1 -> ami-2",
    ]
    assert "2 kept, 1 of which differ." in told


def test_many_that_are_alike_are_one_entry() -> None:
    told = plan_summary(_traders(200), planned=True)
    assert "  200 EC2 instances: trading-server-qa-SOXL-long-soxl_long-outer_11_inner_0," in told
    assert "inner_4 and 195 more (is not there)" in told
    assert "inner_5" not in told
    assert "      instance_type t3.small\n" in told, "what they do not have in common is left out"
    assert max(map(len, told.splitlines())) <= WIDTH


def test_differences_of_many_are_counted_where_they_are_not_alike() -> None:
    drifts = [
        resource("EC2 instance", str(each), "keep", ["differs"], {"a": each, "b": 1}, {"a": 9, "b": 2})
        for each in range(3)
    ]
    told = plan_summary(drifts, planned=True).splitlines()
    assert told[1:4] == [
        "  3 EC2 instances: 0, 1, 2 (differs)",
        "      a: 3 different values -> 9",
        "      b: 1 -> 2",
    ]


def test_other_reasons_are_another_entry() -> None:
    some = [resource("IAM policy", name, "delete", [reason], {"a": 1}) for name, reason in (("x", "r"), ("y", "s"))]
    told = plan_summary(some, planned=True)
    assert "  IAM policy: x (r)" in told
    assert "  IAM policy: y (s)" in told
    assert "2 IAM policies: " in plan_summary([some[0], some[0]], planned=True)


def test_a_resource_that_differs_in_much_does_not_fill_the_screen() -> None:
    before, after = ({f"key{each}": value for each in range(40)} for value in (1, 2))
    told = plan_summary([compared("thing", "t", before, after)], planned=True).splitlines()
    assert "      and 32 more" in told
    assert len(told) < 18


def test_sections_come_in_the_order_of_actions() -> None:
    some = [resource("thing", action, action, ["reason"]) for action in reversed(ACTIONS)]
    headings = [line for line in plan_summary(some, planned=True).splitlines() if line.endswith(": 1")]
    assert headings == [
        "To create: 1",
        "To change: 1",
        "To replace: 1",
        "To retire: 1",
        "To delete: 1",
        "Differs, and stays: 1",
    ]
