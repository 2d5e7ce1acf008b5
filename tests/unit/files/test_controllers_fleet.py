# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The fleet function: every trader that can trade does, once, and the others are named."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from tests.unit.files.controllers import FEED, MORNING, End, World, make_world
from tests.unit.files.fake_aws import error
from tests.unit.files.fake_hosts import AGENT, BOOT, CHECKS, NEVER, RUN


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    return make_world(monkeypatch, tmp_path)


def test_a_fleet_of_120_trades_but_for_the_two_that_cannot(world: World) -> None:
    (broken,) = world.add_traders(1, exits=[3])
    world.add_traders(116)
    (failing,) = world.add_traders(1, checks=["impaired", "impaired", "ok"])
    (late,) = world.add_traders(1, agent=[500.0])
    (lost,) = world.add_traders(1, agent=[NEVER])
    began: dict[str, float] = {}

    def note(operation: str, parameters: dict[str, Any]) -> None:
        for each in parameters["InstanceIds"] if operation == "SendCommand" else ():
            began[each] = world.clock.now() - MORNING

    world.aws.before = note
    end = world.invoke("fleet", FEED)

    assert end.failed.keys() == {lost.name, broken.name}
    assert end.succeeded == 118
    assert sum(host.services for host in world.aws.hosts.values()) == 118
    assert "waits for its checks (instance check ok, system check ok, agent not reg" in end.failed[lost.name]["reason"]
    assert end.failed[broken.name]["reason"] == "run.sh ended with status 3 (Failed): the trader does not run"
    assert end.failed[broken.name]["commit"] == FEED["commit"]
    assert {host.starts for host in world.aws.hosts.values()} == {0, 1}
    assert failing.boots == 3
    assert failing.tags["Repairs"] == "2026-02-02 2"
    # Nobody waits for those that are late: all others have their command as soon as their own checks are passed.
    slow = {failing.instance_id, late.instance_id}
    assert max(when for host, when in began.items() if host not in slow) < CHECKS + 30
    assert end.remaining >= 20
    # The requests grow with chunks and looks, and not with hosts.
    looks = world.aws.calls["DescribeInstances"]
    assert looks < 900 / 5
    assert world.aws.calls["SendCommand"] <= 3 + 2
    assert world.aws.calls["StartInstances"] == 3 + 2
    assert world.aws.calls["ListCommandInvocations"] < 2 * looks
    assert world.aws.calls["GetCommandInvocation"] == 119
    assert world.aws.calls["DescribeInstanceInformation"] < looks + 2 * (CHECKS / 5 + 3)


def test_a_trader_is_told_the_feed_the_commit_and_the_deadline(world: World) -> None:
    (host,) = world.add_traders(1)
    record = {"requestPayload": {"scheduled_time": "2026-02-02T13:30:00Z"}, "responsePayload": FEED}
    end = world.invoke("fleet", record)

    assert host.runs == [
        {
            "TRADING_ACTION": "start",
            "TRADING_ROLE": "trader",
            "TRADING_GIT_REF": FEED["commit"],
            "TRADING_NATS_ADDRESS": "10.0.0.10",
            "TRADING_DEADLINE": "1770066300",
            "TRADING_NATS_AUTH": "none",
            "TRADING_REPOSITORY": "https://example.org/workload.git",
            "TRADING_SECRET_ID": "github/ssh-key",
        }
    ]
    assert end.result == {
        "environment": "dev",
        "outcomes": [
            {
                "name": host.name,
                "instance_id": host.instance_id,
                "status": "running",
                "reason": "",
                "commit": FEED["commit"],
                "services": {"trader": "running"},
            }
        ],
    }


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({}, "names no commit"),
        ({"responsePayload": None}, "tells nothing of the feed"),
        ({"responsePayload": {"errorMessage": "the feed failed"}}, "names no commit"),
        (FEED | {"commit": "main"}, "names no commit"),
        (FEED | {"commit": None}, "names no commit"),
        (FEED | {"feed_address": None}, "names no address"),
        (FEED | {"feed_address": "$(reboot)"}, "names no address"),
        (FEED | {"deadline": "tonight"}, "deadline 'tonight' is not a time"),
        (FEED | {"deadline": "2026-02-02T21:05:00"}, "has no time zone"),
    ],
)
def test_no_trader_starts_without_feed_and_commit(world: World, event: dict[str, Any], reason: str) -> None:
    world.add_traders(2)
    end = world.invoke("fleet", event)
    assert reason in end.failed["fleet_dev"]["reason"]
    assert not world.aws.calls


@pytest.mark.parametrize("lost", [1, 2])
def test_a_lost_answer_does_not_send_a_second_command(world: World, lost: int) -> None:
    world.add_traders(60)
    world.aws.lost_answers = lost
    end = world.invoke("fleet", FEED)
    assert len(end.outcomes) == 60
    assert {host.starts for host in world.aws.hosts.values()} == {1}


def test_a_command_that_never_left_is_sent_again(world: World) -> None:
    (host,) = world.add_traders(1)
    refusals = [error("InternalServerError", "try again", 500), error("ThrottlingException", "Rate exceeded")]

    def refuse(operation: str, parameters: dict[str, Any]) -> None:
        if operation == "SendCommand" and refusals:
            raise refusals.pop()

    world.aws.before = refuse
    assert world.invoke("fleet", FEED).outcomes[host.name]["status"] == "running"
    assert host.starts == 1


def test_two_events_at_the_same_moment_leave_every_trader_running_once(world: World) -> None:
    hosts = world.add_traders(60)
    first, second = world.invoke_twice_at_once("fleet", FEED)
    assert len(first.outcomes) == len(second.outcomes) == 60
    assert all(host.services for host in hosts)
    assert all(host.boots == 1 for host in hosts)
    # Both may send in the same moment; run.sh has a lock and starts nothing that runs.
    assert all(host.starts <= 2 for host in hosts)


def test_a_second_event_follows_the_commands_of_the_first(world: World) -> None:
    hosts = world.add_traders(60, run_seconds=200.0)
    ends: list[End] = []

    def come_again(now: float) -> None:
        if now > MORNING + CHECKS + 60 and not ends:
            world.clock.on_sleep = lambda now: None
            ends.append(world.invoke("fleet", FEED))

    world.clock.on_sleep = come_again
    ends.append(world.invoke("fleet", FEED))
    assert [len(end.outcomes) for end in ends] == [60, 60]
    assert {host.starts for host in hosts} == {1}


def test_a_later_event_looks_again_whether_the_traders_run(world: World) -> None:
    (host,) = world.add_traders(1)
    world.invoke("fleet", FEED)
    host.services = False
    world.invoke("fleet", FEED)
    assert host.services


def test_the_next_invocation_goes_on_where_time_ran_out(world: World) -> None:
    hosts = world.add_traders(60, agent=[AGENT, AGENT], run_seconds=120.0)
    (late,) = world.add_traders(1, agent=[400.0])
    end = world.invoke("fleet", FEED, "event", seconds=CHECKS + 60)
    assert end.remaining >= 20
    assert len(end.failed) == 61
    assert "waits for run.sh to end" in end.failed[hosts[0].name]["reason"]
    world.clock.sleep(60)
    end = world.invoke("fleet", FEED, "event", seconds=120)
    assert (len(end.failed), end.succeeded) == (1, 60)
    world.clock.sleep(120)
    assert len(world.invoke("fleet", FEED, "event").outcomes) == 61
    assert {host.starts for host in (*hosts, late)} == {1}


@pytest.mark.parametrize("tells_launch", [True, False])
def test_a_command_from_before_a_stop_proves_nothing(world: World, tells_launch: bool) -> None:
    (host,) = world.add_traders(1, tells_launch=tells_launch)
    world.invoke("fleet", FEED, "event")
    host.stop(world.clock.now())
    world.clock.sleep(60)
    world.invoke("fleet", FEED, "event")
    assert (host.services, host.boots, host.starts) == (True, 2, 2)


def test_a_host_that_vanishes_is_named(world: World) -> None:
    hosts = world.add_traders(2, agent=[200.0])

    def vanish(now: float) -> None:
        if now > MORNING + 60:
            world.aws.hosts.pop(hosts[0].instance_id, None)

    world.clock.on_sleep = vanish
    end = world.invoke("fleet", FEED)
    assert (end.failed.keys(), end.succeeded) == ({hosts[0].name}, 1)


def test_a_run_that_failed_is_tried_again_by_the_next_invocation(world: World) -> None:
    (host,) = world.add_traders(1, exits=[1, 0])
    assert host.name in world.invoke("fleet", FEED, "event").failed
    assert world.invoke("fleet", FEED, "event").outcomes[host.name]["status"] == "running"


def test_repairs_are_counted_across_invocations(world: World) -> None:
    (host,) = world.add_traders(1, checks=["impaired"])
    end = world.invoke("fleet", FEED, "event", seconds=200)
    assert host.boots == 2
    for _ in range(3):
        end = world.invoke("fleet", FEED, "event")
    assert host.boots == 3
    assert "2 repairs today did not help" in end.failed[host.name]["reason"]
    # Another day, another count.
    world.clock.sleep(86400)
    world.invoke("fleet", FEED | {"deadline": None})
    assert host.tags["Repairs"] == "2026-02-03 2"


def test_repairs_are_counted_across_two_invocations_at_once(world: World) -> None:
    (host,) = world.add_traders(1, checks=["impaired"])
    for end in world.invoke_twice_at_once("fleet", FEED):
        assert host.name in end.failed
    assert host.boots <= 3


def test_a_host_that_may_be_trading_is_not_stopped_for_a_repair(world: World) -> None:
    (host,) = world.add_traders(1)
    world.invoke("fleet", FEED)
    host.checks = ["impaired"]
    world.clock.sleep(5 * 3600)
    end = world.invoke("fleet", FEED | {"deadline": None})
    assert "not repaired as its service may run" in end.failed[host.name]["reason"]
    assert host.services
    assert (host.boots, host.starts) == (1, 1)


def test_every_state_of_ec2(world: World) -> None:
    now = world.clock.now()
    hosts = {
        state: world.add(f"trading-server-dev-{state}", "trader", state=state, boots=int(state == "running"))
        for state in ("pending", "running", "stopping", "stopped", "shutting-down", "terminated")
    }
    hosts["pending"].changes_at = now + BOOT
    hosts["stopping"].changes_at = now + 100
    outcomes = world.invoke("fleet", FEED).outcomes
    assert {name.rpartition("dev-")[2]: each["status"] for name, each in outcomes.items()} == {
        "pending": "running",
        "running": "running",
        "stopping": "running",
        "stopped": "running",
        "shutting-down": "skipped",
        "terminated": "skipped",
    }
    assert hosts["terminated"].boots == hosts["shutting-down"].boots == 0


def test_retired_hosts_and_other_roles_are_left_alone(world: World) -> None:
    world.add_traders(1)
    (retired,) = world.add_traders(1, tags={"Retired": "2026-01-01T00:00:00Z"})
    ingest = world.add("alpaca-websocket-ingest-dev", "ingest")
    assert len(world.invoke("fleet", FEED).outcomes) == 1
    assert retired.boots == ingest.boots == 0


def test_an_empty_fleet_is_a_failure(world: World) -> None:
    world.add_traders(1, state="terminated")
    assert world.invoke("fleet", FEED).failed.keys() == {"trading-server-dev-*"}


def test_two_hosts_for_one_model_are_both_refused(world: World) -> None:
    (good,) = world.add_traders(1)
    twins = [world.add("trading-server-dev-twin", "trader") for _ in range(2)]
    end = world.invoke("fleet", FEED)
    assert end.failed.keys() == {"trading-server-dev-twin"}
    for twin in twins:
        assert twin.instance_id in end.failed[twin.name]["reason"]
        assert twin.boots == 0
    assert good.services


def test_pages_are_read_to_the_end(world: World) -> None:
    world.aws.page = 7
    world.add_traders(20)
    assert len(world.invoke("fleet", FEED).outcomes) == 20


def test_nothing_is_started_after_the_deadline(world: World) -> None:
    hosts = world.add_traders(2)
    running = world.add("trading-server-dev-up", "trader", state="running", boots=1)
    world.clock.sleep(8 * 3600)
    end = world.invoke("fleet", FEED)
    assert {each["status"] for each in end.failed.values()} == {"skipped"}
    assert "deadline" in end.failed[hosts[0].name]["reason"]
    assert world.aws.calls["StartInstances"] == world.aws.calls["SendCommand"] == 0
    assert not running.services
    assert end.seconds == 0


def test_the_deadline_comes_while_hosts_boot(world: World) -> None:
    (quick, slow) = (*world.add_traders(1, run_seconds=100.0), *world.add_traders(1, agent=[200.0]))
    deadline = MORNING + CHECKS + 60
    end = world.invoke("fleet", FEED | {"deadline": f"2026-02-02T13:{int(deadline - MORNING) // 60 + 30}:00Z"})
    assert end.failed.keys() == {slow.name}
    assert end.failed[slow.name]["status"] == "skipped"
    assert (end.succeeded, quick.services, slow.starts) == (1, True, 0)


def test_a_lost_answer_is_followed_after_the_deadline_too(world: World) -> None:
    (host,) = world.add_traders(1)
    world.aws.lost_answers = 1
    end = world.invoke("fleet", FEED | {"deadline": "2026-02-02T13:32:00Z"})
    assert end.outcomes[host.name]["status"] == "running"
    assert host.starts == 1


def test_a_host_that_cannot_be_started_does_not_hold_up_the_others(world: World) -> None:
    hosts = world.add_traders(60)
    refused, scarce = hosts[7], hosts[31]
    until = MORNING + 400
    sent: dict[str, float] = {}

    def refuse(operation: str, parameters: dict[str, Any]) -> None:
        if operation == "StartInstances" and refused.instance_id in parameters["InstanceIds"]:
            raise error("UnauthorizedOperation", "You are not authorized")
        is_scarce = operation == "StartInstances" and scarce.instance_id in parameters["InstanceIds"]
        if is_scarce and world.clock.now() < until:
            raise error("InsufficientInstanceCapacity", "We do not have sufficient capacity", 500)
        if operation == "SendCommand":
            sent.update(dict.fromkeys(parameters["InstanceIds"], world.clock.now()))

    world.aws.before = refuse
    end = world.invoke("fleet", FEED)
    assert end.failed.keys() == {refused.name}
    assert "UnauthorizedOperation" in end.failed[refused.name]["reason"]
    assert end.succeeded == 59
    del sent[scarce.instance_id]
    assert max(sent.values()) < MORNING + CHECKS + 15


def test_a_trader_on_another_commit_is_a_failure(world: World) -> None:
    world.add_traders(1)
    (other,) = world.add_traders(1, commit="d" * 40)
    end = world.invoke("fleet", FEED)
    assert end.failed.keys() == {other.name}
    assert f"runs commit {'d' * 40}, and should run {FEED['commit']}" in end.failed[other.name]["reason"]


def test_an_agent_that_goes_away_before_the_command_is_waited_for(world: World) -> None:
    hosts = world.add_traders(60)
    gone = hosts[3]

    def go_away(operation: str, parameters: dict[str, Any]) -> None:
        if operation == "SendCommand" and world.clock.now() < MORNING + 150:
            gone.agent = [200.0]

    world.aws.before = go_away
    assert len(world.invoke("fleet", FEED).outcomes) == 60
    assert {host.starts for host in hosts} == {1}


def test_a_host_that_somebody_stops_is_not_fought_over(world: World) -> None:
    (stopped, other) = world.add_traders(2)

    def stop(now: float) -> None:
        if stopped.state == "running":
            world.clock.on_sleep = lambda now: None
            stopped.stop(now)

    world.clock.on_sleep = stop
    end = world.invoke("fleet", FEED)
    assert end.failed.keys() == {stopped.name}
    assert "somebody else stopped it" in end.failed[stopped.name]["reason"]
    assert (stopped.boots, other.services) == (1, True)


def test_aws_stutters(world: World) -> None:
    (host,) = world.add_traders(1)
    chance = random.Random(0)  # noqa: S311 - the same stutter in each run

    def stutter(operation: str, parameters: dict[str, Any]) -> None:
        if chance.random() < 0.2:
            raise error("RequestLimitExceeded", "Request limit exceeded.", 503)

    world.aws.before = stutter
    assert world.invoke("fleet", FEED).outcomes[host.name]["status"] == "running"
    assert host.starts == 1


@pytest.mark.parametrize("function", ["fleet", "shutdown"])
def test_when_aws_does_not_answer_at_all_that_is_what_is_said(world: World, function: str) -> None:
    world.add_traders(1, state="running")

    def refuse(operation: str, parameters: dict[str, Any]) -> None:
        raise error("InternalError", "An internal error has occurred", 500)

    world.aws.before = refuse
    end = world.invoke(function, FEED)
    assert [each["reason"] for each in end.failed.values()] == ["InternalError: An internal error has occurred"]
    assert end.remaining >= 20


def test_what_the_role_may_not_do_is_said_at_once(world: World) -> None:
    world.add_traders(1)

    def refuse(operation: str, parameters: dict[str, Any]) -> None:
        raise error("UnauthorizedOperation", "You are not authorized to perform this operation.", 403)

    world.aws.before = refuse
    end = world.invoke("fleet", FEED)
    assert end.failed["fleet_dev"]["reason"].startswith("UnauthorizedOperation")
    assert end.seconds == 0


def test_a_day_takes_as_long_as_its_hosts(world: World) -> None:
    world.add_traders(3)
    assert world.invoke("fleet", FEED).seconds <= BOOT + CHECKS + RUN + 15
