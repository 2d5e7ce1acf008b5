# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which retired servers may go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_retired import Retired, judge

from tests.unit.plugins.module_utils.builders import RETIRED_AT, instance

THEN = datetime(2026, 2, 2, 21, 5, tzinfo=UTC)


def judged(
    days: int = 31,
    seconds: int = 0,
    *,
    after: int = 30,
    state: str = "stopped",
    retired: str = RETIRED_AT,
    **about: Any,
) -> Retired:
    server = instance("a", state=state, retired=retired, **about)
    return judge("qa", "trader", server, THEN + timedelta(days=days, seconds=seconds), after)


@pytest.mark.parametrize(
    ("days", "seconds", "after", "due", "told"),
    [
        (30, 0, 30, False, 30),
        (30, 1, 30, True, 30),
        (29, 86399, 30, False, 29),
        (31, 0, 30, True, 31),
        (0, 0, 0, False, 0),
        (0, 1, 0, True, 0),
        (-1, 0, 0, False, -1),
    ],
)
def test_exactly_so_many_days_are_not_longer(days: int, seconds: int, after: int, due: bool, told: int) -> None:
    found = judged(days, seconds, after=after)
    assert (found.due, found.days) == (due, told)
    assert found.reason == f"has {'' if due else 'not '}been retired for longer than {after} days"


@pytest.mark.parametrize(
    "tag", ["true", "", "2020-01-01", "2020-01-01T00:00:00", "2020-13-01T00:00:00Z", "2020-01-01T00:00:00+01:00"]
)
def test_a_mark_that_a_hand_wrote_is_told_and_never_due(tag: str) -> None:
    found = judged(retired="", tags={"Retired": tag})
    assert (found.due, found.days) == (False, None)
    assert found.reason == f"its tag Retired={tag} is no time that a run wrote"


@pytest.mark.parametrize("state", ["pending", "running", "stopping"])
def test_a_server_that_is_not_stopped_is_not_due(state: str) -> None:
    found = judged(state=state)
    assert (found.due, found.reason) == (False, f"is {state}, not stopped")


@pytest.mark.parametrize(
    "tags", [{"Environment": "dev"}, {"Role": "bastion"}, {"Name": "trading-server-prod-x"}], ids=str
)
def test_a_server_of_somebody_else_by_some_tags_is_not_due(tags: dict[str, str]) -> None:
    found = judged(tags=tags)
    ((key, value),) = tags.items()
    assert (found.due, found.reason) == (False, f"is somebody else's by its tags: it has {key}={value}")
