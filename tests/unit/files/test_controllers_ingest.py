# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ingest function: it returns only when the feed runs, as what it returns starts the traders."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.unit.files.controllers import DEADLINE, World, make_world
from tests.unit.files.fake_hosts import COMMIT, NEVER, FakeHost

NAME = "alpaca-websocket-ingest-dev"
SCHEDULED = {"scheduled_time": "2026-02-02T13:30:00Z"}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    return make_world(monkeypatch, tmp_path)


def _feed(world: World, **options: Any) -> FakeHost:
    return world.add(NAME, "ingest", address="10.0.0.10", **options)


def test_the_feed_starts_and_the_chain_learns_where_it_is(world: World) -> None:
    host = _feed(world)
    assert world.invoke("ingest", SCHEDULED).result == {
        "environment": "dev",
        "asked_at": "2026-02-02T13:30:00Z",
        "deadline": DEADLINE,
        "commit": COMMIT,
        "feed_address": "10.0.0.10",
        "outcomes": [
            {
                "name": NAME,
                "instance_id": host.instance_id,
                "status": "running",
                "reason": "",
                "commit": COMMIT,
                "services": {"trader": "running"},
            }
        ],
    }
    (told,) = host.runs
    assert told["TRADING_ROLE"] == "ingest"
    assert told["TRADING_GIT_REF"] == "feature/wire-streaming-val"
    assert told["TRADING_DEADLINE"] == "1770066300"
    assert "TRADING_NATS_ADDRESS" not in told


def test_what_it_returns_is_what_the_fleet_takes(world: World) -> None:
    _feed(world)
    (trader,) = world.add_traders(1)
    record = {"requestPayload": SCHEDULED, "responsePayload": world.invoke("ingest", SCHEDULED).result}
    assert world.invoke("fleet", record).outcomes[trader.name]["commit"] == COMMIT
    assert trader.runs[0]["TRADING_NATS_ADDRESS"] == "10.0.0.10"
    assert trader.runs[0]["TRADING_DEADLINE"] == "1770066300"


@pytest.mark.parametrize(
    ("event", "deadline"),
    [
        ({}, None),
        ({"deadline": "2026-02-02T18:05:00Z"}, "2026-02-02T18:05:00Z"),
        ({"deadline": "2026-02-02T13:05:00-05:00", **SCHEDULED}, "2026-02-02T18:05:00Z"),
        ({"scheduled_time": "2026-07-06T12:30:00Z"}, "2026-07-06T20:05:00Z"),
    ],
)
def test_the_deadline_comes_from_the_event(world: World, event: dict[str, Any], deadline: str | None) -> None:
    _feed(world)
    assert world.invoke("ingest", event).result["deadline"] == deadline


def test_a_commit_can_be_asked_for(world: World) -> None:
    host = _feed(world)
    assert world.invoke("ingest", {"git_ref": "e" * 40}).result["commit"] == "e" * 40
    assert host.runs[0]["TRADING_GIT_REF"] == "e" * 40


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"scheduled_time": "<aws.scheduler.scheduled-time>"}, "is not a time"),
        ({"git_ref": "--upload-pack=reboot"}, "neither a branch nor a commit"),
        ({"git_ref": "main; reboot"}, "neither a branch nor a commit"),
    ],
)
def test_an_event_that_makes_no_sense_is_refused(world: World, event: dict[str, Any], reason: str) -> None:
    host = _feed(world)
    assert reason in world.invoke("ingest", event).failed["ingest_dev"]["reason"]
    assert host.boots == 0


def test_a_feed_that_fails_raises_so_that_no_trader_starts(world: World) -> None:
    _feed(world, exits=[4])
    end = world.invoke("ingest", SCHEDULED)
    assert end.failed[NAME]["reason"] == "run.sh ended with status 4 (Failed): the trader does not run"
    assert not end.result


@pytest.mark.parametrize("options", [{"agent": [NEVER]}, {"checks": ["impaired"]}, {"commit": "not a commit"}])
def test_a_feed_short_of_running_raises(world: World, options: dict[str, Any]) -> None:
    _feed(world, **options)
    end = world.invoke("ingest", SCHEDULED)
    assert end.failed.keys() == {NAME}
    assert end.remaining >= 20


def test_a_feed_that_fails_its_checks_twice_is_repaired(world: World) -> None:
    host = _feed(world, checks=["impaired", "impaired", "ok"])
    assert world.invoke("ingest", SCHEDULED).result["feed_address"] == "10.0.0.10"
    assert host.boots == 3


def test_without_an_ingest_node_it_fails(world: World) -> None:
    _feed(world, state="terminated")
    assert world.invoke("ingest", {}).failed[NAME]["reason"] == "no host with the role ingest is there"


def test_two_ingest_nodes_are_refused_whatever_they_are_called(world: World) -> None:
    first, second = _feed(world), world.add("another", "ingest")
    end = world.invoke("ingest", {})
    assert end.failed.keys() == {NAME, "another"}
    assert first.boots == second.boots == 0
    for each in end.failed.values():
        assert re.search(
            f"{first.instance_id}.*{second.instance_id}|{second.instance_id}.*{first.instance_id}", each["reason"]
        )


def test_a_replaced_ingest_node_does_not_matter(world: World) -> None:
    _feed(world, state="terminated")
    host = _feed(world)
    assert world.invoke("ingest", {}).result["feed_address"] == host.address


def test_a_public_address_is_told_on_demand(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATS_ADDRESS", "public")
    host = _feed(world)
    assert world.invoke("ingest", {}).failed[NAME]["reason"] == "it has no public address"
    host.public_address = "198.51.100.7"
    assert world.invoke("ingest", {}).result["feed_address"] == "198.51.100.7"


def test_a_late_event_starts_no_feed(world: World) -> None:
    host = _feed(world)
    world.clock.sleep(9 * 3600)
    assert world.invoke("ingest", SCHEDULED).failed[NAME]["status"] == "skipped"
    assert host.boots == 0


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [("ENVIRONMENT", "", "ENVIRONMENT is not set"), ("NATS_AUTH", "password", "none, token"), ("MAX_RETRIES", "x", "")],
)
def test_settings_that_make_no_sense_are_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    monkeypatch.setenv(name, value)
    assert reason in world.invoke("ingest", {}).failed["ingest_dev"]["reason"]


def test_the_log_is_lines_of_json_without_the_script(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    _feed(world, exits=[1])
    world.invoke("ingest", SCHEDULED)
    logged = capsys.readouterr().out
    assert all(line.startswith('{"event": ') and line.endswith("}") for line in logged.splitlines())
    assert "github/ssh-key" not in logged
    assert "export" not in logged
