# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long a morning takes: from the schedule until the last trader runs, with hosts that are up at once."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass

from benchmarks.measure import BenchmarkError, cpu_of
from benchmarks.phases import ENVIRONMENT
from tests.day.trading_day import next_monday, wait_until
from tests.integration.account import Account
from tests.local_aws import LocalAws
from tests.local_aws.functions.records import Invocation
from tests.local_aws.seed_models import SYMBOLS
from tests.playbook import run_playbook

_FEED = f"AlpacaWebsocketLambda_{ENVIRONMENT}"
_FLEET = f"TradingServerLambda_{ENVIRONMENT}"
# What run.sh says at its end.
_RUNS = {"commit": "c0ffee" * 6 + "c0de", "services": {"all": "running"}, "error": None}
_PATIENCE = 900
# Ids of one StopInstances.
_MOST_IDS = 1000


@dataclass(frozen=True)
class Morning:
    """Seconds from the schedule until the feed runs, and until the last trader does; and what AWS was asked."""

    feed_seconds: float
    fleet_seconds: float
    endpoint_cpu: float
    calls: Counter[str]


def live_morning(models: int) -> Morning:
    """Provision an environment, stop it, and let its schedule start it."""
    with LocalAws(hosts=True) as aws:
        _provision(aws, models)
        aws.set_time(next_monday(8, 29))
        # What was due on Sunday.
        aws.wait_until_idle(_PATIENCE)
        aws.forget_calls()
        cpu = cpu_of(aws.pid)
        begin = time.time()
        aws.set_time(next_monday(8, 30))
        aws.wait_until_idle(_PATIENCE)
        feed, fleet = _only(aws, _FEED), _only(aws, _FLEET)
        _check(fleet, models)
        calls = Counter(f"{call.service}:{call.operation}" for call in aws.calls())
        return Morning(_ended(feed) - begin, _ended(fleet) - begin, cpu_of(aws.pid) - cpu, calls)


def _provision(aws: LocalAws, models: int) -> None:
    aws.instant_hosts()
    aws.stub_command(stdout=json.dumps(_RUNS))
    account = Account(aws)
    account.seed(ENVIRONMENT, models=models, symbols=len(SYMBOLS))
    run = run_playbook(ENVIRONMENT, aws.environ)
    if run.status:
        raise BenchmarkError(f"site.yml failed:\n{run.output}")
    ids = [host.instance_id for host in account.hosts(ENVIRONMENT)]
    for start in range(0, len(ids), _MOST_IDS):
        account.ec2.stop_instances(InstanceIds=ids[start : start + _MOST_IDS])
    wait_until(lambda: {host.state for host in account.hosts(ENVIRONMENT)} == {"stopped"}, _PATIENCE)


def _only(aws: LocalAws, function: str) -> Invocation:
    invocations = aws.invocations(function)
    if len(invocations) != 1 or invocations[0].error:
        raise BenchmarkError(f"{function} did not run once and well: {invocations}")
    return invocations[0]


def _check(fleet: Invocation, models: int) -> None:
    running = [outcome for outcome in fleet.result["outcomes"] if outcome["status"] == "running"]
    if len(running) != models:
        raise BenchmarkError(f"{len(running)} of {models} traders run")


def _ended(invocation: Invocation) -> float:
    if invocation.ended is None:
        raise BenchmarkError(f"{invocation.function} has not ended")
    return invocation.ended
