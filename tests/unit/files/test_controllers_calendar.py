# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The exchange's calendar: a schedule starts nothing on a closed day, and a half day ends at 13:05 in New York."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.files.controllers import World, make_world

NAME = "alpaca-websocket-ingest-dev"
# Of each kind one day with New York's winter time, 08:30 being 13:30 UTC, and one with its summer time.
CALENDAR = {
    "years": [2026, 2028],
    "closed": ["2026-02-16", "2026-09-07"],
    "early": ["2026-11-27", "2028-07-03"],
}
CLOSED = ["2026-02-16T13:30:00Z", "2026-09-07T12:30:00Z"]
EARLY = [("2026-11-27T13:30:00Z", "2026-11-27T18:05:00Z"), ("2028-07-03T12:30:00Z", "2028-07-03T17:05:00Z")]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    world = make_world(monkeypatch, tmp_path)
    monkeypatch.setenv("MARKET_CALENDAR", json.dumps(CALENDAR))
    return world


@pytest.mark.parametrize("scheduled", CLOSED)
def test_on_a_closed_day_a_schedule_starts_nothing(world: World, scheduled: str) -> None:
    world.add(NAME, "ingest")
    world.add_traders(2)
    told = world.invoke("ingest", {"scheduled_time": scheduled}).result
    assert told == {"environment": "dev", "closed": scheduled[:10], "outcomes": []}
    assert world.invoke("fleet", {"responsePayload": told}).result == told
    assert not world.aws.calls


@pytest.mark.parametrize("event", [{}, {"asked_at": CLOSED[0]}, {"deadline": "2026-02-16T21:05:00Z"}])
def test_by_hand_a_closed_day_is_a_day_like_any_other(world: World, event: dict[str, str]) -> None:
    world.add(NAME, "ingest")
    world.clock.sleep(14 * 86400)
    assert world.invoke("ingest", event).outcomes[NAME]["status"] == "running"


@pytest.mark.parametrize(("scheduled", "deadline"), EARLY)
def test_a_half_day_ends_after_its_early_close(world: World, scheduled: str, deadline: str) -> None:
    world.add(NAME, "ingest")
    assert world.invoke("ingest", {"scheduled_time": scheduled}).result["deadline"] == deadline
    told = {"scheduled_time": scheduled, "deadline": "2030-01-01T12:00:00Z"}
    assert world.invoke("ingest", told).result["deadline"] == "2030-01-01T12:00:00Z"


@pytest.mark.parametrize(("scheduled", "deadline"), [("2026-03-06T13:30", "21:05"), ("2026-03-09T12:30", "20:05")])
def test_any_other_day_is_whole_and_has_no_remark(world: World, scheduled: str, deadline: str) -> None:
    """The last trading day before the clocks change, and the first after it."""
    world.add(NAME, "ingest")
    end = world.invoke("ingest", {"scheduled_time": f"{scheduled}:00Z"})
    assert end.result["deadline"] == f"{scheduled[:10]}T{deadline}:00Z"
    assert end.outcomes[NAME]["reason"] == ""


def test_a_year_that_the_calendar_does_not_know_is_traded_in_with_a_warning(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.add(NAME, "ingest")
    end = world.invoke("ingest", {"scheduled_time": "2027-01-04T13:30:00Z"})
    assert end.result["deadline"] == "2027-01-04T21:05:00Z"
    assert end.outcomes[NAME]["status"] == "running"
    assert end.outcomes[NAME]["reason"] == "the market calendar does not know 2027: run site.yml again"
    assert '"the market calendar is out of date"' in capsys.readouterr().out


def test_without_any_calendar_that_is_so_for_every_year(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MARKET_CALENDAR")
    world.add(NAME, "ingest")
    end = world.invoke("ingest", {"scheduled_time": CLOSED[0]})
    assert end.outcomes[NAME]["reason"] == "the market calendar does not know 2026: run site.yml again"


@pytest.mark.parametrize(
    ("scheduled", "state"),
    [
        ("2026-11-27T18:05:00Z", "stopped"),
        ("2028-07-03T17:05:00Z", "stopped"),
        ("2026-11-25T18:05:00Z", "running"),
        ("2026-09-07T17:05:00Z", "running"),
        ("2027-11-26T18:05:00Z", "running"),
    ],
)
def test_the_early_shutdown_stops_on_half_days_only(world: World, scheduled: str, state: str) -> None:
    (host,) = world.add_traders(1, state="running")
    end = world.invoke("shutdown", {"scheduled_time": scheduled, "only_on_early_close": True})
    assert host.state == state
    assert len(end.result["outcomes"]) == (1 if state == "stopped" else 0)
    assert bool(world.aws.calls) == (state == "stopped")


def test_an_early_shutdown_for_no_day_is_refused(world: World) -> None:
    (host,) = world.add_traders(1, state="running")
    end = world.invoke("shutdown", {"only_on_early_close": True})
    assert "needs scheduled_time" in end.failed["shutdown_dev"]["reason"]
    assert host.state == "running"


@pytest.mark.parametrize("calendar", ["", "[]", "{}", '{"years": [2026]}'])
def test_a_broken_calendar_is_said_and_keeps_nothing_up(
    world: World, monkeypatch: pytest.MonkeyPatch, calendar: str
) -> None:
    monkeypatch.setenv("MARKET_CALENDAR", calendar)
    scheduled = {"scheduled_time": CLOSED[0]}
    (host,) = world.add_traders(1, state="running")
    for function, event in (("ingest", scheduled), ("shutdown", scheduled | {"only_on_early_close": True})):
        end = world.invoke(function, event)
        assert end.failed[f"{function}_dev"]["reason"].startswith("MARKET_CALENDAR is no calendar")
    assert host.state == "running"
    assert world.invoke("shutdown", scheduled).outcomes[host.name]["status"] == "stopped"
