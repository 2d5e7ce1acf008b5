# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The halt: a caller hangs at one call, so that it can be killed there; and copies of an account."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.local_aws import LocalAws


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.02)


@pytest.mark.parametrize("takes_effect", [False, True])
def test_a_caller_hangs_at_a_call(aws: LocalAws, s3: Any, takes_effect: bool) -> None:
    def make_buckets() -> None:
        for number in range(4):
            s3.list_buckets()
            s3.create_bucket(Bucket=f"bucket-{number}")

    aws.halt_at(3, takes_effect=takes_effect)
    with ThreadPoolExecutor() as pool:
        hanging: Future[None] = pool.submit(make_buckets)
        _wait_until(lambda: bool(aws.halted_at()))
        assert aws.halted_at() == "CreateBucket"
        assert not hanging.done()
        # Those who come later hang too: nobody runs on after the kill.
        late: Future[object] = pool.submit(aws.client("s3").list_buckets)
        aws.lift_halt()
        with pytest.raises(ConnectionClosedError):
            hanging.result(timeout=30)
        # Unless it comes only after the halt is lifted.
        with suppress(ConnectionClosedError):
            late.result(timeout=30)
    assert aws.halted_at() == ""
    assert len(s3.list_buckets()["Buckets"]) == 2 + takes_effect


def test_a_call_that_fails_hangs_too(aws: LocalAws, s3: Any) -> None:
    aws.halt_at(1, takes_effect=True)
    with ThreadPoolExecutor() as pool:
        hanging: Future[object] = pool.submit(s3.create_bucket, Bucket="x")
        _wait_until(lambda: bool(aws.halted_at()))
        aws.lift_halt()
        with pytest.raises(ConnectionClosedError):
            hanging.result(timeout=30)


def test_a_halt_that_is_not_reached_can_be_lifted(aws: LocalAws, s3: Any) -> None:
    aws.halt_at(2, takes_effect=False)
    s3.create_bucket(Bucket="bucket-1")
    assert aws.halted_at() == ""
    aws.lift_halt()
    s3.create_bucket(Bucket="bucket-2")


def test_a_copy_goes_its_own_way(aws: LocalAws, s3: Any) -> None:
    s3.create_bucket(Bucket="both")
    with aws.copy() as copy:
        copy.client("s3").create_bucket(Bucket="the-copys")
        s3.create_bucket(Bucket="the-originals")
        with copy.copy() as second:
            assert _buckets(second.client("s3")) == ["both", "the-copys"]
        assert _buckets(copy.client("s3")) == ["both", "the-copys"]
    assert _buckets(s3) == ["both", "the-originals"]


def _buckets(s3: Any) -> list[str]:
    return sorted(bucket["Name"] for bucket in s3.list_buckets()["Buckets"])


def test_functions_of_a_copy_run(aws: LocalAws) -> None:
    """The parts that work between calls begin anew in a copy."""
    with aws.copy() as copy:
        copy.wait_until_idle(timeout=30)
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            copy.client("lambda").invoke(FunctionName="nobody")


def test_a_copy_ends_with_its_block_and_with_the_original() -> None:
    with LocalAws() as original:
        with original.copy() as first:
            pass
        _wait_until(lambda: not _answers(first))
        second = original.copy()
        assert _answers(second)
    _wait_until(lambda: not _answers(second))


def _answers(aws: LocalAws) -> bool:
    try:
        aws.calls()
    except OSError:
        return False
    return True


def test_hosts_are_not_copied() -> None:
    with LocalAws(hosts=True) as aws, pytest.raises(RuntimeError, match="hosts are processes"):
        aws.copy()
