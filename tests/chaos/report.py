# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Adds up what the seeds came to, and writes it down."""

from __future__ import annotations

import os
import platform
from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import version

from tests.chaos.disturb import Outcome
from tests.chaos.points import PHASES
from tests.playbook import REPOSITORY

REPORT = REPOSITORY / "benchmarks" / "chaos.md"
_KINDS = {
    "throttled": "throttled calls",
    "failing": "calls that failed with a 5xx",
    "lost": "answers lost after the call took effect",
    "full": "launches into a zone without capacity",
    "unseen": "looks that did not see what was just made",
    "slow": "slow pages",
}
_HOW = (
    "Each seed is a run of its own on a copy of one account, in which a neighbour environment lives: killed by SIGKILL "
    "at a seeded call that changes something, before or after that took effect; run again until it ends by itself, "
    "under faults all the while; then checked. The checks: the environment is exactly what an undisturbed run makes, "
    "everything else in the account is as before, no host is there twice, none is in a zone without capacity, "
    "a further run reports no change, and it makes no changing call."
)
_PACKAGES = ("ansible-core", "mitogen", "boto3", "moto")


class Totals:
    """The sums over all seeds, and by phase."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []

    def add(self, outcome: Outcome) -> None:
        """Count one seed."""
        self.outcomes.append(outcome)

    @property
    def broken(self) -> list[int]:
        """The seeds after which something was wrong."""
        return sorted(outcome.point.seed for outcome in self.outcomes if outcome.problems)

    def faults(self) -> Counter[str]:
        """Return how many faults there were, by kind."""
        return sum((outcome.faults for outcome in self.outcomes), Counter())

    def of_phase(self, phase: str) -> Totals:
        """Return the sums of one phase."""
        part = Totals()
        part.outcomes = [outcome for outcome in self.outcomes if outcome.point.phase == phase]
        return part

    def count(self, name: str) -> int:
        """Return the sum of `kills`, `runs`, `checks`, `failures` or `problems`."""
        values = [getattr(outcome, name) for outcome in self.outcomes]
        return sum(len(value) if isinstance(value, list) else value for value in values)

    def summary(self, seconds: float) -> str:
        """Say all of it in a few lines."""
        faults = self.faults()
        kinds = ", ".join(f"{faults[kind]} {words}" for kind, words in _KINDS.items())
        broken = f"wrong after the seeds {self.broken}" if self.broken else "nothing lost, nothing doubled"
        return (
            f"{len(self.outcomes)} seeds in {seconds / 60:.0f} minutes: {self.count('kills')} kills, "
            f"{sum(faults.values())} faults ({kinds}), {self.count('checks')} checks: {broken}."
        )


def write_report(totals: Totals, seconds: float, jobs: int) -> None:
    """Write the campaign's numbers where everybody finds them."""
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text("\n".join(_lines(totals, seconds, jobs)) + "\n")


def _lines(totals: Totals, seconds: float, jobs: int) -> list[str]:
    faults = totals.faults()
    rows = [(phase, totals.of_phase(phase)) for phase in PHASES] + [("all", totals)]
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return [
        "# The fault campaign",
        "",
        "Made by `make chaos`, which replaces this file: do not edit it.",
        "",
        totals.summary(seconds),
        "",
        "| phase | seeds | kills | runs | runs that a fault ended | faults | checks | wrong |",
        "|---|---|---|---|---|---|---|---|",
        *(_row(phase, part) for phase, part in rows),
        "",
        "| fault | times |",
        "|---|---|",
        *(f"| {words} | {faults[kind]} |" for kind, words in _KINDS.items()),
        "",
        _HOW,
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {packages}; {platform.system()} "
        f"{platform.machine()} with {os.cpu_count()} cores and {_memory()} GiB, {jobs} seeds at a time.",
    ]


def _row(phase: str, part: Totals) -> str:
    counts = [part.count(name) for name in ("kills", "runs", "failures")]
    cells = [phase, len(part.outcomes), *counts, sum(part.faults().values()), part.count("checks"), len(part.broken)]
    return f"| {' | '.join(map(str, cells))} |"


def _memory() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
