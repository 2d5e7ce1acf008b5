# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Says what becomes of resources, in one form for all modules, which plans and summaries are made of.

Pure functions: they import neither boto3 nor Ansible.
This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

CREATE, CHANGE, REPLACE, RETIRE, DELETE, KEEP = ("create", "change", "replace", "retire", "delete", "keep")
# In the order in which a plan tells them.
ACTIONS = (CREATE, CHANGE, REPLACE, RETIRE, DELETE, KEEP)


def compared(kind: str, name: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> dict[str, Any]:
    """What becomes of one resource, by what it is before and after; None or nothing stands for one that is not there.

    Of a resource that is changed, only what differs is told.
    """
    if not before and not after:
        return resource(kind, name, KEEP)
    if not before:
        return resource(kind, name, CREATE, ["is not there"], None, after)
    if not after:
        return resource(kind, name, DELETE, ["is not wanted"], before, None)
    differing = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
    if not differing:
        return resource(kind, name, KEEP)
    return resource(
        kind,
        name,
        CHANGE,
        [f"differs in {', '.join(differing)}"],
        {key: before.get(key) for key in differing},
        {key: after.get(key) for key in differing},
    )


def resource(
    kind: str,
    name: str,
    action: str,
    reasons: Sequence[str] = (),
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What becomes of one resource, in the form that modules return in C(resources).

    One that is kept although it differs from what is wanted has reasons, and says what it is and should be.
    """
    return {
        "kind": kind,
        "name": name,
        "action": action,
        "reasons": list(reasons),
        "before": dict(before) if before else None,
        "after": dict(after) if after else None,
    }


def result_of(resources: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A module's results: whether it changed something, what became of each resource, and the diff of those."""
    touched = [each for each in resources if each["action"] != KEEP]
    return {
        "changed": bool(touched),
        "resources": list(resources),
        "diff": {
            side: {f"{each['kind']} {each['name']}": each[side] for each in touched if each[side]}
            for side in ("before", "after")
        },
    }
