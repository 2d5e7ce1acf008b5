# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The accounts in which the phases begin, and what undisturbed runs make of them."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass

from tests.chaos.compare import of_environment, of_others
from tests.chaos.drift import drift
from tests.integration.account import Account
from tests.integration.census import take_census
from tests.local_aws import LocalAws
from tests.playbook import PlaybookRun, run_playbook

ENVIRONMENT = "qa"
NEIGHBOUR = "dev"
MODELS = 3
_PLAYBOOKS = {"create": "site.yml", "change": "site.yml", "destroy": "playbooks/destroy.yml"}


@dataclass(frozen=True)
class Phase:
    """Where a phase begins, how it is run, and what undisturbed comes of it."""

    playbook: str
    arguments: tuple[str, ...]
    start: LocalAws
    expected: Counter[str]
    others: Counter[str]
    # How many calls that change something it takes.
    calls: int


class World:
    """Prepares what is asked for, once; every account stays as it was, as the seeds live in copies."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._phases: dict[tuple[str, bool], Phase] = {}
        self._ends: dict[tuple[str, bool], LocalAws] = {}

    def __enter__(self) -> World:
        self._base = self._stack.enter_context(LocalAws())
        Account(self._base).seed(NEIGHBOUR, models=MODELS)
        _run(self._base, NEIGHBOUR, "site.yml", ())
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    def phase(self, name: str, managed_network: bool) -> Phase:
        """Return a phase, after an undisturbed run of it and of those before it."""
        with self._lock:
            return self._phase(name, managed_network)

    def _phase(self, name: str, managed_network: bool) -> Phase:
        key = (name, managed_network)
        if key not in self._phases:
            self._phases[key] = self._prepared(name, managed_network)
        return self._phases[key]

    def _prepared(self, name: str, managed_network: bool) -> Phase:
        start = self._start(name, managed_network)
        start.forget_calls()
        playbook, arguments = _PLAYBOOKS[name], _arguments(name, managed_network)
        end = self._stack.enter_context(start.copy())
        _run(end, ENVIRONMENT, playbook, arguments)
        calls = sum(call.mutating for call in end.calls())
        self._ends[name, managed_network] = end
        others = of_others(ENVIRONMENT, take_census(start))
        return Phase(playbook, arguments, start, of_environment(ENVIRONMENT, take_census(end)), others, calls)

    def _start(self, name: str, managed_network: bool) -> LocalAws:
        if name == "create":
            start = self._stack.enter_context(self._base.copy())
            Account(start).seed(ENVIRONMENT, models=MODELS, network=not managed_network)
            return start
        before = "create" if name == "change" else "change"
        self._phase(before, managed_network)
        start = self._stack.enter_context(self._ends[before, managed_network].copy())
        if name == "change":
            drift(Account(start), ENVIRONMENT, MODELS)
        return start


def _arguments(name: str, managed_network: bool) -> tuple[str, ...]:
    arguments: list[str] = []
    if managed_network:
        arguments += ["-e", '{"trading_network_manage": true}']
    if name == "destroy":
        arguments += ["-e", f"trading_destroy_confirm={ENVIRONMENT}"]
    return tuple(arguments)


def _run(aws: LocalAws, environment: str, playbook: str, arguments: tuple[str, ...]) -> PlaybookRun:
    run = run_playbook(environment, aws.environ, *arguments, playbook=playbook)
    if run.status:
        raise RuntimeError(f"an undisturbed run of {playbook} failed:\n{run.output}")
    return run
