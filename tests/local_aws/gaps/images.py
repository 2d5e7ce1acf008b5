# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""RegisterImage: moto keeps the name and the description only."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.local_aws.account import Account
from tests.local_aws.front import AskNext
from tests.local_aws.gaps.registry import GAPS
from tests.local_aws.messages import AwsRequest, AwsResponse

if TYPE_CHECKING:
    from moto.ec2.models.amis import Ami


@GAPS.on("ec2", "RegisterImage")
def register_image(request: AwsRequest, account: Account, ask_next: AskNext) -> AwsResponse:
    """Keep the root device and the architecture too, and let each image be newer than those before it."""
    from moto.ec2.models.amis import Ami

    Ami.block_device_mappings = property(_mappings)  # type: ignore[assignment]  # moto's own is replaced
    earlier = [image.creation_date for image in account.ec2.amis.values()]
    response = ask_next(request)
    made = re.search(rb"<imageId>([^<]+)</imageId>", response.body)
    if response.status != 200 or made is None:
        return response
    image = account.ec2.amis[made.group(1).decode()]
    # moto writes whole seconds; two images of one second could not be told apart by their age.
    image.creation_date = max([image.creation_date, *(date + timedelta(seconds=1) for date in earlier)])
    params = request.params
    image.architecture = params.get("Architecture", "x86_64")
    image.virtualization_type = params.get("VirtualizationType", "hvm")
    image.root_device_name = params.get("RootDeviceName", "/dev/xvda")
    image.root_device_type = "ebs"
    image.hypervisor = "xen"
    for mapping in params.get("BlockDeviceMappings", []):
        if mapping.get("DeviceName") == image.root_device_name:
            image.ebs_snapshot.volume.size = mapping.get("Ebs", {}).get("VolumeSize", 8)
    return response


def _mappings(image: Ami) -> list[dict[str, Any]]:
    """moto shows 15 GiB for every image."""
    size = image.ebs_snapshot.volume.size
    ebs = {"SnapshotId": image.ebs_snapshot.id, "VolumeSize": size, "DeleteOnTermination": True, "VolumeType": "gp3"}
    return [{"DeviceName": image.root_device_name, "Ebs": ebs}]
