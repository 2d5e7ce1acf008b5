# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The pace of requests, against a clock that only the pauses move."""

from __future__ import annotations

import random
import time

import pytest
from ansible_collections.algotrading.aws.plugins.module_utils._request_rate import RequestRate

from tests.local_aws.rates import Bucket, Size

REQUESTS = 200


class Clock:
    """A clock that stands still but for pauses."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock.monotonic)
    monkeypatch.setattr(time, "sleep", clock.sleep)
    return clock


@pytest.mark.parametrize("latest", [0.0, 0.4], ids=["at once", "some later than others"])
def test_many_requests_take_hardly_more_than_the_least_time_and_none_comes_too_fast(
    clock: Clock, latest: float
) -> None:
    """The bucket of the local AWS is asked. Seen failing without a token in reserve, and at 1.6 requests a second.

    The first request is on its way for the longest time, in which a full bucket gets nothing back.
    """
    rate, began = RequestRate(5, 2), clock.now
    chance = random.Random(1)  # noqa: S311 - no secret
    arrivals = []
    for number in range(REQUESTS):
        rate.wait_for_turn()
        arrivals.append(clock.now + (chance.uniform(0, latest) if number else latest))
    bucket = Bucket(Size(5, 2), began)
    for arrival in sorted(arrivals):
        assert bucket.holds(1 - 1e-6, arrival)
        bucket.take(1)
    assert clock.now - began <= 1.15 * (REQUESTS - 5) / 2


def test_time_fills_the_bucket_and_not_more(clock: Clock) -> None:
    rate = RequestRate(5, 2)
    clock.sleep(3600)
    began = clock.now
    for _request in range(6):
        rate.wait_for_turn()
    assert clock.now - began == pytest.approx(1)
