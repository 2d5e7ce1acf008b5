# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Launches that AWS refuses; none of these tests changes anything."""

from __future__ import annotations

from typing import Any

import pytest

from tests.selftest.conftest import Host
from tests.selftest.helpers import IN_METADATA, error_of, instance_tags


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ImageId": "ami-00000000000000000"}, "InvalidAMIID.NotFound"),
        ({"ImageId": "image"}, "InvalidAMIID.Malformed"),
        ({"KeyName": "none"}, "InvalidKeyPair.NotFound"),
        ({"InstanceType": "t3.huge"}, "InvalidParameterValue"),
        ({"InstanceType": "t4g.small"}, "InvalidParameterValue"),
        ({"SubnetId": "subnet-00000000000000000"}, "InvalidSubnetID.NotFound"),
        ({"SecurityGroupIds": ["sg-00000000000000000"]}, "InvalidGroup.NotFound"),
        ({"UserData": "x" * 16_385}, "InvalidParameterValue"),
        ({"IamInstanceProfile": {"Name": "none"}}, "InvalidParameterValue"),
        ({"IamInstanceProfile": {"Arn": "arn:aws:iam::123456789012:instance-profile/none"}}, "InvalidParameterValue"),
        ({"MinCount": 2}, "InvalidParameterValue"),
        ({"MaxCount": 2}, "NotImplementedByLocalAws"),
        ({"TagSpecifications": instance_tags(("k" * 129, ""))}, "InvalidParameterValue"),
        ({"TagSpecifications": instance_tags(("k", "v" * 257))}, "InvalidParameterValue"),
        ({"TagSpecifications": instance_tags(("aws:k", ""))}, "InvalidParameterValue"),
        ({"TagSpecifications": instance_tags(("k", "1"), ("k", "2"))}, "InvalidParameterValue"),
        ({"TagSpecifications": instance_tags(*((f"k{n}", "") for n in range(51)))}, "TagLimitExceeded"),
        ({"TagSpecifications": instance_tags(("a/b", "")), "MetadataOptions": IN_METADATA}, "InvalidParameterValue"),
        ({"TagSpecifications": instance_tags(("_index", "")), "MetadataOptions": IN_METADATA}, "InvalidParameterValue"),
        ({"BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 4}}]}, "InvalidBlockDeviceMapping"),
    ],
)
def test_a_launch_that_cannot_be(lasting_host: Host, changes: dict[str, Any], code: str) -> None:
    assert error_of(lasting_host.run, **changes) == code
    assert lasting_host.ec2.describe_instances()["Reservations"] == []
