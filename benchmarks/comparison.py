# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lets each tool go through all phases, on the same endpoint."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from statistics import median

from benchmarks.measure import BenchmarkError, Sample, Usage, Watch, measure
from benchmarks.phases import PHASES, Phase, World
from benchmarks.tools import Tool, Workplace
from tests.integration.account import Account
from tests.local_aws import LocalAws

# From here on, once is enough: chance weighs less in what takes long.
LARGE = 200

Say = Callable[[str], None]
Samples = dict[tuple[str, str], list[Sample]]


def compare(tools: Sequence[Tool], models: int, repeat: int, say: Say) -> dict[tuple[str, str], Sample]:
    """Return the median of each tool and phase at one number of models."""
    samples: Samples = defaultdict(list)
    for number in range(repeat if models < LARGE else 1):
        with LocalAws() as aws:
            # In turns the first one.
            for tool in tools if number % 2 == 0 else reversed(tools):
                aws.reset()
                for phase, sample in _live(tool, aws, models):
                    samples[tool.name, phase.name].append(sample)
                    say(f"{models:5} models  {tool.name:9}  {phase.name:12}  {_told(sample)}")
    return {key: median_of(found) for key, found in samples.items()}


def median_of(samples: Sequence[Sample]) -> Sample:
    """Return a sample each of whose figures is the median of that figure."""
    usages = [sample.usage for sample in samples]
    usage = Usage(
        median(usage.seconds for usage in usages),
        median(usage.cpu for usage in usages),
        round(median(usage.peak for usage in usages)),
    )
    # Of the calls, those of the run in the middle: a median of each operation would be no run at all.
    calls = sorted((sample.calls for sample in samples), key=lambda counted: counted.total())[len(samples) // 2]
    return Sample(usage, median(sample.endpoint_cpu for sample in samples), calls)


def _live(tool: Tool, aws: LocalAws, models: int) -> Iterator[tuple[Phase, Sample]]:
    world = World(Account(aws), models)
    with tool.workplace(aws.environ) as workplace:
        for phase in PHASES:
            phase.prepare(world)
            try:
                sample = _sample(workplace, phase, aws)
                phase.check(world)
            except BenchmarkError as error:
                raise BenchmarkError(f"{tool.name}, {models} models, {phase.name}: {error}") from error
            yield phase, sample


def _sample(workplace: Workplace, phase: Phase, aws: LocalAws) -> Sample:
    watch = Watch(aws)
    usage, output = measure(workplace.command(phase), workplace.environ(aws.environ), workplace.folder)
    sample = watch.read(usage)
    if not phase.changes and not workplace.is_unchanged(output):
        raise BenchmarkError(f"it changed something:\n{output}")
    return sample


def _told(sample: Sample) -> str:
    usage = sample.usage
    return (
        f"{usage.seconds:7.1f} s  {usage.cpu:7.1f} s CPU  {usage.peak / 2**20:5.0f} MiB  "
        f"{sample.calls.total():6} calls  endpoint {sample.endpoint_cpu:6.1f} s CPU"
    )
