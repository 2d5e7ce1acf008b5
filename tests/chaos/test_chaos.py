# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A few seeds of the fault campaign; `make chaos` lives all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.disturb import live
from tests.chaos.points import draw
from tests.chaos.world import World

# One of each phase and one more, all with the network that was there, so that four undisturbed runs prepare them.
SEEDS = [1, 5, 6, 10]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as world:
        yield world


# One after the other: the account from which they start takes three runs to make.
@pytest.mark.xdist_group("chaos")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_run_that_is_run_again_leaves_what_was_asked_for(world: World, seed: int) -> None:
    """Seen failing with two servers for a model, by seed 10, without what keeps a launch from being made twice.

    That is a client token that is the same for every run, and Fleet.end_twins; for this seed one of them suffices. In
    test_trading_fleet.py each stands alone.
    """
    point = draw(seed)
    outcome = live(point, world.phase(point.phase, point.managed_network))
    assert outcome.problems == [], f"python -m tests.chaos --seed {seed}"
    assert len(outcome.kills) == 1
