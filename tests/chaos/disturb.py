# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lives one seed: a disturbed run is killed, run again until it ends by itself, and then nothing may be wrong."""

from __future__ import annotations

import re
import subprocess
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

from tests.chaos.compare import belongs_to, differences, of_environment, of_others
from tests.chaos.points import Point
from tests.chaos.world import ENVIRONMENT, Phase
from tests.integration.account import Account
from tests.integration.census import Entry, take_census
from tests.integration.killing import kill
from tests.local_aws import LocalAws
from tests.playbook import PlaybookRun, start_playbook

# A run that met lost answers or too much bad luck may fail; a person runs it again, but not for ever.
MOST_RUNS = 6
CHECKS = 6
# On a machine that is not too busy it takes ten seconds.
_LONGEST_RUN = 1800.0
_FATAL = re.compile(r"(?s)fatal: \[localhost\].*?(?=\n\n|\nPLAY RECAP)")


@dataclass
class Outcome:
    """What one seed came to."""

    point: Point
    # The operations at which a run was killed.
    kills: list[str] = field(default_factory=list)
    runs: int = 0
    checks: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    # Why runs ended in failure that nobody had killed.
    failures: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0


def live(point: Point, phase: Phase) -> Outcome:
    """Live a seed in a copy of the account in which its phase begins."""
    began = time.monotonic()
    with phase.start.copy() as aws:
        outcome = Outcome(point)
        aws.set_faults(**point.faults)
        aws.halt_at(point.call(phase.calls), takes_effect=point.takes_effect)
        _run_until_done(aws, phase, outcome)
        outcome.faults.update(aws.faults())
        aws.set_faults()
        aws.lift_halt()
        _check(aws, phase, outcome)
    outcome.seconds = time.monotonic() - began
    return outcome


def _run_until_done(aws: LocalAws, phase: Phase, outcome: Outcome) -> None:
    while outcome.runs < MOST_RUNS:
        run = _run(aws, phase)
        outcome.runs += 1
        if isinstance(run, str):
            outcome.kills.append(run)
        elif run.status == 0:
            return
        else:
            outcome.failures.append(_reason(run))
    outcome.problems.append(f"{MOST_RUNS} runs did not come to an end: {outcome.failures}")


def _run(aws: LocalAws, phase: Phase) -> PlaybookRun | str:
    """Run the playbook to its end, or kill it where the halt is, and return at which operation that was."""
    process = start_playbook(ENVIRONMENT, aws.environ, *phase.arguments, playbook=phase.playbook)
    deadline = time.monotonic() + _LONGEST_RUN
    try:
        while time.monotonic() < deadline and not aws.halted_at():
            with suppress(subprocess.TimeoutExpired):
                output, _ = process.communicate(timeout=0.1)
                return PlaybookRun(process.returncode, output)
    finally:
        if process.returncode is None:
            kill(aws, process)
    if not (operation := aws.halted_at()):
        raise TimeoutError(f"a run took longer than {_LONGEST_RUN:.0f} seconds")
    aws.lift_halt()
    return operation


def _reason(run: PlaybookRun) -> str:
    found = _FATAL.findall(run.output)
    return " ".join((found[-1] if found else run.output[-2000:]).split())


def _check(aws: LocalAws, phase: Phase, outcome: Outcome) -> None:
    """Look at the account as a whole, then run once more, which must change nothing."""
    census = take_census(aws)
    outcome.problems += [
        f"desired, {each}" for each in differences(phase.expected, of_environment(ENVIRONMENT, census))
    ]
    outcome.problems += [f"others, {each}" for each in differences(phase.others, of_others(ENVIRONMENT, census))]
    outcome.problems += _doubles(census) + _misplaced(aws, phase, outcome.point)
    aws.forget_calls()
    run = _run(aws, phase)
    if isinstance(run, str) or run.status or run.changed:
        outcome.problems.append(f"a further run is not idle: {run if isinstance(run, str) else _changes(run)}")
    if calls := Account(aws).mutating_calls():
        outcome.problems.append(f"a further run makes calls: {calls}")
    outcome.checks += CHECKS


def _changes(run: PlaybookRun) -> list[str]:
    tasks = re.findall(r"TASK \[(.*?)\](?:(?!TASK).)*?\n(?:changed|fatal):", run.output, re.DOTALL)
    return tasks or [run.output[-2000:]]


def _doubles(census: list[Entry]) -> list[str]:
    names = Counter(entry.name for entry in census if entry.kind == "instance" and belongs_to(ENVIRONMENT, entry))
    return [f"{count} live instances are called {name}" for name, count in names.items() if count > 1]


def _misplaced(aws: LocalAws, phase: Phase, point: Point) -> list[str]:
    """No host that was launched while a zone was full is in that zone."""
    if not (zone := point.faults["full_zone"]):
        return []
    before = {host.instance_id for host in Account(phase.start).hosts(ENVIRONMENT)}
    new = [host for host in Account(aws).hosts(ENVIRONMENT) if host.instance_id not in before]
    return [
        f"{host.name} is in the full zone" for host in new if host.described["Placement"]["AvailabilityZone"] == zone
    ]
