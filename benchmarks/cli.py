# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The command line."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.comparison import LARGE, compare
from benchmarks.discovery import discover
from benchmarks.launches import launch
from benchmarks.machine import describe
from benchmarks.measure import BenchmarkError
from benchmarks.morning import live_morning
from benchmarks.old_stack import OldStack
from benchmarks.provider import Terraform, find_terraform
from benchmarks.report import Report
from benchmarks.tools import Playbooks, Tool

_RESULTS = Path(__file__).with_name("results.md")
_MODELS = [1, 10, 50, 200, 500]
# The older stack was measured up to this. At 500 Terraform waits for 17 minutes: 10 s for each ten that come or go.
_MOST_OF_TERRAFORM = 200
_MORNINGS = [10, 50, 200]
_LAUNCHES = [200]
_PARTS = ("site", "launches", "morning", "discovery")


def main(argv: Sequence[str]) -> int:
    """Measure, write what was measured, and return the exit status."""
    options = _parser().parse_args(argv)
    # However it is interrupted, what it started ends first.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    terraform, why_not = None, "not asked for"
    if options.terraform:
        terraform, why_not = find_terraform(os.environ, options.provider), "not found here, or not its AWS provider"
    if terraform is None:
        _say(f"Terraform: {why_not}. Ours is measured alone.")
    report = Report(describe(terraform, why_not), shlex.join(["python", "-m", "benchmarks", *argv]))
    try:
        for part in options.parts:
            _MEASURES[part](options, terraform, report)
    except BenchmarkError as error:
        print(f"\nThe benchmark failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    _say(f"The results are in {options.output}.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description="Measures what an environment costs.")
    parser.add_argument("--models", type=int, nargs="+", default=_MODELS, help="default: %(default)s")
    parser.add_argument("--repeat", type=int, default=3, help=f"so often, and once from {LARGE} models on (default: 3)")
    parser.add_argument("--parts", nargs="+", choices=_PARTS, default=_PARTS, help="what to measure; default: all")
    parser.add_argument("--mornings", type=int, nargs="+", default=_MORNINGS, help="traders (default: %(default)s)")
    parser.add_argument("--launches", type=int, nargs="+", default=_LAUNCHES, help="servers (default: %(default)s)")
    parser.add_argument("--no-terraform", dest="terraform", action="store_false", help="measure ours alone")
    parser.add_argument("--provider", type=Path, help="a mirror of Terraform's providers; default: where one may be")
    parser.add_argument("--output", type=Path, default=_RESULTS, help="default: benchmarks/results.md")
    return parser


def _measure_site(options: argparse.Namespace, terraform: Terraform | None, report: Report) -> None:
    tools: list[Tool] = [Playbooks()]
    if terraform:
        tools.append(OldStack(terraform))
    for models in options.models:
        compared = tools if models <= _MOST_OF_TERRAFORM else tools[:1]
        report.add(models, compare(compared, models, options.repeat, _say))
        report.write(options.output)


def _measure_launches(options: argparse.Namespace, terraform: Terraform | None, report: Report) -> None:
    for servers in options.launches:
        found = report.launches[servers] = launch(servers)
        report.write(options.output)
        _say(f"{servers:5} servers under AWS's rates  {found.seconds:7.1f} s  {found.refused.total()} calls refused")


def _measure_morning(options: argparse.Namespace, terraform: Terraform | None, report: Report) -> None:
    for traders in options.mornings:
        found = report.mornings[traders] = live_morning(traders)
        report.write(options.output)
        _say(f"{traders:5} traders, a morning  {found.fleet_seconds:7.1f} s  {found.calls.total():6} calls")


def _measure_discovery(options: argparse.Namespace, terraform: Terraform | None, report: Report) -> None:
    found = report.discovery = discover()
    report.write(options.output)
    _say(f"discovery  {found.usage.seconds:7.1f} s  {found.calls.total():6} calls")


_MEASURES: dict[str, Callable[[argparse.Namespace, Terraform | None, Report], None]] = {
    "site": _measure_site,
    "launches": _measure_launches,
    "morning": _measure_morning,
    "discovery": _measure_discovery,
}


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)
