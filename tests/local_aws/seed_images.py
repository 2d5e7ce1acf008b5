# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""AMIs: two generations of each kind, so that "the newest" means something."""

from __future__ import annotations

from tests.local_aws.clients import Client

# In the order of their making: the second of each kind is the newer one.
IMAGES = (
    "alpaca-websocket-2026-01-05",
    "trading-server-2026-01-05",
    "alpaca-websocket-2026-02-02",
    "trading-server-2026-02-02",
)


def seed_images(ec2: Client) -> str:
    """Register the images that are missing."""
    there = {image["Name"] for image in ec2.describe_images(Owners=["self"])["Images"]}
    for name in IMAGES:
        if name not in there:
            ec2.register_image(
                Name=name,
                Description="Seeded by the local AWS",
                Architecture="x86_64",
                VirtualizationType="hvm",
                RootDeviceName="/dev/xvda",
                EnaSupport=True,
                BlockDeviceMappings=[
                    {
                        "DeviceName": "/dev/xvda",
                        "Ebs": {"VolumeSize": 8, "VolumeType": "gp3", "DeleteOnTermination": True},
                    }
                ],
            )
    return f"{len(IMAGES)} images"
