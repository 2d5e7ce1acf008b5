# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tables in Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from benchmarks.measure import Sample

OURS = "ours"
TERRAFORM = "terraform"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; all columns but the first hold figures."""
    lines = [head, ["---", *["---:" for _ in head[1:]]], *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def ratio(ours: float, theirs: float) -> str:
    """Return how much of theirs ours is."""
    return f"{ours / theirs:.2f}" if theirs else "-"


def phase_table(samples: Mapping[int, Mapping[str, Sample]]) -> str:
    """Return a row for each number of models, with both tools, or ours alone."""
    if any(TERRAFORM in found for found in samples.values()):
        return _of_both(samples)
    head = ["models", "time, s", "CPU, s", "memory, MiB", "calls", "endpoint's CPU, s"]
    return table(head, ([models, *_figures(found[OURS])] for models, found in samples.items() if OURS in found))


def calls_table(calls: Mapping[int, Counter[str]]) -> str:
    """Return a row for each operation, and a column for each number of models."""
    operations = sorted({operation for counted in calls.values() for operation in counted})
    rows = [[operation, *(counted[operation] for counted in calls.values())] for operation in operations]
    total = ["all", *(counted.total() for counted in calls.values())]
    return table(["models", *map(str, calls)], [total, *rows])


def folded(title: str, text: str) -> str:
    """Return text that a reader opens with a click."""
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"


def _figures(sample: Sample) -> list[str]:
    usage = sample.usage
    return [
        f"{usage.seconds:.1f}",
        f"{usage.cpu:.1f}",
        f"{usage.peak / 2**20:.0f}",
        str(sample.calls.total()),
        f"{sample.endpoint_cpu:.1f}",
    ]


def _of_both(samples: Mapping[int, Mapping[str, Sample]]) -> str:
    head = ["models", *(f"{what}, {who}" for what in ("time, s", "CPU, s") for who in ("ours", "Terraform", "ratio"))]
    head += [f"{what}, {who}" for what in ("MiB", "calls", "endpoint's CPU, s") for who in ("ours", "Terraform")]
    return table(head, ([models, *_pairs(found)] for models, found in samples.items()))


def _pairs(found: Mapping[str, Sample]) -> list[str]:
    missing = ["-"] * 5
    ours, theirs = (_figures(found[name]) if name in found else missing for name in (OURS, TERRAFORM))
    cells = []
    for place, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        cells += [mine, other]
        if place < 2:
            cells.append("-" if "-" in (mine, other) else ratio(float(mine), float(other)))
    return cells
