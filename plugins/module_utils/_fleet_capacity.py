# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Counts what a fleet is charged for, before and after a plan.

Pure functions: they import neither boto3 nor Ansible.
This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._fleet_plan import Instance, Plan

CHARGED = ("instance_type", "volume_type", "volume_size")
# A server that is stopped for good costs its disk only.
RETIRED = {"instance_type": None}
ENDS = ("retire", "stop", "replace")


def describe_capacity(plan: Plan, existing: list[Instance], launch: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Group servers by what they cost; one that serves counts as one that runs, as it does so each trading day."""
    live = [each for each in existing if each.live]
    before = [_now(each) for each in live]
    after = [later for each in live if (later := _later(plan, each))]
    after += [launch for _new in plan.of_kind("create", "replace")]
    return {"before": _grouped(before), "after": _grouped(after)}


def _now(instance: Instance) -> dict[str, Any]:
    return instance.attributes if instance.serving or instance.runs else {**instance.attributes, **RETIRED}


def _later(plan: Plan, instance: Instance) -> dict[str, Any] | None:
    actions = [each for each in plan.actions if each.instance and each.instance.instance_id == instance.instance_id]
    kinds = {action.kind for action in actions}
    if "terminate" in kinds:
        return None
    if kinds.intersection(ENDS):
        return {**instance.attributes, **RETIRED}
    changes = {key: after for action in actions for key, (_before, after) in action.changes.items()}
    return {**(instance.attributes if "restore" in kinds else _now(instance)), **changes}


def _grouped(servers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    counts = Counter(tuple(server.get(key) for key in CHARGED) for server in servers)
    return [
        {**dict(zip(CHARGED, kind, strict=True)), "count": count}
        for kind, count in sorted(counts.items(), key=lambda item: str(item[0]))
    ]
