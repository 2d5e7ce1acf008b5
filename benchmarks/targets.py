# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is to be reached, beside what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from benchmarks.launches import Launches
from benchmarks.measure import Sample
from benchmarks.phases import ADD, FROM_NOTHING, NO_OP
from benchmarks.tables import OURS, TERRAFORM

# By models and phase: our time as a part of Terraform's.
_RATIOS = {
    1: {FROM_NOTHING.name: 0.6, NO_OP.name: 1.0, ADD.name: 0.5},
    50: {FROM_NOTHING.name: 0.3, NO_OP.name: 0.8, ADD.name: 0.4},
    200: {FROM_NOTHING.name: 0.15, NO_OP.name: 0.5, ADD.name: 0.25},
}
# By models: our calls of a run that changes nothing, without the listing of the bucket.
_CALLS = {1: 60, 10: 60, 50: 60, 200: 70, 500: 90}
_LISTING = "s3:ListObjectsV2"
_GROWTH = 2.2
_MORE_SECONDS = 15.0
_LARGEST = 500
_PEAK_MB = 250
_LAUNCHING = 1.15
_REFUSALS = 1
_DISCOVERY_CALLS = 600
_DISCOVERY_SECONDS = 10.0

# By phase, models and tool.
Results = Mapping[str, Mapping[int, Mapping[str, Sample]]]
Row = tuple[str, str, str, str]


def targets(results: Results, launches: Mapping[int, Launches], discovery: Sample | None) -> Iterator[Row]:
    """Return for each target that the results speak of: what, at most, measured, and whether it is reached."""
    yield from _of_site(results)
    for servers, found in launches.items():
        if found.least_seconds:
            ratio = (found.seconds - found.idle_seconds) / found.least_seconds
            yield _row(f"launching, {servers}: added time / the least that EC2's rates allow", _LAUNCHING, ratio, ".2f")
        yield _row(f"launching, {servers}: refusals of one call", _REFUSALS, found.most_refusals, "d")
    if discovery:
        yield _row("discovery: S3 calls", _DISCOVERY_CALLS, discovery.calls.total(), "d")
        yield _row("discovery: seconds", _DISCOVERY_SECONDS, discovery.usage.seconds, ".1f")


def _of_site(results: Results) -> Iterator[Row]:
    for models, wanted in _RATIOS.items():
        for phase, most in wanted.items():
            found = results.get(phase, {}).get(models, {})
            if OURS in found and TERRAFORM in found:
                measured = found[OURS].usage.seconds / found[TERRAFORM].usage.seconds
                yield _row(f"{phase}, {models}: time, ours / Terraform's", most, measured, ".2f")
    for models, most in _CALLS.items():
        found = results.get(NO_OP.name, {}).get(models, {})
        if OURS in found:
            calls = found[OURS].calls
            yield _row(f"{NO_OP.name}, {models}: calls, without the listing", most, _without_listing(calls), "d")
    yield from _at_the_largest(results)


def _at_the_largest(results: Results) -> Iterator[Row]:
    large, smaller, smallest = _LARGEST, 200, 1
    of = {phase: {n: found[OURS] for n, found in rows.items() if OURS in found} for phase, rows in results.items()}
    first, none = of.get(FROM_NOTHING.name, {}), of.get(NO_OP.name, {})
    if large in first and smaller in first:
        growth = first[large].usage.seconds / first[smaller].usage.seconds
        yield _row(f"{FROM_NOTHING.name}, {large}: time / that at {smaller}", _GROWTH, growth, ".2f")
    if large in none and smallest in none:
        more = none[large].usage.seconds - none[smallest].usage.seconds
        yield _row(f"{NO_OP.name}, {large}: seconds more than at {smallest}", _MORE_SECONDS, more, ".1f")
    peaks = [rows[large].usage.peak for rows in of.values() if large in rows]
    if peaks:
        yield _row(f"all, {large}: MB of the largest process", _PEAK_MB, max(peaks) / 1e6, ".0f")


def _without_listing(calls: Mapping[str, int]) -> int:
    return sum(count for operation, count in calls.items() if operation != _LISTING)


def _row(what: str, most: float, measured: float, form: str) -> Row:
    return what, str(most), format(measured, form), "yes" if measured <= most else "**no**"
