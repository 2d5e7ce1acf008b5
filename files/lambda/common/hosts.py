# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The environment's hosts, as EC2 shows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .aws import Aws

# Counts the stop-and-starts of a host on one day, as in "2026-02-02 1". It is a tag, so that the next invocation, and
# one at the same time, counts on from there, and so that a person who looks at the host sees it too.
REPAIRS_TAG = "Repairs"
# When the host was last asked to stop, as in "2026-02-02T21:05:03Z": no start that was asked for earlier may undo that.
STOPPED_TAG = "StoppedAt"
RETIRED_TAG = "Retired"
GONE = frozenset({"shutting-down", "terminated"})


@dataclass(frozen=True)
class Host:
    """One instance."""

    instance_id: str
    name: str
    state: str
    launched: float
    private_address: str
    public_address: str
    repairs_tag: str
    stopped_tag: str

    def repairs_on(self, day: str) -> int:
        """Return how often the host was repaired on this day."""
        tagged, _space, count = self.repairs_tag.partition(" ")
        return int(count) if tagged == day and count.isdecimal() else 0

    def was_stopped_after(self, epoch: float) -> bool:
        """Tell whether a stop was asked for after this time. What is no time, a person wrote, and it says nothing."""
        try:
            return datetime.fromisoformat(self.stopped_tag).timestamp() > epoch
        except ValueError:
            return False


def day_of(epoch: float) -> str:
    """Return the day. The exchange's hours lie within one day of UTC."""
    return datetime.fromtimestamp(epoch, UTC).date().isoformat()


def read_hosts(aws: Aws, environment: str, role: str) -> list[Host]:
    """Return all hosts of a role that are not retired, in every state, sorted by name."""
    filters = [{"Name": "tag:Environment", "Values": [environment]}, {"Name": "tag:Role", "Values": [role]}]
    # An account with many hosts takes many pages; EC2 asks for a page size with filters.
    pages = aws.ec2.get_paginator("describe_instances").paginate(Filters=filters, MaxResults=1000)
    instances = [each for page in pages for group in page["Reservations"] for each in group["Instances"]]
    hosts = [_host(each, tags) for each in instances if RETIRED_TAG not in (tags := _tags(each))]
    return sorted(hosts, key=lambda host: (host.name, host.instance_id))


def _tags(instance: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}


def _host(instance: dict[str, Any], tags: dict[str, str]) -> Host:
    return Host(
        instance_id=instance["InstanceId"],
        name=tags.get("Name") or instance["InstanceId"],
        state=instance["State"]["Name"],
        launched=instance["LaunchTime"].timestamp(),
        private_address=instance.get("PrivateIpAddress") or "",
        public_address=instance.get("PublicIpAddress") or "",
        repairs_tag=tags.get(REPAIRS_TAG, ""),
        stopped_tag=tags.get(STOPPED_TAG, ""),
    )
