# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Decides what a fleet of servers needs: desired servers and existing instances in, actions and drift out.

Pure functions: they import neither boto3 nor Ansible, and they change nothing.
This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._naming import environment_of

# An instance in any other state (shutting-down, terminated) is gone for good, though AWS shows it for up to an hour.
LIVE_STATES = frozenset({"pending", "running", "stopping", "stopped"})
# EC2 cannot tell whether a server trades: one that runs is taken to do so.
RUNNING_STATES = frozenset({"pending", "running"})
RETIRED_TAG = "Retired"
# What a retirement writes into its tag. A hand at the console may have written anything.
RETIRED_AT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
# The tags that an instance shows in its metadata must be possible as parts of a path.
METADATA_KEY = re.compile(r"(?!(\.|\.\.|_index)$)[A-Za-z0-9+=.,_:@-]+")

# What AWS changes on a host that exists, whatever its state.
CHANGED_IN_PLACE = frozenset(
    {
        "security_group_ids",
        "iam_instance_profile",
        "http_endpoint",
        "http_tokens",
        "http_put_response_hop_limit",
        "volume_delete_on_termination",
    }
)
# What AWS changes on a disk in use. It only grows: see _is_as_good.
DISK_CHANGED_IN_PLACE = frozenset({"volume_size", "volume_type"})
# Whether a server is replaced for what cannot be changed in place.
REPLACE_NEVER, REPLACE_STOPPED, REPLACE_ALWAYS = REPLACE = ("never", "stopped", "always")


class PlanError(Exception):
    """The plan is refused. The text says what is wrong, for which servers, and what to do."""


@dataclass(frozen=True)
class Server:
    """A server as it should be."""

    name: str
    identity: tuple[str, ...]
    tags: dict[str, str]


@dataclass(frozen=True)
class Instance:
    """A server as EC2 has it. Attributes are named and typed as those of the desired launch.

    Its identity is empty where its tags make it one of the fleet, and do not say which.
    """

    instance_id: str
    identity: tuple[str, ...]
    state: str
    launch_time: str
    private_ip_address: str | None
    root_device_name: str | None
    root_volume_id: str | None
    tags: dict[str, str]
    attributes: dict[str, Any]

    @property
    def name(self) -> str:
        return self.tags.get("Name", self.instance_id)

    @property
    def live(self) -> bool:
        return self.state in LIVE_STATES

    @property
    def retired(self) -> bool:
        return RETIRED_TAG in self.tags

    @property
    def serving(self) -> bool:
        return self.live and not self.retired

    @property
    def runs(self) -> bool:
        return self.state in RUNNING_STATES


@dataclass(frozen=True)
class Drift:
    """One attribute in which an instance differs from what a new launch would give it.

    C(kept) says why it stays so, and is empty where EC2 changes it in place.
    """

    name: str
    instance_id: str
    attribute: str
    before: Any
    after: Any
    kept: str


@dataclass(frozen=True)
class Action:
    """One step that brings the fleet nearer to what it should be.

    The kinds are C(create), C(restore), C(retag), C(modify), C(retire), C(stop), C(replace) and C(terminate).
    """

    kind: str
    name: str
    reason: str
    server: Server | None = None
    instance: Instance | None = None
    changes: dict[str, Any] = field(default_factory=dict)
    generation: int = 0


@dataclass(frozen=True)
class Policy:
    """How far a plan may go."""

    replace: str = REPLACE_NEVER
    max_retired: int | None = None
    terminate_retired: bool = False

    def replaces(self, instance: Instance) -> bool:
        return self.replace == REPLACE_ALWAYS or (self.replace == REPLACE_STOPPED and not instance.runs)


@dataclass
class Plan:
    """What to do, and what differs but stays as it is."""

    actions: list[Action] = field(default_factory=list)
    drift: list[Drift] = field(default_factory=list)
    kept: list[Instance] = field(default_factory=list)

    def of_kind(self, *kinds: str) -> list[Action]:
        return [action for action in self.actions if action.kind in kinds]


def make_plan(desired: list[Server], existing: list[Instance], launch: dict[str, Any], policy: Policy) -> Plan:
    """Compare the servers that should be with the instances that are.

    Args:
        desired: every server that the environment should have. An empty list is refused.
        existing: every instance of the fleet that EC2 still shows, terminated ones among them.
        launch: the attributes that a new launch would have.
        policy: how far the plan may go.

    Raises:
        PlanError: the plan is refused, and nothing should be changed.
    """
    by_identity: dict[tuple[str, ...], list[Instance]] = {}
    for instance in existing:
        by_identity.setdefault(instance.identity, []).append(instance)
    _refuse_wrong_input(desired, by_identity)

    plan = Plan()
    for server in sorted(desired, key=lambda server: server.name):
        _plan_server(plan, server, by_identity.get(server.identity, []), launch, policy)
    _plan_retirement(plan, {server.identity for server in desired}, existing, policy)
    return plan


def make_removal(wanted: dict[str, str], existing: list[Instance]) -> Plan:
    """Plan the end of every instance of the fleet, retired ones among them.

    Args:
        wanted: the tags that all servers of the fleet share.
        existing: every instance of the fleet that EC2 still shows.

    Raises:
        PlanError: an instance is of the fleet by some tags and not by others, and nothing should be changed.
    """
    _refuse_contradictions(wanted, existing)
    live = sorted((each for each in existing if each.live), key=lambda each: (each.name, each.instance_id))
    return Plan([Action("terminate", each.name, "is not wanted", instance=each) for each in live])


def recognise(desired: list[Server], existing: list[Instance]) -> list[Instance]:
    """Tell by their names which servers those are whose other tags somebody took away."""
    by_name = {server.name: server.identity for server in desired}
    return [each if each.identity else replace(each, identity=by_name.get(each.name, ())) for each in existing]


def _refuse_wrong_input(desired: list[Server], by_identity: dict[tuple[str, ...], list[Instance]]) -> None:
    if not desired:
        raise PlanError("No server is desired, which would retire the whole fleet: check where the models come from")
    names = [server.name for server in desired]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise PlanError(f"Desired more than once: {', '.join(repeated)}; name each model once, and no two alike")
    _refuse_contradictions(desired[0].tags, [each for instances in by_identity.values() for each in instances])
    unknown = [f"{each.name} ({each.instance_id})" for each in by_identity.get((), []) if each.serving]
    if unknown:
        raise PlanError(
            f"Some servers of {desired[0].tags['Environment']} do not tell what they serve: "
            f"{', '.join(sorted(unknown))}; give them their tags {', '.join(desired[0].tags)} again, or terminate them"
        )
    doubles = []
    for instances in by_identity.values():
        current = [instance for instance in instances if instance.serving]
        if len(current) > 1:
            doubles.append(f"{current[0].name} ({', '.join(sorted(each.instance_id for each in current))})")
    if doubles:
        raise PlanError(
            f"More than one live instance for {'; '.join(sorted(doubles))}: "
            f"look which one trades, and terminate the other, or tag it {RETIRED_TAG} and the next run stops it"
        )


def _refuse_contradictions(wanted: dict[str, str], existing: Iterable[Instance]) -> None:
    """Refuse instances that are servers of the fleet by some tags and of another one by others.

    To leave them out would launch a second server beside each, or let one outlive its environment.
    """
    found = [
        f"{instance.name} ({instance.instance_id}) has {tag}"
        for instance in existing
        for tag in contradictions(wanted, instance)
        if instance.live
    ]
    if found:
        raise PlanError(
            f"Some instances are servers of {wanted['Environment']} by some tags and not by others: "
            f"{'; '.join(sorted(found))}; remove that tag, or those that make them {wanted['Role']} servers"
        )


def contradictions(wanted: dict[str, str], instance: Instance) -> list[str]:
    """List the tags by which an instance is somebody else's."""
    found = [key for key in ("Environment", "Role") if instance.tags.get(key, wanted[key]) != wanted[key]]
    if environment_of(instance.name) not in (None, wanted["Environment"]):
        found.append("Name")
    return [f"{key}={instance.tags[key]}" for key in found]


def _plan_server(plan: Plan, server: Server, instances: list[Instance], launch: dict[str, Any], policy: Policy) -> None:
    """Plan one desired server. Its instances are all that EC2 shows for it, dead ones included."""
    current = current_instance(instances)
    if current is None:
        reason = "has no server" if not instances else "has no live server"
        plan.actions.append(Action("create", server.name, reason, server, generation=len(instances)))
        return

    drift = compare(current, launch, policy)
    fixed = [each for each in drift if not each.kept]
    reported = [each for each in drift if each.kept]
    if reported and policy.replaces(current):
        reason = f"differs in {', '.join(each.attribute for each in reported)}"
        changes = {each.attribute: (each.before, each.after) for each in reported}
        plan.actions.append(Action("replace", server.name, reason, server, current, changes, len(instances)))
        return

    plan.drift += reported
    if current.retired:
        plan.actions.append(Action("restore", server.name, "is desired again", server, current))
    tags = {key: value for key, value in server.tags.items() if current.tags.get(key) != value}
    if tags:
        changes = {key: (current.tags.get(key), value) for key, value in tags.items()}
        plan.actions.append(
            Action("retag", server.name, f"has not its tags {', '.join(tags)}", server, current, changes)
        )
    if fixed:
        changes = {each.attribute: (each.before, each.after) for each in fixed}
        reason = f"differs in {', '.join(changes)}"
        plan.actions.append(Action("modify", server.name, reason, server, current, changes))
    plan.kept.append(current)


def current_instance(instances: list[Instance]) -> Instance | None:
    """The instance that serves now, else the one that was retired last, else none."""
    live = [instance for instance in instances if instance.live]
    serving = [instance for instance in live if instance.serving]
    if serving:
        return serving[0]
    return max(live, key=_retired_at, default=None)


def _retired_at(instance: Instance) -> tuple[str, str]:
    tag = instance.tags[RETIRED_TAG]
    return (tag if RETIRED_AT.fullmatch(tag) else "", instance.launch_time)


def compare(instance: Instance, launch: dict[str, Any], policy: Policy) -> list[Drift]:
    """List the attributes in which an instance differs from what a new launch would give it."""
    return [
        Drift(instance.name, instance.instance_id, attribute, before, after, _why_kept(instance, attribute, policy))
        for attribute, after in launch.items()
        for before in [instance.attributes.get(attribute)]
        if before != after and not _is_as_good(attribute, before, after)
    ]


def _is_as_good(attribute: str, before: Any, after: Any) -> bool:
    """A disk that somebody has enlarged is no worse than a new one."""
    return attribute == "volume_size" and before is not None and before > after


def _why_kept(instance: Instance, attribute: str, policy: Policy) -> str:
    if _is_changed_in_place(instance, attribute):
        return ""
    if policy.replace == REPLACE_STOPPED and instance.runs:
        return "and runs: stop the environment first (playbooks/stop.yml), or set replace to always"
    if attribute == "instance_type":
        return "which a run changes when it finds the server stopped"
    return "which a replacement changes: set replace to stopped, or always"


def _is_changed_in_place(instance: Instance, attribute: str) -> bool:
    if attribute == "instance_type":
        return instance.state == "stopped"
    if attribute in DISK_CHANGED_IN_PLACE:
        return instance.root_volume_id is not None
    if attribute == "instance_metadata_tags":
        return all(METADATA_KEY.fullmatch(key) for key in instance.tags)
    return attribute in CHANGED_IN_PLACE


def _plan_retirement(plan: Plan, desired: set[tuple[str, ...]], existing: list[Instance], policy: Policy) -> None:
    """Plan the end of servers that nobody desires, as long as they are not suspiciously many."""
    serving = [instance for instance in existing if instance.serving]
    leaving = sorted((each for each in serving if each.identity not in desired), key=lambda each: each.name)
    # A killed run or a hand at the console may leave a retired server running: it is stopped, but is no new retirement.
    restless = [each for each in existing if each.retired and each.runs]
    wanted = {action.instance.instance_id for action in plan.of_kind("restore", "replace") if action.instance}

    if policy.max_retired is not None and policy.max_retired < 0:
        raise PlanError(f"max_retired is {policy.max_retired}: name 0 or more")
    allowed = max(1, len(serving) // 5) if policy.max_retired is None else policy.max_retired
    if len(leaving) > allowed:
        raise PlanError(
            f"{len(leaving)} of {len(serving)} servers have no model any more, and at most {allowed} may be retired in "
            f"one run: {', '.join(each.name for each in leaving)}; check the models, or raise max_retired"
        )
    end = "terminate" if policy.terminate_retired else "retire"
    for instance in leaving:
        plan.actions.append(Action(end, instance.name, "has no model any more", instance=instance))
    for instance in restless:
        if instance.instance_id not in wanted:
            plan.actions.append(Action("stop", instance.name, "is retired but runs", instance=instance))


def later_twins(existing: list[Instance], launched: set[str]) -> list[Instance]:
    """Of instances that were just launched, those whose server had been launched already.

    EC2's client tokens hold for one availability zone. A run that was killed right after it had found capacity in its
    second zone, and is run again before EC2 shows what it launched, may now find capacity in the first.
    """
    first: dict[tuple[str, ...], Instance] = {}
    serving = sorted((each for each in existing if each.serving), key=lambda each: (each.launch_time, each.instance_id))
    for instance in serving:
        first.setdefault(instance.identity, instance)
    return [each for each in serving if each.instance_id in launched and each is not first[each.identity]]
