# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Carries out the plan of a fleet in EC2.

Every step may be killed and taken again: launches carry a client token, a server is retired by a stop and then a tag,
and it comes back by a start and then the tag's end, so that the next plan always finds what is left to do.

This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

import time
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
from ansible_collections.algotrading.aws.plugins.module_utils._just_made import retry_while
from ansible_collections.amazon.aws.plugins.module_utils.ec2 import (
    AnsibleEC2Error,
    EC2InstanceErrorHandler,
    associate_iam_instance_profile,
    describe_iam_instance_profile_associations,
    describe_instances,
    modify_instance_attribute,
    modify_instance_metadata_options,
    replace_iam_instance_profile_association,
    start_instances,
    stop_instances,
    terminate_instances,
)
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.amazon.aws.plugins.module_utils.transformation import ansible_dict_to_boto3_filter_list

# What EC2 takes as the resources of one CreateTags. Starts and stops take as many.
IDS_PER_REQUEST = 1000
# A server is launched again at most this often because its earlier instances are dead: the bound of a loop.
MAX_GENERATIONS = 20
NO_CAPACITY = ["InsufficientInstanceCapacity", "InsufficientHostCapacity", "Unsupported"]
WAITER_DELAY = 5


class FleetError(Exception):
    """Some servers could not be brought to what they should be. The text names each with the reason."""


class Fleet:
    """The fleet of one role in EC2, as far as a plan changes it."""

    def __init__(self, client: Any, launch: Launch, *, terminate_retired: bool, wait_timeout: int) -> None:
        self.client = client
        self.launch = launch
        self.terminate_retired = terminate_retired
        self.wait_timeout = wait_timeout

    def apply(self, plan: Plan) -> None:
        """Carry out a plan.

        What can be done is done, though some of it may fail.

        Raises:
            FleetError: some launches failed.
            AnsibleEC2Error: another request failed. What is left is planned again by the next run.
        """
        self.retag(plan.of_kind("retag"))
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(self.modify, plan.of_kind("modify")))
        self.stop(_instances_of(plan.of_kind("stop")))
        self.retire(_instances_of(plan.of_kind("retire")))
        self.restore(_instances_of(plan.of_kind("restore")))
        self.create(plan.of_kind("create"))
        replaced = plan.of_kind("replace")
        # A wave is as much of the fleet as may be missing at a time.
        wave = max(1, len(replaced) // 5)
        for start in range(0, len(replaced), wave):
            self.replace(replaced[start : start + wave])

    # Existing instances

    def retag(self, actions: list[Action]) -> None:
        """Set missing tags, with one request for all instances that miss the same ones."""
        alike: dict[tuple[tuple[str, str], ...], list[str]] = {}
        for action in actions:
            tags = tuple((key, after) for key, (_before, after) in sorted(action.changes.items()))
            alike.setdefault(tags, []).extend(instance.instance_id for instance in _instances_of([action]))
        for tags, instance_ids in alike.items():
            create_tags(self.client, instance_ids, dict(tags))

    def modify(self, action: Action) -> None:
        """Change what EC2 changes in place on one instance."""
        (instance,) = _instances_of([action])
        wanted = {attribute: after for attribute, (_before, after) in action.changes.items()}
        if "security_group_ids" in wanted:
            modify_instance_attribute(self.client, instance.instance_id, Groups=wanted["security_group_ids"])
        if "instance_type" in wanted:
            changed = {"Value": wanted["instance_type"]}
            modify_instance_attribute(self.client, instance.instance_id, InstanceType=changed)
        if "volume_delete_on_termination" in wanted:
            disk = {"DeviceName": instance.root_device_name, "Ebs": {"DeleteOnTermination": True}}
            modify_instance_attribute(self.client, instance.instance_id, BlockDeviceMappings=[disk])
        if wanted.keys() & {"http_tokens", "http_put_response_hop_limit", "instance_metadata_tags"}:
            options = self.launch.metadata_options()
            modify_instance_metadata_options(self.client, instance.instance_id, **options)
        if "iam_instance_profile" in wanted:
            self._set_profile(instance.instance_id, {"Name": wanted["iam_instance_profile"]})

    def _set_profile(self, instance_id: str, profile: dict[str, str]) -> None:
        filters = ansible_dict_to_boto3_filter_list({"instance-id": instance_id, "state": "associated"})
        associations = describe_iam_instance_profile_associations(self.client, Filters=filters)
        if associations:
            replace_iam_instance_profile_association(self.client, profile, associations[0]["AssociationId"])
        else:
            associate_iam_instance_profile(self.client, profile, instance_id)

    def stop(self, instances: list[Instance]) -> None:
        # EC2 refuses to stop an instance that still boots.
        self.wait("instance_running", [each.instance_id for each in instances if each.state == "pending"])
        running = [each.instance_id for each in instances if each.state in ("pending", "running")]
        if running:
            stop_instances(self.client, running)

    def retire(self, instances: list[Instance]) -> None:
        """Stop servers and then mark them, or terminate them."""
        if not instances:
            return
        instance_ids = [instance.instance_id for instance in instances]
        if self.terminate_retired:
            terminate_instances(self.client, instance_ids)
            return
        self.stop(instances)
        create_tags(self.client, instance_ids, {RETIRED_TAG: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())})

    def restore(self, instances: list[Instance]) -> None:
        """Start retired servers and then take the mark away."""
        if not instances:
            return
        instance_ids = [instance.instance_id for instance in instances]
        # EC2 refuses to start an instance that still stops.
        self.wait("instance_stopped", [each.instance_id for each in instances if each.state == "stopping"])
        start_instances(self.client, instance_ids)
        delete_tag(self.client, instance_ids, RETIRED_TAG)
        self.wait("instance_running", instance_ids)

    # New instances

    def create(self, actions: list[Action]) -> None:
        """Launch servers, several at a time, and wait until they run.

        Raises:
            FleetError: some could not be launched. The others are.
        """
        with ThreadPoolExecutor(WORKERS) as pool:
            outcomes = list(pool.map(self._try_to_launch, actions))
        self.wait("instance_running", [outcome for outcome in outcomes if isinstance(outcome, str)])
        failures = [
            f"{action.name}: {outcome}"
            for action, outcome in zip(actions, outcomes, strict=True)
            if isinstance(outcome, AnsibleEC2Error | FleetError)
        ]
        if failures:
            count = f"{len(failures)} of {len(actions)} servers"
            raise FleetError(f"Failed to launch {count}, and the next run tries again: {'; '.join(failures)}")

    def replace(self, actions: list[Action]) -> None:
        """Retire one wave of servers and launch their successors."""
        self.retire(_instances_of(actions))
        self.create(actions)

    def _try_to_launch(self, action: Action) -> str | AnsibleEC2Error | FleetError:
        try:
            return self._launch(action)
        except (AnsibleEC2Error, FleetError) as error:
            return error

    def _launch(self, action: Action) -> str:
        """Launch one server and return its instance's id.

        EC2 remembers a token longer than it shows a dead instance, so that a token may stand for one: then comes the
        next.
        """
        if action.server is None:
            raise FleetError("no server is named for the launch")
        for generation in range(action.generation, action.generation + MAX_GENERATIONS):
            instance = self._run_instance(action.server, generation)
            if instance and instance["State"]["Name"] in LIVE_STATES:
                return instance["InstanceId"]
        raise FleetError(f"its last {MAX_GENERATIONS} instances are dead")

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
                    return self._find_by_token(parameters["ClientToken"])
                if code not in NO_CAPACITY or attempt == last_attempt:
                    raise
        return None

    def _find_by_token(self, token: str) -> dict[str, Any] | None:
        """Find an instance that EC2 may not show yet."""
        filters = ansible_dict_to_boto3_filter_list({"client-token": token})
        for pause in (1, 2, 4, 8, 0):
            reservations = describe_instances(self.client, Filters=filters)
            if reservations:
                return reservations[0]["Instances"][0]
            time.sleep(pause)
        return None

    def wait(self, state: str, instance_ids: list[str]) -> None:
        if instance_ids:
            wait_for_instances(self.client, state, instance_ids, self.wait_timeout)


def _instances_of(actions: list[Action]) -> list[Instance]:
    return [action.instance for action in actions if action.instance]


def _code_of(error: AnsibleEC2Error) -> str:
    return error.exception.response["Error"]["Code"] if isinstance(error.exception, ClientError) else ""


@EC2InstanceErrorHandler.common_error_handler("run instances")
@AWSRetry.jittered_backoff()
def run_instance(client: Any, parameters: dict[str, Any]) -> dict[str, Any]:
    return retry_while("Invalid IAM Instance Profile", lambda: client.run_instances(**parameters))["Instances"][0]


@EC2InstanceErrorHandler.common_error_handler("create tags")
@AWSRetry.jittered_backoff()
def create_tags(client: Any, instance_ids: list[str], tags: dict[str, str]) -> None:
    for start in range(0, len(instance_ids), IDS_PER_REQUEST):
        some = instance_ids[start : start + IDS_PER_REQUEST]
        client.create_tags(Resources=some, Tags=ansible_dict_to_boto3_tag_list(tags))


@EC2InstanceErrorHandler.common_error_handler("delete tags")
@AWSRetry.jittered_backoff()
def delete_tag(client: Any, instance_ids: list[str], key: str) -> None:
    for start in range(0, len(instance_ids), IDS_PER_REQUEST):
        client.delete_tags(Resources=instance_ids[start : start + IDS_PER_REQUEST], Tags=[{"Key": key}])


@EC2InstanceErrorHandler.common_error_handler("wait for instances")
def wait_for_instances(client: Any, state: str, instance_ids: list[str], timeout: int) -> None:
    config = {"Delay": WAITER_DELAY, "MaxAttempts": max(1, timeout // WAITER_DELAY)}
    client.get_waiter(state).wait(InstanceIds=instance_ids, WaiterConfig=config)
