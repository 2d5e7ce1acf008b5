# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Says what becomes of an environment's resources, so that a person can read it before it happens.

Pure functions: they import neither boto3 nor Ansible.
This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._resource_changes import changes, is_short, shown
from ansible_collections.algotrading.aws.plugins.module_utils._resources import (
    ACTIONS,
    CHANGE,
    CREATE,
    DELETE,
    KEEP,
    REPLACE,
    RETIRE,
)

# Ansible puts eight spaces before it, and 120 columns are common.
WIDTH = 110
# Of many that are alike so many are named, and of what differs so many lines are shown. All are in the plan's JSON.
NAMES = 5
LINES = 8

PLANNED = {
    CREATE: "To create",
    CHANGE: "To change",
    REPLACE: "To replace",
    RETIRE: "To retire",
    DELETE: "To delete",
    KEEP: "Differs, and stays",
}
DONE = {
    CREATE: "Created",
    CHANGE: "Changed",
    REPLACE: "Replaced",
    RETIRE: "Retired",
    DELETE: "Deleted",
    KEEP: "Differs, and stays",
}

Resource = dict[str, Any]


def plan_summary(resources: Sequence[Resource], *, planned: bool) -> str:
    """A section for each action, in which resources that are alike are one entry, and a line with the counts."""
    headings = PLANNED if planned else DONE
    lines: list[str] = []
    for action in ACTIONS:
        # What is kept is only counted, unless it differs from what is wanted.
        some = [each for each in resources if each["action"] == action and (action != KEEP or each["reasons"])]
        if some:
            lines += [f"{headings[action]}: {len(some)}", *_section(some), ""]
    return "\n".join([*lines, _counts(resources, planned=planned)])


def _section(resources: Sequence[Resource]) -> Iterator[str]:
    for alike in _grouped(resources):
        yield from _entry(alike)


def _grouped(resources: Sequence[Resource]) -> list[list[Resource]]:
    """Those of one kind to which the same happens for the same reasons."""
    groups: dict[tuple[str, ...], list[Resource]] = {}
    for each in resources:
        groups.setdefault((each["kind"], *each["reasons"]), []).append(each)
    return list(groups.values())


def _entry(alike: Sequence[Resource]) -> Iterator[str]:
    kind, reasons = alike[0]["kind"], "; ".join(alike[0]["reasons"])
    kinds = kind if len(alike) == 1 else f"{len(alike)} {_plural(kind)}"
    yield from _wrapped(f"{kinds}: {_names(alike)}{f' ({reasons})' if reasons else ''}", 2)
    details = list(_common(alike) if alike[0]["action"] in (CREATE, DELETE) else _differences(alike))
    for detail in details[:LINES]:
        yield from _wrapped(detail, 6)
    if len(details) > LINES:
        yield f"      and {len(details) - LINES} more"


def _plural(kind: str) -> str:
    return f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"


def _names(alike: Sequence[Resource]) -> str:
    named = ", ".join(each["name"] for each in alike[:NAMES])
    return f"{named} and {len(alike) - NAMES} more" if len(alike) > NAMES else named


def _common(alike: Sequence[Resource]) -> Iterator[str]:
    """What can be said in a few words of all these new or deleted ones."""
    sides = [each["after"] or each["before"] or {} for each in alike]
    words = [
        f"{key} {shown(value)}"
        for key, value in sides[0].items()
        if is_short(value) and all(side.get(key) == value for side in sides)
    ]
    if words:
        yield ", ".join(words[:LINES])


def _differences(alike: Sequence[Resource]) -> Iterator[str]:
    """A line for each difference, with how many values it has among them."""
    by_path: dict[str, list[tuple[str, str]]] = {}
    for each in alike:
        for path, values in changes(each["before"] or {}, each["after"] or {}).items():
            by_path.setdefault(path, []).append(values)
    for path, pairs in by_path.items():
        yield f"{path}: {_one([before for before, _after in pairs])} -> {_one([after for _before, after in pairs])}"


def _one(values: Sequence[str]) -> str:
    different = len(set(values))
    return values[0] if different == 1 else f"{different} different values"


def _wrapped(text: str, indent: int) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 4),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _counts(resources: Sequence[Resource], *, planned: bool) -> str:
    counted = {action: sum(each["action"] == action for each in resources) for action in ACTIONS}
    kept = counted.pop(KEEP)
    differing = sum(each["action"] == KEEP and bool(each["reasons"]) for each in resources)
    words = (f"{number} {(PLANNED if planned else DONE)[action].lower()}" for action, number in counted.items())
    drift = f", {differing} of which differ" if differing else ""
    return f"{'Plan' if planned else 'Done'}: {', '.join(words)}, {kept} kept{drift}."
