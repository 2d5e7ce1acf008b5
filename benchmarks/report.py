# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes what was measured, as it comes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.discovery import MODELS, OBJECTS
from benchmarks.launches import Launches
from benchmarks.measure import Sample
from benchmarks.morning import Morning
from benchmarks.phases import PHASES
from benchmarks.tables import calls_table, folded, phase_table, table
from benchmarks.targets import targets


class Report:
    """All results so far."""

    def __init__(self, machine: list[tuple[str, str]], command: str) -> None:
        self._machine = machine
        self._command = command
        self._samples: dict[str, dict[int, dict[str, Sample]]] = defaultdict(lambda: defaultdict(dict))
        self.mornings: dict[int, Morning] = {}
        self.launches: dict[int, Launches] = {}
        self.discovery: Sample | None = None

    def add(self, models: int, samples: Mapping[tuple[str, str], Sample]) -> None:
        """Add what was measured at one number of models, by tool and phase."""
        for (tool, phase), sample in samples.items():
            self._samples[phase][models][tool] = sample

    def write(self, path: Path) -> None:
        """Write all of it."""
        path.write_text("\n\n".join(self._parts()) + "\n")

    def _parts(self) -> Iterator[str]:
        yield f"# Results\n\nMade by `{self._command}`; [README.md](README.md) says how to read them."
        yield table(["", ""], self._machine)
        if rows := list(targets(self._samples, self.launches, self.discovery)):
            yield "## Targets\n\n" + table(["phase, models", "at most", "measured", "reached"], rows)
        for phase in PHASES:
            if found := self._samples.get(phase.name):
                yield f"## site.yml: {phase.name}\n\n" + phase_table(found)
        if self.launches:
            yield self._of_launches()
        if self.mornings:
            yield self._of_mornings()
        if self.discovery:
            yield self._of_discovery(self.discovery)
        yield from self._of_calls()

    def _of_launches(self) -> str:
        head = ["servers", "time, s", "with nothing to do, s", "least, s", "launches", "refusals", "of one call"]
        rows = []
        for servers, found in self.launches.items():
            seconds = [f"{each:.1f}" for each in (found.seconds, found.idle_seconds, found.least_seconds)]
            calls = [found.made["ec2:RunInstances"], found.refused.total(), found.most_refusals]
            rows.append([servers, *seconds, *calls])
        return "## Launching under AWS's request rates\n\n" + table(head, rows)

    def _of_mornings(self) -> str:
        head = ["traders", "schedule to feed, s", "schedule to last trader, s", "calls", "endpoint's CPU, s"]
        rows = []
        for traders, found in self.mornings.items():
            feed, fleet, cpu = (
                f"{figure:.1f}" for figure in (found.feed_seconds, found.fleet_seconds, found.endpoint_cpu)
            )
            rows.append([traders, feed, fleet, found.calls.total(), cpu])
        return "## The morning\n\n" + table(head, rows)

    def _of_discovery(self, found: Sample) -> str:
        head = ["models of objects each", "time, s", "CPU, s", "S3 calls", "endpoint's CPU, s"]
        usage = found.usage
        row = [f"{MODELS} of {OBJECTS}", f"{usage.seconds:.1f}", f"{usage.cpu:.1f}", found.calls.total()]
        return "## Discovery\n\n" + table(head, [[*row, f"{found.endpoint_cpu:.1f}"]])

    def _of_calls(self) -> Iterator[str]:
        texts = [folded(title, calls_table(calls)) for title, calls in self._calls()]
        if texts:
            yield "## Calls by operation"
            yield from texts

    def _calls(self) -> Iterator[tuple[str, dict[int, Counter[str]]]]:
        for phase in PHASES:
            found = self._samples.get(phase.name, {})
            for tool in sorted({tool for samples in found.values() for tool in samples}):
                calls = {models: samples[tool].calls for models, samples in found.items() if tool in samples}
                yield f"{phase.name}, {tool}", calls
        if self.mornings:
            yield "the morning", {models: found.calls for models, found in self.mornings.items()}
        if self.launches:
            yield "launching, refused", {models: found.refused for models, found in self.launches.items()}
