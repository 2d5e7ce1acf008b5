# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who stopped last is obeyed: no start that was asked for before a stop starts anything after it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.files.controllers import FEED, MORNING, World, make_world
from tests.unit.files.fake_aws import error
from tests.unit.files.fake_hosts import CHECKS, NEVER, FakeHost

ASKED = FEED | {"asked_at": "2026-02-02T13:30:00Z"}
SCHEDULED = {"scheduled_time": "2026-02-02T13:30:00Z"}
REASON = "it was stopped at {}, after this start was asked for"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    return make_world(monkeypatch, tmp_path)


def _stop_when(world: World, condition: Callable[[], bool]) -> None:
    """Let a shutdown come in the middle of another invocation."""

    def stop(_now: float) -> None:
        if condition():
            world.clock.on_sleep = lambda now: None
            world.invoke("shutdown", {})

    world.clock.on_sleep = stop


def _assert_left_stopped(end: Any, hosts: list[FakeHost]) -> None:
    assert end.failed.keys() == {host.name for host in hosts}
    for host in hosts:
        assert end.failed[host.name]["status"] == "skipped"
        assert end.failed[host.name]["reason"] == REASON.format(host.tags["StoppedAt"])
        assert host.state == "stopped"


@pytest.mark.parametrize("function", ["fleet", "ingest"])
def test_a_retry_of_a_start_does_not_undo_a_stop(world: World, function: str) -> None:
    if function == "fleet":
        event, hosts = ASKED, [*world.add_traders(3), *world.add_traders(1, agent=[NEVER])]
    else:
        event, hosts = SCHEDULED, [world.add("alpaca-websocket-ingest-dev", "ingest", agent=[NEVER])]
    assert hosts[-1].name in world.invoke(function, event, "event").failed
    world.invoke("shutdown", {})
    boots = [host.boots for host in hosts]

    end = world.invoke(function, event, "event")
    _assert_left_stopped(end, hosts)
    assert [host.boots for host in hosts] == boots
    assert end.seconds == 0


def test_a_stop_between_the_feed_and_the_traders_is_obeyed(world: World) -> None:
    """As by start.yml, which hands on what the ingest function returned, and by the chain."""
    world.add("alpaca-websocket-ingest-dev", "ingest")
    hosts = world.add_traders(2)
    told = world.invoke("ingest", {}).result
    world.invoke("shutdown", {})
    _assert_left_stopped(world.invoke("fleet", told), hosts)
    assert [host.boots for host in hosts] == [0, 0]


def test_a_host_that_waits_for_capacity_is_not_started_after_a_stop(world: World) -> None:
    (host,) = world.add_traders(1)

    def refuse(operation: str, parameters: dict[str, Any]) -> None:
        if operation == "StartInstances" and world.clock.now() < MORNING + 200:
            raise error("InsufficientInstanceCapacity", "We do not have sufficient capacity", 500)

    world.aws.before = refuse
    _stop_when(world, lambda: world.clock.now() > MORNING + 100)
    _assert_left_stopped(world.invoke("fleet", FEED | {"deadline": None}), [host])
    assert host.boots == 0


def test_a_stop_in_the_middle_of_a_start_sends_and_repairs_nothing_more(world: World) -> None:
    booting = world.add_traders(2)
    (sick,) = world.add_traders(1, checks=["impaired"])
    _stop_when(world, lambda: world.clock.now() > MORNING + CHECKS - 20)
    end = world.invoke("fleet", FEED)
    _assert_left_stopped(end, [*booting, sick])
    assert [host.starts for host in (*booting, sick)] == [0, 0, 0]
    assert "Repairs" not in sick.tags


def test_a_start_that_is_asked_for_after_a_stop_starts_all(world: World) -> None:
    (host,) = world.add_traders(1)
    world.invoke("fleet", ASKED)
    world.invoke("shutdown", {})
    later = FEED | {"asked_at": "2026-02-02T15:30:00Z"}
    assert world.invoke("fleet", later).outcomes[host.name]["status"] == "running"


def test_a_mark_that_is_no_time_keeps_nothing_down(world: World) -> None:
    (host,) = world.add_traders(1, tags={"StoppedAt": "yesterday"})
    assert world.invoke("fleet", FEED).outcomes[host.name]["status"] == "running"


@pytest.mark.parametrize(
    ("event", "asked_at"),
    [
        (SCHEDULED, "2026-02-02T13:30:00Z"),
        (SCHEDULED | {"asked_at": "2026-02-02T14:00:00Z"}, "2026-02-02T13:30:00Z"),
        ({"asked_at": "2026-02-02T08:00:00-05:00"}, "2026-02-02T13:00:00Z"),
        ({}, "2026-02-02T13:31:00Z"),
    ],
)
def test_the_chain_learns_when_the_start_was_asked_for(world: World, event: dict[str, str], asked_at: str) -> None:
    world.add("alpaca-websocket-ingest-dev", "ingest")
    world.clock.sleep(60)
    assert world.invoke("ingest", event).result["asked_at"] == asked_at


def test_a_host_that_a_start_had_in_hand_when_the_stop_came_is_stopped_too(world: World) -> None:
    (host,) = world.add_traders(1)

    def start(now: float) -> None:
        world.clock.on_sleep = lambda now: None
        host.start(now)

    world.clock.on_sleep = start
    world.invoke("shutdown", {})
    assert (host.boots, host.state) == (1, "stopped")


def test_every_live_host_is_marked_before_anything_is_stopped(world: World) -> None:
    feed = world.add("alpaca-websocket-ingest-dev", "ingest", state="running")
    up, down = world.add_traders(2, state="running"), world.add_traders(1010)
    (gone,) = world.add_traders(1, state="terminated")
    (retired,) = world.add_traders(1, tags={"Retired": "2026-01-01T00:00:00Z"})
    order: list[str] = []
    world.aws.before = lambda operation, parameters: order.append(operation)
    world.invoke("shutdown", {})

    assert {host.tags.get("StoppedAt") for host in (feed, *up, *down)} == {"2026-02-02T13:30:00Z"}
    assert "StoppedAt" not in gone.tags | retired.tags
    assert order.count("CreateTags") == 2
    acts = [each for each in order if each in ("CreateTags", "SendCommand", "StopInstances")]
    assert acts[:2] == ["CreateTags"] * 2


def test_hosts_that_cannot_be_marked_are_stopped_all_the_same(world: World) -> None:
    hosts = world.add_traders(300, state="running")

    def refuse(operation: str, parameters: dict[str, Any]) -> None:
        if operation == "CreateTags":
            raise error("UnauthorizedOperation", "You are not authorized to perform this operation.", 403)

    world.aws.before = refuse
    assert len(world.invoke("shutdown", {}).outcomes) == 300
    assert {host.state for host in hosts} == {"stopped"}
    assert world.aws.calls["CreateTags"] == 1


def test_one_host_that_cannot_be_marked_leaves_no_other_one_unmarked(world: World) -> None:
    hosts = world.add_traders(60, state="running")
    full = hosts[17]

    def refuse(operation: str, parameters: dict[str, Any]) -> None:
        if operation == "CreateTags" and full.instance_id in parameters["Resources"]:
            raise error("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")

    world.aws.before = refuse
    world.invoke("shutdown", {})
    assert [host for host in hosts if "StoppedAt" not in host.tags] == [full]
    assert {host.state for host in hosts} == {"stopped"}


def test_a_mark_that_aws_stutters_at_is_made_later(world: World) -> None:
    (host,) = world.add_traders(1, state="running")
    refusals = [error("RequestLimitExceeded", "Request limit exceeded.", 503)] * 2

    def refuse(operation: str, parameters: dict[str, Any]) -> None:
        if operation in ("DescribeInstances", "CreateTags") and refusals:
            raise refusals.pop()

    world.aws.before = refuse
    world.invoke("shutdown", {})
    assert (host.tags["StoppedAt"], host.state) == ("2026-02-02T13:30:00Z", "stopped")
