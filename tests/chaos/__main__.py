# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`python -m tests.chaos`: the whole campaign, or a few seeds of it."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from tests.chaos.disturb import Outcome, live
from tests.chaos.points import draw
from tests.chaos.report import REPORT, Totals, write_report
from tests.chaos.world import World

SEEDS = range(102)


def main(argv: Sequence[str]) -> int:
    """Live the seeds, print what comes of each, and return 1 when anything was lost or doubled."""
    options = _parser().parse_args(argv)
    seeds = options.seed or list(SEEDS)
    totals = Totals()
    began = time.monotonic()
    with World() as world, ThreadPoolExecutor(options.jobs) as pool:
        print(f"{len(seeds)} seeds, {options.jobs} at a time", flush=True)
        living = [pool.submit(_live, world, seed) for seed in seeds]
        for number, lived in enumerate(as_completed(living), 1):
            outcome = lived.result()
            totals.add(outcome)
            _show(outcome, f"{number}/{len(seeds)}")
    seconds = time.monotonic() - began
    print(totals.summary(seconds))
    if not options.seed:
        write_report(totals, seconds, options.jobs)
        print(f"Written to {REPORT}.")
    return 1 if totals.broken else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="The fault campaign.")
    parser.add_argument("--seed", type=int, action="append", help="only this seed; may be given several times")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many seeds at a time")
    return parser


def _live(world: World, seed: int) -> Outcome:
    point = draw(seed)
    return live(point, world.phase(point.phase, point.managed_network))


def _show(outcome: Outcome, progress: str) -> None:
    faults = sum(outcome.faults.values())
    killed = " and ".join(outcome.kills) or "nothing"
    verdict = "WRONG" if outcome.problems else "right"
    print(
        f"{progress} {outcome.point}: killed at {killed}, {faults} faults, {outcome.runs} runs, "
        f"{outcome.seconds:.0f} s: {verdict}",
        flush=True,
    )
    for failure in outcome.failures:
        print(f"    a run failed and was run again: {failure[:300]}", flush=True)
    for problem in outcome.problems:
        print(f"    {problem}", flush=True)
    if outcome.problems:
        print(f"    Again: python -m tests.chaos --seed {outcome.point.seed}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
