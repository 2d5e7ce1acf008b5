# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""RunInstances: everything that it names must exist and fit together."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from tests.local_aws.account import Account
from tests.local_aws.errors import AwsError
from tests.local_aws.messages import AwsRequest
from tests.local_aws.strict.ec2_instances import check_groups
from tests.local_aws.strict.rules import RULES

if TYPE_CHECKING:
    from moto.ec2.models.amis import Ami

_USER_DATA_BYTES = 16_384


@RULES.on("ec2", "RunInstances")
def image_exists(request: AwsRequest, account: Account) -> None:
    """The image exists, and its architecture is the instance type's."""
    image_id = request.params.get("ImageId")
    if "LaunchTemplate" in request.params:
        raise AwsError("NotImplementedByLocalAws", "The local AWS does not launch from launch templates.", 501)
    if not image_id:
        raise AwsError("MissingParameter", "The request must contain the parameter ImageId")
    if not image_id.startswith("ami-"):
        raise AwsError("InvalidAMIID.Malformed", f'Invalid id: "{image_id}" (expecting "ami-...")')
    image = account.ec2.amis.get(image_id)
    if image is None:
        raise AwsError("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
    if image.state != "available":
        raise AwsError("InvalidAMIID.Unavailable", f"The image ID '{image_id}' is not available")
    _check_type(request.params.get("InstanceType", "m1.small"), image)
    _check_root_size(request, image)


def _check_type(name: str, image: Ami) -> None:
    from moto.ec2.models.instance_types import INSTANCE_TYPES

    found: dict[str, Any] | None = INSTANCE_TYPES.get(name)
    if found is None:
        raise AwsError("InvalidParameterValue", f"Invalid value '{name}' for InstanceType.")
    supported = found.get("ProcessorInfo", {}).get("SupportedArchitectures", [])
    if image.architecture and supported and image.architecture not in supported:
        raise AwsError(
            "InvalidParameterValue",
            f"The architecture '{','.join(supported)}' of the specified instance type does not match "
            f"the architecture '{image.architecture}' of the specified AMI.",
        )


def _check_root_size(request: AwsRequest, image: Ami) -> None:
    """A disk cannot be smaller than the snapshot that it is made from."""
    least = image.ebs_snapshot.volume.size
    for mapping in request.params.get("BlockDeviceMappings", []):
        size = mapping.get("Ebs", {}).get("VolumeSize")
        if mapping.get("DeviceName") == image.root_device_name and size is not None and size < least:
            raise AwsError(
                "InvalidBlockDeviceMapping",
                f"Volume of size {size}GB is smaller than snapshot '{image.ebs_snapshot.id}', expect size >= {least}GB",
            )


@RULES.on("ec2", "RunInstances")
def count_is_fixed(request: AwsRequest, account: Account) -> None:
    """moto makes MinCount instances where AWS would make up to MaxCount."""
    least, most = request.params.get("MinCount", 0), request.params.get("MaxCount", 0)
    if least < 1 or most < least:
        message = f"Value ({least}) for parameter minCount is invalid. It must be between 1 and maxCount ({most})."
        raise AwsError("InvalidParameterValue", message)
    if least != most:
        raise AwsError("NotImplementedByLocalAws", "The local AWS needs MinCount and MaxCount to be equal.", 501)


@RULES.on("ec2", "RunInstances")
def key_pair_exists(request: AwsRequest, account: Account) -> None:
    """The key pair exists, if one is named."""
    name = request.params.get("KeyName")
    if name is not None and name not in account.ec2.key_pairs:
        raise AwsError("InvalidKeyPair.NotFound", f"The key pair '{name}' does not exist")


@RULES.on("ec2", "RunInstances")
def network_fits(request: AwsRequest, account: Account) -> None:
    """The subnet exists, and the groups are of its VPC."""
    _check_network(account, request.params)
    for interface in request.params.get("NetworkInterfaces", []):
        if "NetworkInterfaceId" not in interface:
            _check_network(account, {**interface, "SecurityGroupIds": interface.get("Groups", [])})


def _check_network(account: Account, where: dict[str, Any]) -> None:
    subnet_id = where.get("SubnetId")
    if subnet_id is None:
        vpc = account.ec2.get_default_vpc()
        check_groups(account, where.get("SecurityGroupIds", []), vpc.id if vpc else None, "of the default VPC")
        return
    subnets = {subnet.id: subnet for subnet in account.ec2.describe_subnets()}
    if subnet_id not in subnets:
        raise AwsError("InvalidSubnetID.NotFound", f"The subnet ID '{subnet_id}' does not exist")
    if where.get("SecurityGroups"):
        message = "The parameter groupName cannot be used with the parameter subnet"
        raise AwsError("InvalidParameterCombination", message)
    check_groups(account, where.get("SecurityGroupIds", []), subnets[subnet_id].vpc_id, subnet_id)


@RULES.on("ec2", "RunInstances", "ModifyInstanceAttribute")
def user_data_fits(request: AwsRequest, account: Account) -> None:
    """User data is at most 16 KB before its encoding."""
    data = request.params.get("UserData")
    if isinstance(data, str):
        try:
            data = base64.b64decode(data, validate=True)
        except binascii.Error as error:
            raise AwsError("InvalidParameterValue", "Invalid BASE64 encoding of user data.") from error
    elif isinstance(data, dict):
        data = data.get("Value", b"")
    if data and len(data) > _USER_DATA_BYTES:
        raise AwsError("InvalidParameterValue", f"User data is limited to {_USER_DATA_BYTES} bytes")


@RULES.on("ec2", "RunInstances", "AssociateIamInstanceProfile", "ReplaceIamInstanceProfileAssociation")
def profile_exists(request: AwsRequest, account: Account) -> None:
    """The instance profile exists and carries a role."""
    named = request.params.get("IamInstanceProfile", {})
    field = "Arn" if "Arn" in named else "Name"
    wanted = named.get(field)
    if wanted is None:
        return
    profiles = account.iam.instance_profiles.values()
    profile = next((each for each in profiles if wanted == (each.arn if field == "Arn" else each.name)), None)
    if profile is None:
        kind = "ARN" if field == "Arn" else "name"
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({wanted}) for parameter iamInstanceProfile.{field.lower()} is invalid. "
            f"Invalid IAM Instance Profile {kind}",
        )
    if not profile.roles:
        message = f'IAM Instance Profile "{profile.arn}" has no associated IAM Roles'
        raise AwsError("InvalidParameterValue", message)
