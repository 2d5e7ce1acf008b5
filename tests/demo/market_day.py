# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The trading day: what the schedules start, what it does, and what is left of it after the close."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime

from tests.day.trading_day import Day, next_monday
from tests.demo.errors import DemoError
from tests.demo.facts import FLEET, INGEST, SHUTDOWN, Fact, Look, label, news
from tests.demo.ledger import Model
from tests.demo.screen import Screen
from tests.local_aws.hosts.processes import find_processes

LOOK_SECONDS = 0.5
LONGEST_SECONDS = 300
TRADING_SECONDS = 30
COUNT_SECONDS = 5


class MarketDay:
    """Sets the clock, and shows what happens by itself."""

    def __init__(self, day: Day, screen: Screen) -> None:
        self._day = day
        self._screen = screen
        self._look = Look(day)
        self._seen: list[Fact] = []
        hosts = day.account.traders(day.environment)
        self._models = [Model(day, host) for host in hosts if "Retired" not in host.tags]

    def live(self) -> None:
        screen, monday = self._screen, next_monday(8, 30)
        with screen.step(f"{monday:%A, %d %B}, 08:29 in New York: the hosts are stopped, as over every weekend"):
            self._wait_for_morning()
        with screen.step("08:30: the schedule starts the feed, and the feed's success starts the traders"):
            self._let_happen(monday, [INGEST, FLEET])
            self._say_what_runs()
        with screen.step(f"The market is open: {TRADING_SECONDS} seconds of it"):
            self._watch_trading()
        with screen.step("16:05: the schedule stops all"):
            self._let_happen(next_monday(16, 5), [SHUTDOWN])
        with screen.step("After the close: nothing runs, and nothing is lost"):
            self._check_stopped()
            self._check_results()

    def _wait_for_morning(self) -> None:
        """Begin with hosts that site.yml did not just start."""
        ec2 = self._day.account.ec2
        ids = [host.instance_id for host in self._day.account.hosts(self._day.environment)]
        ec2.stop_instances(InstanceIds=ids)
        ec2.get_waiter("instance_stopped").wait(InstanceIds=ids, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        self._day.aws.set_time(next_monday(8, 29))
        # Sunday's shutdown.
        self._day.aws.wait_until_idle(LONGEST_SECONDS)
        self._seen = self._look.take()
        self._say_news("", [])

    def _let_happen(self, moment: datetime, functions: Sequence[str]) -> None:
        """Set the clock, and say what happens until no function is at work any more."""
        began = time.monotonic()
        self._day.aws.set_time(moment)
        is_over = False
        while not is_over:
            is_over = self._is_over()
            before, self._seen = self._seen, self._look.take()
            self._say_news(f"{moment:%H:%M} +{time.monotonic() - began:5.1f} s  ", before)
            if time.monotonic() - began > LONGEST_SECONDS:
                raise DemoError(f"That was not over after {LONGEST_SECONDS} seconds.")
        self._check_functions(functions)

    def _say_news(self, head: str, before: list[Fact]) -> None:
        traders = {model.name for model in self._models}
        for what, who in news(before, self._seen):
            self._screen.say_list(f"  {head}{what:<20}", [f"all {len(who)} traders"] if set(who) == traders else who)

    def _is_over(self) -> bool:
        """Tell whether every event is done, after at most the time between two looks."""
        try:
            self._day.aws.wait_until_idle(LOOK_SECONDS)
        except TimeoutError:
            return False
        return True

    def _check_functions(self, functions: Sequence[str]) -> None:
        """Every function was invoked, and its last attempt succeeded."""
        for function in functions:
            name = f"{function}_{self._day.environment}"
            invocations = self._day.aws.invocations(name)
            if not invocations:
                raise DemoError(f"{name} was not invoked.")
            if invocations[-1].error is not None:
                raise DemoError(f"{name} failed: {invocations[-1].error.get('errorMessage', '')}")

    def _say_what_runs(self) -> None:
        """The feed's commit and address went down the chain."""
        feed = self._day.aws.invocations(f"{INGEST}_{self._day.environment}")[-1].result
        fleet = self._day.aws.invocations(f"{FLEET}_{self._day.environment}")[-1].result
        commit, address = feed["commit"], feed["feed_address"]
        commits = {outcome["commit"] for outcome in fleet["outcomes"]}
        if commits != {commit}:
            raise DemoError(f"The feed runs commit {commit}, and the traders run {', '.join(sorted(commits))}.")
        self._screen.say(f"\nAll traders run the feed's commit {commit[:12]}, and hear it at {address}.")

    def _watch_trading(self) -> None:
        self._screen.say("Bars received and trades made, by model:\n")
        self._say_by_model(" " * 8, [model.name for model in self._models])
        began = time.monotonic()
        for seconds in range(0, TRADING_SECONDS + 1, COUNT_SECONDS):
            time.sleep(max(0.0, began + seconds - time.monotonic()))
            counts = [f"{model.received()}, {model.traded()}" for model in self._models]
            self._say_by_model(f"  +{seconds:3} s", counts)

    def _say_by_model(self, head: str, cells: list[str]) -> None:
        self._screen.say(head + "".join(cell.rjust(14) for cell in cells))

    def _check_stopped(self) -> None:
        hosts = {host.instance_id: label(host) for host in self._day.account.hosts(self._day.environment)}
        left = [hosts[instance_id] for instance_id, pids in find_processes(hosts).items() if pids]
        if left:
            raise DemoError(f"Processes are left on: {', '.join(left)}.")
        if self._day.states() != {"stopped"}:
            raise DemoError("Not all hosts are stopped.")
        self._screen.say(f"{len(hosts)} hosts are stopped, and no process of theirs is left.\n")

    def _check_results(self) -> None:
        objects = self._day.objects()
        results = [model.result(objects) for model in self._models]
        head = ("model", "bars received", "trades made", "trades in the bucket", "last log line in the bucket")
        said = [
            (each.model, each.received, each.traded, each.uploaded, "yes" if each.log_uploaded else "no")
            for each in results
        ]
        self._screen.say_table([head, *said])
        if losses := [loss for each in results if (loss := each.loss())]:
            raise DemoError(" ".join(losses))
