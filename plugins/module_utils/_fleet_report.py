# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Says in a module's words what a plan does: its results, its diff and its warnings.

Pure functions: they import neither boto3 nor Ansible.
This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._fleet_launch import Launch
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_plan import (
    RETIRED_TAG,
    Action,
    Drift,
    Instance,
    Plan,
    Server,
    current_instance,
)

# A warning names this many servers, and counts the rest.
NAMED_IN_WARNING = 10


def describe_actions(plan: Plan) -> list[dict[str, Any]]:
    return [
        {
            "action": action.kind,
            "name": action.name,
            "instance_id": action.instance.instance_id if action.instance else None,
            "reason": action.reason,
            "changes": _before_and_after(action.changes),
        }
        for action in plan.actions
    ]


def describe_drift(plan: Plan) -> list[dict[str, Any]]:
    return [
        {
            "name": drift.name,
            "instance_id": drift.instance_id,
            "attribute": drift.attribute,
            "before": drift.before,
            "after": drift.after,
        }
        for drift in plan.drift
    ]


def describe_servers(desired: list[Server], existing: list[Instance]) -> list[dict[str, Any]]:
    """Pair every desired server with the instance that serves it, if there is one yet."""
    by_identity: dict[tuple[str, ...], list[Instance]] = {}
    for instance in existing:
        by_identity.setdefault(instance.identity, []).append(instance)
    servers = []
    for server in sorted(desired, key=lambda server: server.name):
        current = current_instance(by_identity.get(server.identity, []))
        servers.append(
            {
                "name": server.name,
                "instance_id": current.instance_id if current else None,
                "state": current.state if current else None,
                "private_ip_address": current.private_ip_address if current else None,
                "launch_time": current.launch_time if current else None,
                "tags": current.tags if current else server.tags,
            }
        )
    return servers


def describe_diff(plan: Plan, launch: Launch, *, terminate_retired: bool) -> dict[str, Any]:
    """The servers that the plan changes, as they are before it and after it."""
    before: dict[str, dict[str, Any]] = {}
    after: dict[str, dict[str, Any]] = {}
    for action in plan.actions:
        earlier, later = _sides(action, launch, terminate_retired=terminate_retired)
        # A retired server that runs may have the same name as the one that serves.
        key = f"{action.name} ({action.reason})" if action.kind == "stop" else action.name
        before.setdefault(key, {}).update(earlier)
        after.setdefault(key, {}).update(later)
    return {"before": before, "after": after}


def _sides(action: Action, launch: Launch, *, terminate_retired: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    state = action.instance.state if action.instance else "absent"
    if action.kind == "create":
        return {"state": state}, {
            "state": "running",
            **launch.attributes(),
            **(action.server.tags if action.server else {}),
        }
    if action.kind == "restore":
        return {"state": state, RETIRED_TAG: "set"}, {"state": "running", RETIRED_TAG: None}
    if action.kind == "retire" and terminate_retired:
        return {"state": state}, {"state": "terminated"}
    if action.kind == "retire":
        return {"state": state, RETIRED_TAG: None}, {"state": "stopped", RETIRED_TAG: "set"}
    if action.kind == "stop":
        return {"state": state}, {"state": "stopped"}
    changes = _before_and_after(action.changes)
    return (
        {key: change["before"] for key, change in changes.items()},
        {key: change["after"] for key, change in changes.items()},
    )


def _before_and_after(changes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {key: {"before": before, "after": after} for key, (before, after) in changes.items()}


def drift_warnings(plan: Plan) -> list[str]:
    """One sentence per attribute that differs, with the servers that it is about."""
    by_attribute: dict[str, list[Drift]] = {}
    for drift in plan.drift:
        by_attribute.setdefault(drift.attribute, []).append(drift)
    sentences = []
    for attribute, drifts in sorted(by_attribute.items()):
        named = ", ".join(drift.name for drift in drifts[:NAMED_IN_WARNING])
        more = f" and {len(drifts) - NAMED_IN_WARNING} more" if len(drifts) > NAMED_IN_WARNING else ""
        values = sorted({str(drift.before) for drift in drifts})
        found = values[0] if len(values) == 1 else f"{len(values)} different values"
        sentences.append(
            f"{attribute} is {found} where a new server would have {drifts[0].after}, and stays so until the server "
            f"is replaced: {named}{more}"
        )
    return sentences
