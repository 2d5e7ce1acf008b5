# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What may be done to an instance in which state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.local_aws.account import Account
from tests.local_aws.errors import AwsError
from tests.local_aws.messages import AwsRequest
from tests.local_aws.strict.rules import RULES

_DEAD = ("shutting-down", "terminated")
_NEEDS_STOPPED = ("InstanceType", "UserData", "Kernel", "Ramdisk", "EbsOptimized", "SriovNetSupport", "EnaSupport")


def _require(account: Account, ids: Iterable[str], states: tuple[str, ...], complaint: str) -> None:
    for instance in account.instances(ids):
        if instance.state not in states:
            raise AwsError("IncorrectInstanceState", f"The instance '{instance.id}' {complaint}")


def _alive(account: Account, ids: Iterable[str]) -> None:
    states = ("pending", "running", "stopping", "stopped")
    _require(account, ids, states, "is not in the 'pending', 'running', 'stopping' or 'stopped' state.")


@RULES.on("ec2", "StartInstances")
def can_be_started(request: AwsRequest, account: Account) -> None:
    """A terminated instance stays dead; a stopping one must have stopped first."""
    states = ("pending", "running", "stopped")
    complaint = "is not in a state from which it can be started."
    _require(account, request.params.get("InstanceIds", []), states, complaint)


@RULES.on("ec2", "StopInstances")
def can_be_stopped(request: AwsRequest, account: Account) -> None:
    """A pending instance cannot be stopped yet, a terminated one no more."""
    states = ("running", "stopping", "stopped")
    complaint = "is not in a state from which it can be stopped."
    _require(account, request.params.get("InstanceIds", []), states, complaint)


@RULES.on("ec2", "RebootInstances")
def can_be_rebooted(request: AwsRequest, account: Account) -> None:
    """Only a running instance can be rebooted."""
    _require(account, request.params.get("InstanceIds", []), ("running",), "is not in the 'running' state.")


@RULES.on("ec2", "ModifyInstanceAttribute", "ModifyInstanceMetadataOptions", "AssociateIamInstanceProfile")
def can_be_modified(request: AwsRequest, account: Account) -> None:
    """Nothing of a terminated instance can be changed."""
    _alive(account, [request.params.get("InstanceId", "")])


@RULES.on("ec2", "ReplaceIamInstanceProfileAssociation")
def association_is_alive(request: AwsRequest, account: Account) -> None:
    """A terminated instance keeps no association that could be replaced."""
    wanted = request.params.get("AssociationId")
    for association in account.ec2.iam_instance_profile_associations.values():
        if association.association_id == wanted:
            _alive(account, [association.instance_id])


@RULES.on("ec2", "ModifyInstanceAttribute")
def must_be_stopped(request: AwsRequest, account: Account) -> None:
    """Type and user data belong to the next start."""
    named = str(request.params.get("Attribute", ""))
    if any(name in request.params or name.lower() == named.lower() for name in _NEEDS_STOPPED):
        _require(account, [request.params.get("InstanceId", "")], ("stopped",), "is not in the 'stopped' state.")


@RULES.on("ec2", "ModifyInstanceAttribute")
def groups_of_the_same_vpc(request: AwsRequest, account: Account) -> None:
    """An instance's security groups are of its VPC."""
    for instance in account.instances([request.params.get("InstanceId", "")]):
        check_groups(account, request.params.get("Groups", []), instance.vpc_id, instance.subnet_id)


@RULES.on("ec2", "ModifyInstanceAttribute")
def devices_that_are_there(request: AwsRequest, account: Account) -> None:
    """Only a disk that an instance has can be changed."""
    for instance in account.instances([request.params.get("InstanceId", "")]):
        for mapping in request.params.get("BlockDeviceMappings", []):
            device = mapping.get("DeviceName", "")
            if device not in instance.block_device_mapping:
                raise AwsError("InvalidInstanceAttributeValue", f"No device is currently mapped at {device}")


def check_groups(account: Account, ids: Iterable[str], vpc_id: str | None, subnet_id: str | None) -> None:
    """Refuse security groups that do not exist, or are another VPC's."""
    for group_id in ids:
        group: Any = account.ec2.get_security_group_from_id(group_id)
        if group is None:
            raise AwsError("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist")
        if group.vpc_id != vpc_id:
            message = f"Security group {group_id} and subnet {subnet_id} belong to different networks."
            raise AwsError("InvalidParameter", message)
