# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""EC2's request rates."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from werkzeug.datastructures import Headers

from tests.local_aws import LocalAws
from tests.local_aws.errors import AwsError
from tests.local_aws.messages import AwsRequest, AwsResponse
from tests.local_aws.rates import Rates
from tests.selftest.conftest import Host

REFUSED = "RequestLimitExceeded"


class Caller:
    """Calls the part at times of its own."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.rates = Rates(limited=True, clock=lambda: self.now)

    def answered(
        self, operation: str, times: int, service: str = "ec2", region: str = "us-east-1", **params: Any
    ) -> int:
        """Make calls at one moment, and return how many were not refused."""
        return sum(self._is_answered(operation, service, region, params) for _ in range(times))

    def _is_answered(self, operation: str, service: str, region: str, params: dict[str, Any]) -> bool:
        request = AwsRequest("POST", "/", Headers(), service=service, operation=operation, region=region)
        request.__dict__["params"] = params
        try:
            self.rates.handle(request, lambda _: AwsResponse(200, Headers()))
        except AwsError as error:
            if (error.code, error.status) != (REFUSED, 503):
                raise
            return False
        return True


@pytest.mark.parametrize(
    ("operation", "params", "capacity", "refill"),
    [
        ("RunInstances", {"MaxCount": 1}, 5, 2),
        ("StartInstances", {"InstanceIds": ["i-1"]}, 5, 2),
        ("StopInstances", {"InstanceIds": ["i-1"]}, 50, 5),
        ("TerminateInstances", {"InstanceIds": ["i-1"]}, 100, 5),
        ("CreateTags", {}, 100, 10),
        ("ModifyInstanceAttribute", {}, 50, 5),
        ("DescribeImages", {}, 100, 20),
        ("DescribeInstances", {"Filters": [{"Name": "tag:Role", "Values": ["trader"]}]}, 100, 20),
        ("DescribeInstances", {"MaxResults": 1000}, 100, 20),
        ("DescribeInstances", {"InstanceIds": ["i-1"]}, 50, 10),
    ],
)
def test_a_bucket_holds_what_aws_says_and_fills_again(
    operation: str, params: dict[str, Any], capacity: int, refill: int
) -> None:
    caller = Caller()
    assert caller.answered(operation, 2 * capacity, **params) == capacity
    caller.now += 1
    assert caller.answered(operation, 2 * capacity, **params) == refill
    caller.now += 3600
    assert caller.answered(operation, 2 * capacity, **params) == capacity, "no more than it holds"


def test_instances_are_counted_besides_calls() -> None:
    caller = Caller()
    assert caller.answered("RunInstances", 1, MaxCount=999) == 1
    assert caller.answered("RunInstances", 1, MaxCount=2) == 0
    # What was refused for its instances has taken nothing: the four calls that were left are left.
    assert caller.answered("RunInstances", 1, MaxCount=1) == 1
    caller.now += 60
    assert caller.answered("RunInstances", 1, MaxCount=120) == 1
    assert caller.answered("RunInstances", 1, MaxCount=1) == 0


def test_each_action_and_region_has_a_bucket_of_its_own() -> None:
    caller = Caller()
    assert caller.answered("RunInstances", 9, MaxCount=1) == 5
    assert caller.answered("RunInstances", 9, MaxCount=1, region="us-west-2") == 5
    assert caller.answered("StartInstances", 9, InstanceIds=["i-1"]) == 5
    assert caller.answered("ListObjectsV2", 9999, service="s3") == 9999


def test_launches_are_refused_before_they_take_effect(aws: LocalAws, host: Host) -> None:
    aws.limit_rates()
    codes: Counter[str] = Counter()

    def launch(_: int) -> None:
        try:
            host.run()
            codes["launched"] += 1
        except ClientError as error:
            codes[error.response["Error"]["Code"]] += 1

    begin = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(launch, range(60)))
    most = 5 + 2 * (time.monotonic() - begin)

    assert codes.keys() == {"launched", REFUSED}
    assert 5 <= codes["launched"] <= most
    pages = host.ec2.get_paginator("describe_instances").paginate()
    assert len(list(pages.search("Reservations[].Instances[]"))) == codes["launched"]
    refused = [call for call in aws.calls() if call.status == 503]
    assert len(refused) == codes[REFUSED]


def test_a_reset_lifts_the_limits(aws: LocalAws, ec2: Any) -> None:
    aws.limit_rates()
    aws.reset()
    for _ in range(60):
        ec2.describe_instances()
