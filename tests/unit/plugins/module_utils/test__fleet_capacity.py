# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a fleet is charged for, before and after a plan."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_capacity import describe_capacity
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_plan import Instance, Policy, make_plan

from tests.unit.plugins.module_utils.builders import LAUNCH, RETIRED_AT, instance, server

DISK: dict[str, Any] = {"volume_type": "gp3", "volume_size": 14}
RUNS = ("t3.small", "gp3", 14)
RESTS = (None, "gp3", 14)


@pytest.mark.parametrize(
    ("desired", "existing", "policy", "before", "after"),
    [
        ("abc", [], {}, {}, {RUNS: 3}),
        ("ab", [instance("a", **DISK)], {}, {RUNS: 1}, {RUNS: 2}),
        ("a", [instance("a", state="stopped", **DISK)], {}, {RUNS: 1}, {RUNS: 1}),
        ("a", [instance("a", state="terminated", **DISK)], {}, {}, {RUNS: 1}),
        ("a", [instance("a", **DISK), instance("b", **DISK)], {}, {RUNS: 2}, {RUNS: 1, RESTS: 1}),
        ("a", [instance("a", **DISK), instance("b", **DISK)], {"terminate_retired": True}, {RUNS: 2}, {RUNS: 1}),
        ("a", [instance("a", state="stopped", retired=RETIRED_AT, **DISK)], {}, {RESTS: 1}, {RUNS: 1}),
        (
            "a",
            [instance("a", **DISK), instance("b", retired=RETIRED_AT, **DISK)],
            {},
            {RUNS: 2},
            {RUNS: 1, RESTS: 1},
        ),
        (
            "a",
            [instance("a", image_id="ami-old", **DISK)],
            {"replace": "always"},
            {RUNS: 1},
            {RUNS: 1, RESTS: 1},
        ),
        (
            "a",
            [instance("a", volume_type="gp2", volume_size=8)],
            {},
            {("t3.small", "gp2", 8): 1},
            {RUNS: 1},
        ),
    ],
    ids=[
        "new",
        "one more",
        "stopped for the night",
        "terminated",
        "retired now",
        "terminated now",
        "back again",
        "retired and running",
        "replaced",
        "a larger disk",
    ],
)
def test_capacity_is_what_is_charged_for(
    desired: str,
    existing: list[Instance],
    policy: dict[str, Any],
    before: dict[tuple[Any, ...], int],
    after: dict[tuple[Any, ...], int],
) -> None:
    launch = {**LAUNCH, **DISK}
    plan = make_plan([server(name) for name in desired], existing, launch, Policy(**policy))
    capacity = describe_capacity(plan, existing, launch)
    assert _counts(capacity["before"]) == before
    assert _counts(capacity["after"]) == after


def _counts(groups: list[dict[str, Any]]) -> dict[tuple[Any, ...], int]:
    return {(each["instance_type"], each["volume_type"], each["volume_size"]): each["count"] for each in groups}
