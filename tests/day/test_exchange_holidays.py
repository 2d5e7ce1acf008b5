# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What site.yml deploys keeps the exchange's calendar: a holiday on a Monday, and a half day from start to stop."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time

import pytest
from holidays.financial.ny_stock_exchange import NewYorkStockExchange

from tests.day.controllers import FUNCTIONS
from tests.day.trading_day import NEW_YORK, wait_until
from tests.integration.account import Account
from tests.local_aws import LocalAws
from tests.playbook import run_playbook

COMMIT = "c0ffee" * 6 + "c0de"
RUNS = {"commit": COMMIT, "services": {"all": "running"}, "error": None}
MONDAY = 0


@pytest.fixture
def account() -> Iterator[Account]:
    """An environment that is down."""
    with LocalAws(hosts=True) as aws:
        # Instances without processes: here it is about when they are started and stopped.
        aws.instant_hosts()
        aws.stub_command(stdout=f"{json.dumps(RUNS)}\n")
        account = Account(aws)
        account.seed("qa", models=2)
        run = run_playbook("qa", aws.environ)
        assert run.status == 0, run.output
        account.ec2.stop_instances(InstanceIds=[host.instance_id for host in account.hosts("qa")])
        wait_until(lambda: _states(account) == {"stopped"}, 60)
        yield account


def _coming(category: str, weekday: int | None = None) -> date:
    """The next such day of the exchange; the functions' calendar has this year and the next."""
    today = datetime.now(NEW_YORK).date()
    days = NewYorkStockExchange(years=[today.year, today.year + 1], categories=category)
    return min(day for day in days if day > today and weekday in (None, day.weekday()))


def _states(account: Account) -> set[str]:
    return {host.state for host in account.hosts("qa")}


def _let_it_be(aws: LocalAws, day: date, hour: int, minute: int) -> None:
    aws.set_time(datetime.combine(day, time(hour, minute), NEW_YORK))
    aws.wait_until_idle(180)


def test_on_a_holiday_nothing_starts(account: Account) -> None:
    aws, day = account.aws, _coming("public", MONDAY)
    _let_it_be(aws, day, 8, 29)
    aws.forget_calls()
    _let_it_be(aws, day, 8, 30)

    (feed,) = aws.invocations(FUNCTIONS["ingest"])
    (fleet,) = aws.invocations(FUNCTIONS["fleet"])
    assert feed.result == fleet.result == {"environment": "qa", "closed": day.isoformat(), "outcomes": []}
    assert "StartInstances" not in [call.operation for call in aws.calls()]
    assert _states(account) == {"stopped"}


def test_a_half_day_ends_at_13_05(account: Account) -> None:
    aws, day = account.aws, _coming("half_day")
    _let_it_be(aws, day, 8, 29)
    _let_it_be(aws, day, 8, 30)
    feed = aws.invocations(FUNCTIONS["ingest"])[-1]
    assert feed.error is None, feed.error
    end = datetime.combine(day, time(13, 5), NEW_YORK).astimezone(UTC)
    assert feed.result["deadline"] == f"{end:%Y-%m-%dT%H:%M:%SZ}"
    assert _states(account) == {"running"}

    _let_it_be(aws, day, 13, 5)
    shutdown = aws.invocations(FUNCTIONS["shutdown"])[-1]
    assert shutdown.error is None, shutdown.error
    assert {outcome["status"] for outcome in shutdown.result["outcomes"]} == {"stopped"}
    assert _states(account) == {"stopped"}
    # So that no start from before undoes it.
    assert all("StoppedAt" in host.tags for host in account.hosts("qa"))
