# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The requests to EC2 by which a fleet is changed, each a function named after what it does.

This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._fleet_plan import Instance
from ansible_collections.algotrading.aws.plugins.module_utils._just_made import retry_while
from ansible_collections.amazon.aws.plugins.module_utils.ec2 import (
    AnsibleEC2Error,
    EC2InstanceErrorHandler,
    associate_iam_instance_profile,
    describe_iam_instance_profile_associations,
    describe_instances,
    describe_volumes,
    modify_instance_attribute,
    modify_instance_metadata_options,
    modify_volume,
    replace_iam_instance_profile_association,
)
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.amazon.aws.plugins.module_utils.transformation import ansible_dict_to_boto3_filter_list

# Seconds between two looks at what is on its way: soon at first, as a small server may be there at once.
FIRST_PAUSE, LAST_PAUSE = 1, 5
TERMINATED = "terminated"
DEAD_STATES = ("shutting-down", TERMINATED)
# What EC2 takes as the values of one filter.
FILTER_VALUES = 200
# What EC2 says of a profile that IAM has just made, or to which it has just given its role.
NEW_PROFILE = ("Invalid IAM Instance Profile", "has no associated IAM Roles")
METADATA_OPTIONS = {
    "http_endpoint": "HttpEndpoint",
    "http_tokens": "HttpTokens",
    "http_put_response_hop_limit": "HttpPutResponseHopLimit",
    "instance_metadata_tags": "InstanceMetadataTags",
}
DISK_OPTIONS = {"volume_size": "Size", "volume_type": "VolumeType"}


@EC2InstanceErrorHandler.common_error_handler("run instances")
@AWSRetry.jittered_backoff()
def run_instance(client: Any, parameters: dict[str, Any]) -> dict[str, Any]:
    return retry_while(NEW_PROFILE, lambda: client.run_instances(**parameters))["Instances"][0]


# amazon.aws has the next three, and they pass without a word when one instance is gone, so that none is stopped.


@EC2InstanceErrorHandler.common_error_handler("start instances")
@AWSRetry.jittered_backoff()
def start_instances(client: Any, instance_ids: list[str]) -> None:
    client.start_instances(InstanceIds=instance_ids)


@EC2InstanceErrorHandler.common_error_handler("stop instances")
@AWSRetry.jittered_backoff()
def stop_instances(client: Any, instance_ids: list[str]) -> None:
    client.stop_instances(InstanceIds=instance_ids)


@EC2InstanceErrorHandler.common_error_handler("terminate instances")
@AWSRetry.jittered_backoff()
def terminate_instances(client: Any, instance_ids: list[str]) -> None:
    client.terminate_instances(InstanceIds=instance_ids)


@EC2InstanceErrorHandler.common_error_handler("create tags")
@AWSRetry.jittered_backoff()
def create_tags(client: Any, instance_ids: list[str], tags: dict[str, str]) -> None:
    client.create_tags(Resources=instance_ids, Tags=ansible_dict_to_boto3_tag_list(tags))


@EC2InstanceErrorHandler.common_error_handler("delete tags")
@AWSRetry.jittered_backoff()
def delete_tag(client: Any, instance_ids: list[str], key: str) -> None:
    client.delete_tags(Resources=instance_ids, Tags=[{"Key": key}])


def change_in_place(client: Any, instance: Instance, wanted: dict[str, Any], timeout: int) -> None:
    """Change attributes of one instance, given in the words of Launch.attributes."""
    instance_id = instance.instance_id
    if "security_group_ids" in wanted:
        modify_instance_attribute(client, instance_id, Groups=wanted["security_group_ids"])
    if "instance_type" in wanted:
        modify_instance_attribute(client, instance_id, InstanceType={"Value": wanted["instance_type"]})
    if "volume_delete_on_termination" in wanted:
        mapping = {"DeviceName": instance.root_device_name, "Ebs": {"DeleteOnTermination": True}}
        modify_instance_attribute(client, instance_id, BlockDeviceMappings=[mapping])
    metadata = {option: wanted[attribute] for attribute, option in METADATA_OPTIONS.items() if attribute in wanted}
    if metadata:
        modify_instance_metadata_options(client, instance_id, **metadata)
    disk = {option: wanted[attribute] for attribute, option in DISK_OPTIONS.items() if attribute in wanted}
    if disk and instance.root_volume_id:
        change_disk(client, instance.root_volume_id, disk, timeout)
    if "iam_instance_profile" in wanted:
        set_instance_profile(client, instance_id, wanted["iam_instance_profile"])


def change_disk(client: Any, volume_id: str, wanted: dict[str, Any], timeout: int) -> None:
    """Change a disk in use, and wait until EC2 shows it so, as it refuses a second change before."""
    modify_volume(client, VolumeId=volume_id, **wanted)
    for pause in pauses(timeout):
        (volume,) = describe_volumes(client, VolumeIds=[volume_id])
        if all(volume[option] == value for option, value in wanted.items()):
            return
        time.sleep(pause)
    raise AnsibleEC2Error(message=f"Timeout trying to modify volume {volume_id}")


@EC2InstanceErrorHandler.common_error_handler("set the instance profile")
def set_instance_profile(client: Any, instance_id: str, name: str) -> None:
    filters = ansible_dict_to_boto3_filter_list({"instance-id": instance_id, "state": "associated"})
    associations = describe_iam_instance_profile_associations(client, Filters=filters)
    profile = {"Name": name}
    if associations:
        association_id = associations[0]["AssociationId"]
        retry_while(NEW_PROFILE, lambda: replace_iam_instance_profile_association(client, profile, association_id))
    else:
        retry_while(NEW_PROFILE, lambda: associate_iam_instance_profile(client, profile, instance_id))


def pauses(timeout: int) -> Iterator[int]:
    """Pauses that grow to the longest one, and add up to the timeout. All in seconds."""
    left, pause = max(1, timeout), FIRST_PAUSE
    while left > 0:
        yield min(pause, left)
        left -= pause
        pause = min(2 * pause, LAST_PAUSE)


def find_by_token(client: Any, token: str) -> dict[str, Any] | None:
    """Find the instance of a launch that EC2 knows already, though it may not show it for some seconds."""
    filters = ansible_dict_to_boto3_filter_list({"client-token": token})
    for pause in (1, 2, 4, 8, 16, 0):
        reservations = describe_instances(client, Filters=filters)
        if reservations:
            return reservations[0]["Instances"][0]
        time.sleep(pause)
    return None


def wait_for_state(client: Any, instance_ids: list[str], state: str, timeout: int) -> dict[str, str]:
    """Wait until instances are in a state, and say of those that are not what they are instead.

    botocore's waiters end for all instances with the first one that is lost, and do not tell which one it was or why.
    """
    reasons: dict[str, str] = {}
    for pause in pauses(timeout):
        found = describe_by_id(client, instance_ids)
        states = {each: _state_of(found.get(each), state) for each in instance_ids}
        reasons = {each: _what_it_is(found.get(each), now) for each, now in states.items() if now != state}
        if all(now == state or (now in DEAD_STATES and state != TERMINATED) for now in states.values()):
            break
        time.sleep(pause)
    return reasons


def describe_by_id(client: Any, instance_ids: list[str]) -> dict[str, dict[str, Any]]:
    """Describe instances, by filter, as one id that is unknown fails a request for it and all others."""
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(instance_ids), FILTER_VALUES):
        filters = ansible_dict_to_boto3_filter_list({"instance-id": instance_ids[start : start + FILTER_VALUES]})
        for reservation in describe_instances(client, Filters=filters):
            found.update({each["InstanceId"]: each for each in reservation["Instances"]})
    return found


def _state_of(described: dict[str, Any] | None, wanted: str) -> str:
    if described:
        return described["State"]["Name"]
    # EC2 forgets what is terminated.
    return TERMINATED if wanted == TERMINATED else "not visible yet"


def _what_it_is(described: dict[str, Any] | None, state: str) -> str:
    reason = (described or {}).get("StateReason", {}).get("Message")
    return f"is {state} ({reason})" if reason else f"is {state}"


@EC2InstanceErrorHandler.common_error_handler("wait for both status checks")
def wait_for_status_checks(client: Any, instance_ids: list[str]) -> None:
    client.get_waiter("instance_status_ok").wait(InstanceIds=instance_ids)
