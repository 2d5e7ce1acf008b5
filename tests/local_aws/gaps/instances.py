# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Launching, starting and changing instances."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from tests.local_aws.account import Account
from tests.local_aws.front import AskNext
from tests.local_aws.gaps.profiles import show_profile
from tests.local_aws.gaps.registry import GAPS
from tests.local_aws.messages import AwsRequest, AwsResponse
from tests.local_aws.render import render, render_reservation

if TYPE_CHECKING:
    from moto.ec2.models.instances import Instance

_DONE = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Response><requestId>local</requestId><return>true</return></Response>'
)
_METADATA = {
    "HttpTokens": "http_tokens",
    "HttpPutResponseHopLimit": "http_put_response_hop_limit",
    "HttpEndpoint": "http_endpoint",
    "HttpProtocolIpv6": "http_protocol_ipv6",
    "InstanceMetadataTags": "instance_metadata_tags",
}


@GAPS.on("ec2", "RunInstances")
def run_instances(request: AwsRequest, account: Account, ask_next: AskNext) -> AwsResponse:
    """Give every instance of a launch its profile, the image's root disk, and interfaces that end with it."""
    response = ask_next(request)
    if response.status != 200:
        # moto keeps the empty reservation of a launch that failed.
        for key in [key for key, found in account.ec2.reservations.items() if not found.instances]:
            del account.ec2.reservations[key]
        return response
    reservation_id = re.findall(rb"<reservationId>([^<]+)</reservationId>", response.body)[0].decode()
    for instance in account.ec2.reservations[reservation_id].instances:
        _complete_profile(account, instance, request.params.get("IamInstanceProfile", {}))
        _complete_root_disk(account, instance, request.params.get("BlockDeviceMappings", []))
        _complete_interfaces(instance, request.params.get("NetworkInterfaces", []))
    return render_reservation(request, reservation_id, as_pending=True)


def _complete_profile(account: Account, instance: Instance, named: dict[str, str]) -> None:
    """moto associates the profile with the first instance only."""
    if not named:
        return
    if instance.id not in account.ec2.iam_instance_profile_associations:
        account.ec2.associate_iam_instance_profile(instance.id, named.get("Name"), named.get("Arn"))
    show_profile(account.ec2.iam_instance_profile_associations[instance.id])


def _complete_root_disk(account: Account, instance: Instance, mappings: list[dict[str, Any]]) -> None:
    """moto makes a disk /dev/sda1 when none is named, and no root disk when only others are."""
    root = instance.root_device_name
    image = account.ec2.amis[instance.image_id]
    if not mappings:
        instance.teardown_defaults()
    named = next((mapping for mapping in mappings if mapping.get("DeviceName") == root), None)
    if named is None:
        size = image.ebs_snapshot.volume.size
        instance.add_block_device(size, root, None, False, True, None, "gp3")
    elif "DeleteOnTermination" not in named.get("Ebs", {}):
        instance.block_device_mapping[root].delete_on_termination = True


def _complete_interfaces(instance: Instance, named: list[dict[str, Any]]) -> None:
    """moto leaves an interface behind that was made for the instance, where nobody says that it goes with it."""
    kept = {each.get("DeviceIndex", 0) for each in named if each.get("DeleteOnTermination") is False}
    given = {each.get("DeviceIndex", 0) for each in named if "NetworkInterfaceId" in each}
    for index, interface in instance.nics.items():
        if int(index) not in kept | given:
            interface.delete_on_termination = True


@GAPS.on("ec2", "TerminateInstances")
def terminate_instances(request: AwsRequest, account: Account, ask_next: AskNext) -> AwsResponse:
    """moto looks for the interfaces that are gone when an instance is terminated once more."""
    response = ask_next(request)
    if response.status == 200:
        for instance in account.instances(request.params.get("InstanceIds", [])):
            for interface in instance.nics.values():
                interface.delete_on_termination = False
    return response


@GAPS.on("ec2", "ModifyInstanceMetadataOptions")
def modify_metadata_options(request: AwsRequest, account: Account, ask_next: AskNext) -> AwsResponse:
    """moto forgets the options that a call does not name."""
    before = {
        instance.id: vars(instance.metadata_options).copy()
        for instance in account.instances([request.params.get("InstanceId", "")])
    }
    response = ask_next(request)
    if response.status == 200:
        for instance in account.instances(before):
            for parameter, attribute in _METADATA.items():
                if parameter not in request.params:
                    setattr(instance.metadata_options, attribute, before[instance.id][attribute])
    return response


@GAPS.on("ec2", "ModifyInstanceAttribute")
def modify_attribute(request: AwsRequest, account: Account, ask_next: AskNext) -> AwsResponse:
    """moto cannot take new user data, and leaves the groups of the network interface as they were."""
    from moto.core.types import Base64EncodedString

    instances = account.instances([request.params.get("InstanceId", "")])
    if "UserData" in request.params and instances:
        data = request.params["UserData"].get("Value", b"")
        instances[0].user_data = Base64EncodedString(base64.b64encode(data).decode())
        return render(request, None)
    response = ask_next(request)
    if response.status == 200 and request.params.get("Groups"):
        for instance in instances:
            instance.nics[0]._group_set = list(instance.security_groups)
    return response
