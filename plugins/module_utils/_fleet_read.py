# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Reads a fleet from EC2, in few requests however large it is.

This is a private utility of the collection, and it may change without notice.
"""

from __future__ import annotations

from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.algotrading.aws.plugins.module_utils._fleet_launch import (
    USER_DATA_TAG,
    digest,
    identity_of,
)
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_plan import LIVE_STATES, Instance
from ansible_collections.algotrading.aws.plugins.module_utils._fleet_requests import FILTER_VALUES
from ansible_collections.algotrading.aws.plugins.module_utils._naming import ingest_name, trader_name_prefix
from ansible_collections.amazon.aws.plugins.module_utils.ec2 import (
    describe_images,
    describe_instance_attribute,
    describe_instances,
    describe_volumes,
)
from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict
from ansible_collections.amazon.aws.plugins.module_utils.transformation import ansible_dict_to_boto3_filter_list

# As many as a client of botocore keeps connections.
WORKERS = 10


def find_image(client: Any, image_id: str | None, name: str | None, owner: str) -> dict[str, Any] | None:
    """The image of that id, else the owner's newest available one whose name matches, else None."""
    if image_id:
        # By filter, as an id that does not exist is an error where it is asked for as such.
        filters = ansible_dict_to_boto3_filter_list({"image-id": image_id, "state": "available"})
        images = describe_images(client, Filters=filters)
    else:
        filters = ansible_dict_to_boto3_filter_list({"name": name, "state": "available"})
        images = describe_images(client, Owners=[owner], Filters=filters)
    return max(images, key=lambda image: image["CreationDate"], default=None)


def read_fleet(client: Any, environment: str, role: str) -> list[Instance]:
    """Read every instance of one role that EC2 still shows, terminated ones among them."""
    found = []
    for described in _describe_all(client, _scopes(environment, role)):
        tags = boto3_tag_list_to_ansible_dict(described.get("Tags", []))
        identity = identity_of(environment, role, tags)
        if identity is not None:
            found.append((described, identity, tags))
    live = [(described, tags) for described, _identity, tags in found if described["State"]["Name"] in LIVE_STATES]
    volumes = _read_volumes(client, [_root_disk(described).get("VolumeId") for described, _tags in live])
    user_data = _read_user_data(client, {described["InstanceId"]: tags for described, tags in live})
    return [
        Instance(
            instance_id=described["InstanceId"],
            identity=identity,
            state=described["State"]["Name"],
            launch_time=described["LaunchTime"].isoformat(),
            private_ip_address=described.get("PrivateIpAddress"),
            root_device_name=described.get("RootDeviceName"),
            root_volume_id=_root_disk(described).get("VolumeId"),
            tags=tags,
            attributes={
                **_attributes_of(described),
                **_disk_of(described, volumes),
                "user_data": user_data.get(described["InstanceId"]),
            },
        )
        for described, identity, tags in found
    ]


def _scopes(environment: str, role: str) -> list[dict[str, str]]:
    """The filters, one request each, that find every instance that may be a server of the role."""
    if role == "ingest":
        return [{"tag:Name": ingest_name(environment)}, {"tag:Environment": environment, "tag:Role": role}]
    return [{"tag:Environment": environment}, {"tag:Name": f"{trader_name_prefix(environment)}*"}]


def _describe_all(client: Any, scopes: list[dict[str, str]]) -> list[dict[str, Any]]:
    instances = {}
    for scope in scopes:
        for reservation in describe_instances(client, Filters=ansible_dict_to_boto3_filter_list(scope)):
            instances.update({instance["InstanceId"]: instance for instance in reservation["Instances"]})
    return list(instances.values())


def _read_volumes(client: Any, volume_ids: list[str | None]) -> dict[str, dict[str, Any]]:
    """Describe volumes by id, in as few requests as the limit on a filter's values allows."""
    known = sorted(volume_id for volume_id in volume_ids if volume_id)
    volumes: dict[str, dict[str, Any]] = {}
    for start in range(0, len(known), FILTER_VALUES):
        filters = ansible_dict_to_boto3_filter_list({"volume-id": known[start : start + FILTER_VALUES]})
        volumes.update({volume["VolumeId"]: volume for volume in describe_volumes(client, Filters=filters)})
    return volumes


def _read_user_data(client: Any, tags_by_instance: dict[str, dict[str, str]]) -> dict[str, str]:
    """Take digests from the tag that a launch writes, and ask EC2 only for hosts that something else launched."""
    digests = {
        instance_id: tags[USER_DATA_TAG] for instance_id, tags in tags_by_instance.items() if USER_DATA_TAG in tags
    }
    unknown = sorted(tags_by_instance.keys() - digests.keys())

    def ask(instance_id: str) -> str:
        answer = describe_instance_attribute(client, instance_id, "userData")
        return digest(b64decode(answer.get("UserData", {}).get("Value", "")).decode(errors="replace"))

    with ThreadPoolExecutor(WORKERS) as pool:
        return {**digests, **dict(zip(unknown, pool.map(ask, unknown), strict=True))}


def _root_disk(described: dict[str, Any]) -> dict[str, Any]:
    for mapping in described.get("BlockDeviceMappings", []):
        if mapping["DeviceName"] == described.get("RootDeviceName"):
            return mapping.get("Ebs", {})
    return {}


def _disk_of(described: dict[str, Any], volumes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    disk = _root_disk(described)
    volume = volumes.get(disk.get("VolumeId", ""), {})
    return {
        "volume_size": volume.get("Size"),
        "volume_type": volume.get("VolumeType"),
        "volume_encrypted": volume.get("Encrypted"),
        "volume_delete_on_termination": disk.get("DeleteOnTermination"),
    }


def _attributes_of(described: dict[str, Any]) -> dict[str, Any]:
    """Read what DescribeInstances says, in the words of Launch.attributes."""
    metadata = described.get("MetadataOptions", {})
    profile = described.get("IamInstanceProfile", {}).get("Arn", "")
    return {
        "image_id": described.get("ImageId"),
        "instance_type": described.get("InstanceType"),
        "key_name": described.get("KeyName"),
        "iam_instance_profile": profile.rpartition("/")[2] or None,
        "security_group_ids": sorted(group["GroupId"] for group in described.get("SecurityGroups", [])),
        "http_endpoint": metadata.get("HttpEndpoint"),
        "http_tokens": metadata.get("HttpTokens"),
        "http_put_response_hop_limit": metadata.get("HttpPutResponseHopLimit"),
        "instance_metadata_tags": metadata.get("InstanceMetadataTags"),
    }
