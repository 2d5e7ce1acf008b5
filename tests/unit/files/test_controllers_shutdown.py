# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The shutdown function: all that can be stopped is, traders first, and what cannot is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.files.controllers import FEED, World, make_world
from tests.unit.files.fake_aws import error
from tests.unit.files.fake_hosts import BOOT, NEVER, STOP, FakeHost

UP: dict[str, Any] = {"state": "running", "boots": 1, "services": True}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    return make_world(monkeypatch, tmp_path)


def _feed(world: World) -> FakeHost:
    return world.add("alpaca-websocket-ingest-dev", "ingest", **UP)


def _order_of_stops(world: World) -> list[str]:
    """Return the ids in the order in which they are stopped, once they are."""
    order: list[str] = []

    def note(operation: str, parameters: dict[str, Any]) -> None:
        if operation == "StopInstances":
            order.extend(parameters["InstanceIds"])

    world.aws.before = note
    return order


def test_traders_upload_and_stop_and_then_the_feed(world: World) -> None:
    feed = _feed(world)
    traders = world.add_traders(120, **UP)
    order = _order_of_stops(world)
    end = world.invoke("shutdown", {})

    assert {each["status"] for each in end.outcomes.values()} == {"stopped"}
    assert len(end.outcomes) == 121
    assert {host.state for host in world.aws.hosts.values()} == {"stopped"}
    assert [host.runs for host in traders] == [[{"TRADING_ACTION": "stop", "TRADING_ROLE": "trader"}]] * 120
    assert order[-1] == feed.instance_id
    assert len(order) == len(set(order)) == 121
    assert world.aws.calls["SendCommand"] == 3
    assert world.aws.calls["StopInstances"] == 4


def test_every_state_of_ec2(world: World) -> None:
    now = world.clock.now()
    hosts = {
        state: world.add(f"trading-server-dev-{state}", "trader", state=state)
        for state in ("pending", "running", "stopping", "stopped", "shutting-down", "terminated")
    }
    hosts["pending"].changes_at = now + BOOT
    hosts["stopping"].changes_at = now + 100
    feed = _feed(world)
    outcomes = world.invoke("shutdown", {}).outcomes
    assert {name.rpartition("dev-")[2]: each["status"] for name, each in outcomes.items() if "server" in name} == {
        "pending": "stopped",
        "running": "stopped",
        "stopping": "stopped",
        "stopped": "stopped",
        "shutting-down": "skipped",
        "terminated": "skipped",
    }
    assert feed.state == "stopped"


def test_one_that_refuses_does_not_keep_the_others_up(world: World) -> None:
    feed = _feed(world)
    traders = world.add_traders(60, **UP)
    refusing = world.add("trading-server-dev-protected", "trader", tags={"Protected": "yes"}, **UP)
    end = world.invoke("shutdown", {})
    assert end.failed.keys() == {refusing.name}
    assert end.failed[refusing.name]["reason"].startswith("AWS refused to stop it: OperationNotPermitted")
    assert end.succeeded == 61
    assert {host.state for host in (*traders, feed)} == {"stopped"}
    # The next invocation only has this one left.
    del refusing.tags["Protected"]
    assert len(world.invoke("shutdown", {}).outcomes) == 62
    assert traders[0].runs == [{"TRADING_ACTION": "stop", "TRADING_ROLE": "trader"}]


def test_a_second_shutdown_does_nothing(world: World) -> None:
    _feed(world)
    world.add_traders(3, **UP)
    world.invoke("shutdown", {})
    world.aws.calls.clear()
    assert len(world.invoke("shutdown", {}).outcomes) == 4
    assert world.aws.calls.keys() == {"DescribeInstances", "CreateTags"}


def test_two_shutdowns_at_the_same_moment(world: World) -> None:
    _feed(world)
    world.add_traders(20, **UP)
    ends = world.invoke_twice_at_once("shutdown", {})
    assert [len(end.outcomes) for end in ends] == [21, 21]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"agent": [NEVER]}, "its agent is not online"),
        ({"run_seconds": NEVER}, "run.sh did not end in time"),
    ],
)
def test_a_trader_that_cannot_upload_is_stopped_in_any_case(world: World, options: dict[str, Any], reason: str) -> None:
    (trader,) = world.add_traders(1, **UP, **options)
    end = world.invoke("shutdown", {})
    assert end.outcomes[trader.name]["status"] == "stopped"
    assert end.outcomes[trader.name]["reason"] == f"its last upload is uncertain: {reason}"
    assert end.seconds <= 180 + STOP + 15


def test_ssm_out_of_reach_keeps_nothing_up(world: World) -> None:
    traders = world.add_traders(3, **UP)

    def refuse(operation: str, parameters: dict[str, Any]) -> None:
        if operation in ("DescribeInstanceInformation", "SendCommand", "ListCommands"):
            raise error("AccessDeniedException", "not authorized")

    world.aws.before = refuse
    assert len(world.invoke("shutdown", {}).outcomes) == 3
    assert {host.state for host in traders} == {"stopped"}


def test_a_lost_answer_keeps_nothing_up(world: World) -> None:
    traders = world.add_traders(60, **UP)
    world.aws.lost_answers = 2
    assert len(world.invoke("shutdown", {}).outcomes) == 60
    assert {len(host.runs) for host in traders} == {1}


def test_a_trader_that_never_settles_does_not_keep_the_feed_up(world: World) -> None:
    feed = _feed(world)
    stuck = world.add("trading-server-dev-stuck", "trader", state="pending")
    end = world.invoke("shutdown", {})
    assert end.failed[stuck.name]["reason"] == "it is still pending"
    assert end.remaining >= 20
    assert feed.state == "stopped"


def test_the_next_invocation_goes_on_where_time_ran_out(world: World) -> None:
    feed = _feed(world)
    traders = world.add_traders(60, run_seconds=60.0, **UP)
    end = world.invoke("shutdown", {}, "event", seconds=50)
    assert end.remaining >= 20
    assert "it is still stopping" in {each["reason"] for each in end.failed.values()}
    assert len(world.invoke("shutdown", {}, "event").outcomes) == 61
    assert {host.state for host in (*traders, feed)} == {"stopped"}


def test_aws_stutters_while_the_traders_upload(world: World) -> None:
    (trader,) = world.add_traders(1, **UP)
    refusals = [error("ThrottlingException", "Rate exceeded")] * 3

    def refuse(operation: str, parameters: dict[str, Any]) -> None:
        if operation in ("ListCommandInvocations", "StopInstances") and refusals:
            raise refusals.pop()

    world.aws.before = refuse
    assert world.invoke("shutdown", {}).outcomes[trader.name]["reason"] == ""


def test_retired_hosts_are_left_alone(world: World) -> None:
    (retired,) = world.add_traders(1, tags={"Retired": "2026-01-01T00:00:00Z"}, **UP)
    assert world.invoke("shutdown", {}).outcomes == {}
    assert retired.state == "running"


def test_a_start_after_a_stop_is_a_new_start(world: World) -> None:
    """A command of before the stop is not taken for one that started something since."""
    (host,) = world.add_traders(1, boots=1)
    world.invoke("fleet", FEED, "event")
    world.invoke("shutdown", {})
    end = world.invoke("fleet", FEED, "event")
    assert end.outcomes[host.name]["status"] == "running"
    assert host.starts == 2
    assert host.services
