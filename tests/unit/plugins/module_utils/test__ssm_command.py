# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a script is shared out to many instances."""

from __future__ import annotations

import pytest
from ansible_collections.algotrading.aws.plugins.module_utils._ssm_command import Command, plan_waves, resolve


@pytest.mark.parametrize(
    ("instances", "concurrency", "sizes"),
    [
        (0, 1, []),
        (1, 1, [[1]]),
        (50, 50, [[50]]),
        (51, 51, [[50, 1]]),
        (51, 50, [[50], [1]]),
        (120, 1, [[50], [50], [20]]),
        (120, 99, [[50], [50], [20]]),
        (120, 100, [[50, 50], [20]]),
        (120, 120, [[50, 50, 20]]),
        (120, 1000, [[50, 50, 20]]),
    ],
)
def test_no_command_has_more_than_50_and_no_wave_more_than_may_run(
    instances: int, concurrency: int, sizes: list[list[int]]
) -> None:
    ids = [f"i-{number}" for number in range(instances)]
    waves = plan_waves(ids, concurrency)
    assert [[len(chunk) for chunk in wave] for wave in waves] == sizes
    assert [instance_id for wave in waves for chunk in wave for instance_id in chunk] == ids


@pytest.mark.parametrize(
    ("limit", "instances", "number"),
    [("0", 10, 0), ("7", 10, 7), ("0%", 10, 0), ("10%", 9, 0), ("10%", 25, 2), ("100%", 25, 25)],
)
def test_a_limit_is_a_number_or_a_share(limit: str, instances: int, number: int) -> None:
    assert resolve("max_errors", limit, instances) == number


@pytest.mark.parametrize(
    ("instances", "concurrency", "seconds"), [(1, 1, 760), (50, 50, 760), (50, 25, 860), (50, 1, 5660)]
)
def test_a_command_takes_as_many_turns_as_its_instances_need(instances: int, concurrency: int, seconds: int) -> None:
    assert Command("true", execution_timeout=100, timeout_seconds=600).longest(instances, concurrency) == seconds
