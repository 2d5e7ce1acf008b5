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

from ansible_collections.algotrading.aws.plugins.module_utils._fleet_create import Launcher
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_launch import Launch
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_plan import (
    RETIRED_TAG,
    RUNNING_STATES,
    Action,
    Instance,
    Plan,
    later_twins,
)
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_read import WORKERS
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_requests import (
    TERMINATED,
    change_in_place,
    create_tags,
    delete_tag,
    describe_by_id,
    start_instances,
    stop_instances,
    terminate_instances,
    wait_for_state,
    wait_for_status_checks,
)
from ansible_collections.amazon.aws.plugins.module_utils.ec2 import AnsibleEC2Error

# EC2 takes 1000 ids in one request, and advises to ask for fewer at a time.
IDS_PER_REQUEST = 100


class Fleet:
    """The fleet of one role in EC2, as far as a plan changes it."""

    def __init__(self, client: Any, launch: Launch | None, *, wait_timeout: int) -> None:
        self.client = client
        self.launcher = Launcher(client, launch) if launch else None
        self.wait_timeout = wait_timeout
        self.failures: list[str] = []
        self.launched: dict[str, str] = {}

    def apply(self, plan: Plan) -> list[str]:
        """Carry out a plan as far as EC2 lets it, and return what failed, a sentence for each server."""
        self.retag(plan.of_kind("retag"))
        self.each(self.modify, plan.of_kind("modify"))
        self.stop(_instances_of(plan.of_kind("stop")))
        self.stop_and_mark(_instances_of(plan.of_kind("retire")))
        self.terminate(_instances_of(plan.of_kind("terminate")))
        self.restore(_instances_of(plan.of_kind("restore")))
        self.create(plan.of_kind("create"))
        self.replace(plan.of_kind("replace"))
        return self.failures

    # Failures

    def fail(self, who: str, reason: object) -> None:
        self.failures.append(f"{who}: {reason}")

    def each(self, step: Callable[[Action], None], actions: list[Action]) -> list[Action]:
        """Take a step for each action, several at a time, and return those for which it failed."""

        def fails(action: Action) -> bool:
            try:
                step(action)
            except AnsibleEC2Error as error:
                self.fail(action.name, error)
                return True
            return False

        with ThreadPoolExecutor(WORKERS) as pool:
            return [action for action, failed in zip(actions, pool.map(fails, actions), strict=True) if failed]

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
        wanted = {key: after for key, (_before, after) in action.changes.items()}
        change_in_place(self.client, instance, wanted, self.wait_timeout)

    def stop(self, instances: list[Instance]) -> list[Instance]:
        """Stop what runs, and return what is then stopped or about to be."""
        # EC2 refuses to stop an instance that still boots.
        self.wait([each for each in instances if each.state == "pending"], "running")
        running = [each for each in instances if each.state in ("pending", "running")]
        stopped = self.together(lambda ids: stop_instances(self.client, ids), running)
        return stopped + [each for each in instances if each not in running]

    def terminate(self, instances: list[Instance]) -> None:
        """Terminate servers for good, and their disks with them."""
        ends = {"volume_delete_on_termination": (False, True)}
        lasting = [each for each in instances if each.attributes.get("volume_delete_on_termination") is False]
        left = self.each(
            self.modify, [Action("modify", each.name, "", instance=each, changes=ends) for each in lasting]
        )
        going = [each for each in instances if each not in _instances_of(left)]
        self.wait(self.together(lambda ids: terminate_instances(self.client, ids), going), TERMINATED)

    def stop_and_mark(self, instances: list[Instance]) -> None:
        """Stop servers and then mark them."""
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
            if self.launcher and action.server:
                launched[self.launcher.launch(action.server, action.generation)] = action.name

        self.each(launch, actions)
        self.launched.update(launched)
        self.wait_for(launched, "running")
        return list(launched)

    def end_twins(self, existing: list[Instance]) -> list[Instance]:
        """Terminate what this run launched beside a server that was there already, and return what remains.

        Such a twin is seconds old and has done nothing yet. What another run launched is left alone.
        """
        twins = later_twins(existing, set(self.launched))
        self.terminate(twins)
        return [each for each in existing if each not in twins]

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
            some = self.not_started(actions[start : start + wave])
            self.stop_and_mark(_instances_of(some))
            self.check(self.create(some))

    def not_started(self, actions: list[Action]) -> list[Action]:
        """Leave out servers that something has started since they were read, as they may trade by now."""
        now = describe_by_id(self.client, [each.instance_id for each in _instances_of(actions)])
        started = {key for key, described in now.items() if described["State"]["Name"] in RUNNING_STATES}
        left = [each for each in _instances_of(actions) if not each.runs and each.instance_id in started]
        for instance in left:
            self.fail(f"{instance.name} ({instance.instance_id})", "was started meanwhile, and is not replaced")
        return [each for each in actions if each.instance not in left]

    def check(self, instance_ids: list[str]) -> None:
        """Wait until EC2's own checks find new instances sound."""
        try:
            if instance_ids:
                wait_for_status_checks(self.client, instance_ids)
        except AnsibleEC2Error as error:
            self.fail(", ".join(instance_ids), error)


def _instances_of(actions: list[Action]) -> list[Instance]:
    return [action.instance for action in actions if action.instance]
