# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Carries out the plan of a fleet in EC2.

Every step may be killed and taken again: launches carry a client token, a server is retired by a stop and then a tag,
and it comes back by a start and then the tag's end, so that the next plan always finds what is left to do.

One server that EC2 refuses to change keeps no other from being what it should be: failures are collected, and told at
the end.

This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

try:
    from botocore.exceptions import ClientError
except ImportError:
    pass  # AnsibleAWSModule says that boto3 is missing

from ansible_collections.algotrading.aws.plugins.module_utils._fleet_launch import Launch
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_plan import (
    LIVE_STATES,
    RETIRED_TAG,
    Action,
    Instance,
    Plan,
    Server,
)
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_read import WORKERS
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_requests import (
    change_in_place,
    create_tags,
    delete_tag,
    find_by_token,
    run_instance,
    start_instances,
    stop_instances,
    terminate_instances,
    wait_for_state,
    wait_for_status_checks,
)
from ansible_collections.amazon.aws.plugins.module_utils.ec2 import AnsibleEC2Error

# What EC2 takes as the ids of one request.
IDS_PER_REQUEST = 1000
# A server is launched again at most this often because its earlier instances are dead: the bound of a loop.
MAX_GENERATIONS = 20
NO_CAPACITY = (
    "InsufficientFreeAddressesInSubnet",
    "InsufficientHostCapacity",
    "InsufficientInstanceCapacity",
    "Unsupported",
)


class Fleet:
    """The fleet of one role in EC2, as far as a plan changes it."""

    def __init__(self, client: Any, launch: Launch, *, terminate_retired: bool, wait_timeout: int) -> None:
        self.client = client
        self.launch = launch
        self.terminate_retired = terminate_retired
        self.wait_timeout = wait_timeout
        self.failures: list[str] = []

    def apply(self, plan: Plan) -> list[str]:
        """Carry out a plan as far as EC2 lets it, and return what failed, a sentence for each server."""
        self.retag(plan.of_kind("retag"))
        self.each(self.modify, plan.of_kind("modify"))
        self.stop(_instances_of(plan.of_kind("stop")))
        self.retire(_instances_of(plan.of_kind("retire")))
        self.restore(_instances_of(plan.of_kind("restore")))
        self.create(plan.of_kind("create"))
        self.replace(plan.of_kind("replace"))
        return self.failures

    # Failures

    def fail(self, who: str, reason: object) -> None:
        self.failures.append(f"{who}: {reason}")

    def each(self, step: Callable[[Action], None], actions: list[Action]) -> None:
        """Take a step for each action, several at a time."""

        def attempt(action: Action) -> None:
            try:
                step(action)
            except AnsibleEC2Error as error:
                self.fail(action.name, error)

        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(attempt, actions))

    def together(self, request: Callable[[list[str]], Any], instances: list[Instance]) -> list[Instance]:
        """Make one request for many instances, and return those for which it did not fail.

        EC2 refuses a request as a whole for one id in it, so that each is then asked for alone.
        """
        done: list[Instance] = []
        for start in range(0, len(instances), IDS_PER_REQUEST):
            some = instances[start : start + IDS_PER_REQUEST]
            try:
                request([instance.instance_id for instance in some])
                done += some
            except AnsibleEC2Error as error:
                if len(some) == 1:
                    self.fail(f"{some[0].name} ({some[0].instance_id})", error)
                else:
                    for instance in some:
                        done += self.together(request, [instance])
        return done

    # Existing instances

    def retag(self, actions: list[Action]) -> None:
        """Set missing tags, with one request for all instances that miss the same ones."""
        alike: dict[tuple[tuple[str, str], ...], list[Instance]] = {}
        for action in actions:
            tags = tuple((key, after) for key, (_before, after) in sorted(action.changes.items()))
            alike.setdefault(tags, []).extend(_instances_of([action]))
        for tags, instances in alike.items():
            self.tag(instances, dict(tags))

    def tag(self, instances: list[Instance], tags: dict[str, str]) -> None:
        self.together(lambda ids: create_tags(self.client, ids, tags), instances)

    def modify(self, action: Action) -> None:
        (instance,) = _instances_of([action])
        change_in_place(self.client, instance, {key: after for key, (_before, after) in action.changes.items()})

    def stop(self, instances: list[Instance]) -> list[Instance]:
        """Stop what runs, and return what is then stopped or about to be."""
        # EC2 refuses to stop an instance that still boots.
        self.wait([each for each in instances if each.state == "pending"], "running")
        running = [each for each in instances if each.state in ("pending", "running")]
        stopped = self.together(lambda ids: stop_instances(self.client, ids), running)
        return stopped + [each for each in instances if each not in running]

    def retire(self, instances: list[Instance]) -> None:
        """Stop servers and then mark them, or terminate them."""
        if self.terminate_retired:
            self.together(lambda ids: terminate_instances(self.client, ids), instances)
        else:
            self.stop_and_mark(instances)

    def stop_and_mark(self, instances: list[Instance]) -> None:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.tag(self.stop(instances), {RETIRED_TAG: now})

    def restore(self, instances: list[Instance]) -> None:
        """Start retired servers and then take the mark away."""
        # EC2 refuses to start an instance that still stops.
        self.wait([each for each in instances if each.state == "stopping"], "stopped")
        started = self.together(lambda ids: start_instances(self.client, ids), instances)
        self.together(lambda ids: delete_tag(self.client, ids, RETIRED_TAG), started)
        self.wait(started, "running")

    def wait(self, instances: list[Instance], state: str) -> None:
        self.wait_for({each.instance_id: each.name for each in instances}, state)

    def wait_for(self, names: dict[str, str], state: str) -> None:
        """Wait for instances, given by their ids with the names of their servers."""
        reasons = wait_for_state(self.client, list(names), state, self.wait_timeout)
        for instance_id, reason in reasons.items():
            self.fail(f"{names[instance_id]} ({instance_id})", reason)

    # New instances

    def create(self, actions: list[Action]) -> list[str]:
        """Launch servers, several at a time, wait until they run, and return their instances' ids."""
        launched: dict[str, str] = {}

        def launch(action: Action) -> None:
            if action.server:
                launched[self.launch_server(action.server, action.generation)] = action.name

        self.each(launch, actions)
        self.wait_for(launched, "running")
        return list(launched)

    def replace(self, actions: list[Action]) -> None:
        """Retire servers and launch their successors, a fifth of them at a time.

        The old ones are stopped and marked, and never terminated, so that there is a way back. A wave that does not
        come up is the last one.
        """
        wave = max(1, len(actions) // 5)
        for start in range(0, len(actions), wave):
            if self.failures:
                self.fail(f"{len(actions) - start} more", "not replaced, as something failed before")
                return
            some = actions[start : start + wave]
            self.stop_and_mark(_instances_of(some))
            self.check(self.create(some))

    def check(self, instance_ids: list[str]) -> None:
        """Wait until EC2's own checks find new instances sound."""
        try:
            if instance_ids:
                wait_for_status_checks(self.client, instance_ids)
        except AnsibleEC2Error as error:
            self.fail(", ".join(instance_ids), error)

    def launch_server(self, server: Server, generation: int) -> str:
        """Launch one server and return its instance's id.

        EC2 remembers a token longer than it shows a dead instance, so that a token may stand for one: then comes the
        next.
        """
        for number in range(generation, generation + MAX_GENERATIONS):
            instance = self._run_instance(server, number)
            if instance and instance["State"]["Name"] in LIVE_STATES:
                return instance["InstanceId"]
        raise AnsibleEC2Error(message=f"Failed to run instances: the last {MAX_GENERATIONS} of this server are dead")

    def _run_instance(self, server: Server, generation: int) -> dict[str, Any] | None:
        """Run one instance in the first subnet that has the capacity."""
        last_attempt = len(self.launch.subnet_ids) - 1
        for attempt in range(last_attempt + 1):
            parameters = self.launch.parameters(server, generation, attempt)
            try:
                return run_instance(self.client, parameters)
            except AnsibleEC2Error as error:
                code = _code_of(error)
                if code == "IdempotentParameterMismatch":
                    # An earlier run launched this server with other settings, and was killed before it could see it.
                    return find_by_token(self.client, parameters["ClientToken"])
                if code not in NO_CAPACITY or attempt == last_attempt:
                    raise
        return None


def _instances_of(actions: list[Action]) -> list[Instance]:
    return [action.instance for action in actions if action.instance]


def _code_of(error: AnsibleEC2Error) -> str:
    return error.exception.response["Error"]["Code"] if isinstance(error.exception, ClientError) else ""
