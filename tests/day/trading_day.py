# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An environment on a local AWS whose hosts and functions live, as the tests of a trading day and the demo have it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

from holidays.financial.ny_stock_exchange import NewYorkStockExchange

from tests.integration.account import Account
from tests.local_aws import LocalAws
from tests.local_aws.seed import BUCKETS, SECRET_ID
from tests.playbook import run_playbook
from tests.workload.repository import make_repository, serve_repository

NEW_YORK = ZoneInfo("America/New_York")


def next_monday(hour: int, minute: int) -> datetime:
    """A moment of a Monday to come on which the exchange is open all day, in New York.

    To come, as hosts and functions go by this machine's clock.
    """
    special = NewYorkStockExchange(categories=("public", "half_day"))
    today = datetime.now(NEW_YORK)
    mondays = (today + timedelta(days=7 * weeks - today.weekday()) for weeks in count(1))
    monday = next(each for each in mondays if each.date() not in special)
    return monday.replace(hour=hour, minute=minute, second=0, microsecond=0)


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.5)


@dataclass
class Day:
    """An environment, with the workload's repository behind its credential."""

    environment: str
    aws: LocalAws
    account: Account
    repository: Path
    commit: str
    url: str

    @property
    def arguments(self) -> tuple[str, str]:
        """What the playbook must be told, so that hosts take the workload from here."""
        return ("-e", f"trading_repository={self.url}")

    def credential(self) -> str:
        return _credential(self.aws)

    def objects(self) -> dict[str, bytes]:
        bucket = BUCKETS[self.environment]
        pages = self.account.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="models/")
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return {key: self.account.s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    def states(self) -> set[str]:
        return {host.state for host in self.account.hosts(self.environment)}


@contextmanager
def seeded_day(folder: Path, environment: str, models: int) -> Iterator[Day]:
    """Have the account as it is before the first run, and serve the workload's repository from the folder."""
    with LocalAws(hosts=True) as aws:
        account = Account(aws)
        account.seed(environment, models=models)
        path = folder / "algo-modeling-v2.git"
        commit = make_repository(path)
        with serve_repository(path, _credential(aws)) as url:
            yield Day(environment, aws, account, path, commit, url)


@contextmanager
def provisioned_day(folder: Path, *arguments: str, models: int) -> Iterator[Day]:
    """Provision qa by the playbook, with more arguments for it."""
    with seeded_day(folder, "qa", models) as day:
        run = run_playbook(day.environment, day.aws.environ, *day.arguments, *arguments)
        assert run.status == 0, run.output
        yield day


def _credential(aws: LocalAws) -> str:
    value = aws.client("secretsmanager").get_secret_value(SecretId=SECRET_ID)["SecretString"]
    return str(json.loads(value)["private-key"])
