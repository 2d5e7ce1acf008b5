# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""EC2's request rates: token buckets of the sizes that AWS publishes, for each action of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.local_aws.calls import is_mutating
from tests.local_aws.errors import AwsError
from tests.local_aws.front import AskNext
from tests.local_aws.messages import AwsRequest, AwsResponse


@dataclass(frozen=True)
class Size:
    """What a bucket holds, and what it gets back in a second."""

    capacity: float
    refill: float


# "Request throttling for the Amazon EC2 API" in EC2's Developer Guide.
_READING = Size(100, 20)
_READING_ALL = Size(50, 10)
_MUTATING = Size(50, 5)
_OWN = {
    "AssociateIamInstanceProfile": Size(100, 5),
    "CreateTags": Size(100, 10),
    "DeleteTags": Size(100, 10),
    "DisassociateIamInstanceProfile": Size(100, 5),
    "ModifyInstanceMetadataOptions": Size(100, 5),
    "ModifyNetworkInterfaceAttribute": Size(100, 5),
    "RunInstances": Size(5, 2),
    "StartInstances": Size(5, 2),
    "TerminateInstances": Size(100, 5),
}
# These take from a smaller bucket when they name neither a filter nor a page.
_PAGED = {
    "DescribeInstances",
    "DescribeInstanceStatus",
    "DescribeNetworkInterfaces",
    "DescribeSecurityGroups",
    "DescribeSnapshots",
    "DescribeSpotInstanceRequests",
    "DescribeVolumes",
}
# By the instances that a call is about, besides the call itself.
_INSTANCES = {
    "RunInstances": Size(1000, 2),
    "StartInstances": Size(1000, 2),
    "StopInstances": Size(1000, 20),
    "TerminateInstances": Size(1000, 20),
}


def least_seconds(action: str, calls: int) -> float:
    """Return in how many seconds so many calls of an action that has a bucket of its own can be taken."""
    size = _OWN[action]
    return max(0.0, (calls - size.capacity) / size.refill)


class Bucket:
    """Tokens that calls take, and that come back with time."""

    def __init__(self, size: Size, now: float) -> None:
        self._size = size
        self._tokens = size.capacity
        self._filled = now

    def holds(self, tokens: float, now: float) -> bool:
        """Say whether so many can be taken now."""
        self._tokens = min(self._size.capacity, self._tokens + (now - self._filled) * self._size.refill)
        self._filled = now
        return self._tokens >= tokens

    def take(self, tokens: float) -> None:
        """Take what `holds` has found."""
        self._tokens -= tokens


class Rates:
    """Refuses what EC2 would refuse as too fast, once a test has asked for it; a refused call takes no token."""

    def __init__(self, limited: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._limit(limited)

    def handle(self, request: AwsRequest, ask_next: AskNext) -> AwsResponse:
        """Take the call's tokens, or refuse it."""
        if self._limited and request.service == "ec2":
            self._take(_needs(request), request.region)
        return ask_next(request)

    def reset(self) -> None:
        """Refuse nothing."""
        self._limit(False)

    def controls(self) -> dict[tuple[str, str], Callable[..., object]]:
        """Return what tests set."""
        return {("POST", "rates"): self._limit}

    def _limit(self, limited: bool) -> None:
        self._limited = limited
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def _take(self, needs: dict[str, tuple[Size, float]], region: str) -> None:
        now = self._clock()
        taken = []
        for name, (size, tokens) in needs.items():
            bucket = self._buckets.setdefault((region, name), Bucket(size, now))
            if not bucket.holds(tokens, now):
                raise AwsError("RequestLimitExceeded", "Request limit exceeded.", 503)
            taken.append((bucket, tokens))
        for bucket, tokens in taken:
            bucket.take(tokens)


def _needs(request: AwsRequest) -> dict[str, tuple[Size, float]]:
    """Return what a call takes of which buckets, by their names."""
    action = request.operation
    if action in _PAGED and not (request.params.get("Filters") or request.params.get("MaxResults")):
        return {f"{action} of all": (_READING_ALL, 1)}
    size = _OWN.get(action) or (_MUTATING if is_mutating(action) else _READING)
    needs = {action: (size, 1.0)}
    if action in _INSTANCES:
        needs[f"{action} by instances"] = (_INSTANCES[action], _instances(request))
    return needs


def _instances(request: AwsRequest) -> float:
    return float(request.params.get("MaxCount") or len(request.params.get("InstanceIds", [])))
