# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Says in a module's words what a plan does: its results and its warnings.

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
from ansible_collections.algotrading.aws.plugins.module_utils._resources import (
    CHANGE,
    CREATE,
    DELETE,
    KEEP,
    REPLACE,
    RETIRE,
    resource,
)

KIND = "EC2 instance"
# A warning names this many servers, and counts the rest.
NAMED_IN_WARNING = 10
# What each kind of action is to the resource; the others change it.
OUTCOMES = {"create": CREATE, "replace": REPLACE, "retire": RETIRE, "terminate": DELETE}


def describe_actions(plan: Plan) -> list[dict[str, Any]]:
    return [
        {
            "action": action.kind,
            "name": action.name,
            "instance_id": action.instance.instance_id if action.instance else None,
            "reason": action.reason,
            "changes": {key: {"before": before, "after": after} for key, (before, after) in action.changes.items()},
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


def describe_resources(plan: Plan, launch: Launch | None) -> list[dict[str, Any]]:
    """What becomes of each server, by name: of one host all actions together, and the drift that stays."""
    actions: dict[str, list[Action]] = {}
    for action in plan.actions:
        actions.setdefault(action.instance.instance_id if action.instance else action.name, []).append(action)
    drift: dict[str, list[Drift]] = {}
    for each in plan.drift:
        drift.setdefault(each.instance_id, []).append(each)

    entries = [_touched(some, drift.get(key, []), launch) for key, some in actions.items()]
    kept = [each for each in plan.kept if each.instance_id not in actions]
    entries += [_kept(each.name, drift.get(each.instance_id, [])) for each in kept]
    return sorted(entries, key=lambda entry: str(entry["name"]))


def _touched(actions: list[Action], drift: list[Drift], launch: Launch | None) -> dict[str, Any]:
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for action in actions:
        earlier, later = _sides(action, launch)
        before.update(earlier)
        after.update(later)
    first = actions[0]
    reasons = [action.reason for action in actions] + _drift_reasons(drift)
    return resource(KIND, _name(first), OUTCOMES.get(first.kind, CHANGE), reasons, before, after)


def _name(action: Action) -> str:
    """A retired server may have the same name as the one that serves."""
    if action.kind in ("stop", "terminate") and action.instance and action.instance.retired:
        return f"{action.name} ({action.instance.instance_id})"
    return action.name


def _kept(name: str, drift: list[Drift]) -> dict[str, Any]:
    before = {each.attribute: each.before for each in drift}
    after = {each.attribute: each.after for each in drift}
    return resource(KIND, name, KEEP, _drift_reasons(drift), before, after)


def _drift_reasons(drift: list[Drift]) -> list[str]:
    alike: dict[str, list[str]] = {}
    for each in drift:
        alike.setdefault(each.kept, []).append(each.attribute)
    return [f"differs in {', '.join(attributes)}, {kept}" for kept, attributes in alike.items()]


def _sides(action: Action, launch: Launch | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """What an action changes on its server, before and after."""
    state = action.instance.state if action.instance else "absent"
    if action.kind == "create":
        attributes = launch.attributes() if launch else {}
        return {}, {"state": "running", **attributes, **(action.server.tags if action.server else {})}
    if action.kind == "restore":
        return {"state": state, RETIRED_TAG: "set"}, {"state": "running", RETIRED_TAG: None}
    if action.kind == "terminate":
        return {"state": state}, {}
    if action.kind == "retire":
        return {"state": state, RETIRED_TAG: None}, {"state": "stopped", RETIRED_TAG: "set"}
    if action.kind == "stop":
        return {"state": state}, {"state": "stopped"}
    return (
        {key: before for key, (before, _after) in action.changes.items()},
        {key: after for key, (_before, after) in action.changes.items()},
    )


def drift_warnings(plan: Plan) -> list[str]:
    """One sentence per attribute that differs and reason why it stays so, with the servers that it is about."""
    alike: dict[tuple[str, str], list[Drift]] = {}
    for drift in plan.drift:
        alike.setdefault((drift.attribute, drift.kept), []).append(drift)
    sentences = []
    for (attribute, kept), drifts in sorted(alike.items()):
        named = ", ".join(drift.name for drift in drifts[:NAMED_IN_WARNING])
        more = f" and {len(drifts) - NAMED_IN_WARNING} more" if len(drifts) > NAMED_IN_WARNING else ""
        values = sorted({str(drift.before) for drift in drifts})
        found = values[0] if len(values) == 1 else f"{len(values)} different values"
        sentences.append(
            f"{attribute} is {found} where a new server would have {drifts[0].after}, {kept}: {named}{more}"
        )
    return sentences
