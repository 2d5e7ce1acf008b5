# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A whole trading day: what site.yml deploys starts by its schedule, trades, and stops by its schedule."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.day.secrecy import places_of, secret_in_processes
from tests.day.trading_day import Day, next_monday, provisioned_day, wait_until
from tests.local_aws.hosts.processes import find_processes
from tests.local_aws.seed_models import model_names

MODELS = 6


@pytest.fixture
def day(host_programs: None, tmp_path: Path) -> Iterator[Day]:
    with provisioned_day(tmp_path, models=MODELS) as day:
        yield day


def test_a_day_runs_by_itself(day: Day) -> None:
    aws = day.aws
    aws.set_time(next_monday(8, 29))
    # Sunday's shutdown.
    aws.wait_until_idle(120)
    assert aws.invocations("AlpacaWebsocketLambda_qa") == []

    with secret_in_processes(day, day.credential()) as shown:
        aws.set_time(next_monday(8, 30))
        aws.wait_until_idle(240)
    assert shown == set()

    (feed,) = aws.invocations("AlpacaWebsocketLambda_qa")
    assert feed.error is None, feed.error
    (fleet,) = aws.invocations("TradingServerLambda_qa")
    assert fleet.error is None, fleet.error
    assert feed.result["commit"] == day.commit
    outcomes = fleet.result["outcomes"]
    assert [outcome["status"] for outcome in outcomes] == ["running"] * MODELS
    assert {outcome["commit"] for outcome in outcomes} == {day.commit}

    wait_until(lambda: all(_trades(day, host.instance_id) for host in day.account.traders("qa")), 90)
    aws.set_time(next_monday(16, 5))
    aws.wait_until_idle(240)

    shutdown = aws.invocations("TradingServerShutdownLambda_qa")[-1]
    assert shutdown.error is None, shutdown.error
    wait_until(lambda: day.states() == {"stopped"}, 60)
    for host in day.account.hosts("qa"):
        assert not find_processes([host.instance_id])
    _check_uploads(day)
    assert places_of(day, day.credential()) == []


def _trades(day: Day, instance_id: str) -> list[Path]:
    """The trades files of a host that hold more than their header."""
    files = day.aws.host(instance_id).home.glob("algo-modeling-v2/backup_vscode/trades_*.csv")
    return [path for path in files if len(path.read_text().splitlines()) > 1]


def _check_uploads(day: Day) -> None:
    objects = day.objects()
    traders = {
        tuple(host.tags[key] for key in ("ModelType", "Symbol", "ModelNumber")): host
        for host in day.account.traders("qa")
    }
    assert sorted(traders) == sorted(model_names(MODELS))
    for model, host in traders.items():
        prefix = f"models/{'/'.join(model)}/"
        uploaded = {key: body for key, body in objects.items() if key.startswith(f"{prefix}trades/trades_20")}
        rows = [row for body in uploaded.values() for row in csv.DictReader(io.StringIO(body.decode()))]
        assert rows, f"{model} has no trades in S3"
        home = day.aws.host(host.instance_id).home
        log = (home / "algo-modeling-v2/backup_vscode/live_trader.log").read_text().splitlines()
        assert objects[f"{prefix}logs/app.log"].decode().splitlines()[-1] == log[-1]
