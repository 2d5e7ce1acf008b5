# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The environment qa on a local AWS whose hosts and functions live, as the tests of a trading day have it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.integration.account import Account
from tests.local_aws import LocalAws
from tests.local_aws.seed import BUCKETS, SECRET_ID
from tests.playbook import run_playbook
from tests.workload.repository import make_repository, serve_repository

NEW_YORK = ZoneInfo("America/New_York")


def next_monday(hour: int, minute: int) -> datetime:
    """A moment of a Monday to come, in New York: hosts and functions go by this machine's clock, which is before it."""
    today = datetime.now(NEW_YORK)
    monday = today + timedelta(days=7 - today.weekday())
    return monday.replace(hour=hour, minute=minute, second=0, microsecond=0)


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.5)


@dataclass
class Day:
    """The environment qa, provisioned, with the workload's repository behind its credential."""

    aws: LocalAws
    account: Account
    repository: Path
    commit: str

    def credential(self) -> str:
        value = self.aws.client("secretsmanager").get_secret_value(SecretId=SECRET_ID)["SecretString"]
        return str(json.loads(value)["private-key"])

    def objects(self) -> dict[str, bytes]:
        bucket = BUCKETS["qa"]
        pages = self.account.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="models/")
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return {key: self.account.s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    def states(self) -> set[str]:
        return {host.state for host in self.account.hosts("qa")}


@contextmanager
def provisioned_day(folder: Path, *arguments: str, models: int) -> Iterator[Day]:
    """Provision qa by the playbook, with more arguments for it, and its workload's repository in the folder."""
    with ExitStack() as stack:
        aws = stack.enter_context(LocalAws(hosts=True))
        account = Account(aws)
        account.seed("qa", models=models)
        path = folder / "algo-modeling-v2.git"
        day = Day(aws, account, path, make_repository(path))
        url = stack.enter_context(serve_repository(path, day.credential()))
        run = run_playbook("qa", aws.environ, "-e", f"trading_repository={url}", *arguments)
        assert run.status == 0, run.output
        yield day
